"""``pio run`` in processes that need not load PlatformIO and SCons again; see :mod:`preloaded`.

``python -m tests.support.preloaded_pio FD`` is the process that forks. A fork becomes what
``python -m platformio`` is. Before that, it forks once more: for each environment PlatformIO starts
``python scons.py``, and that becomes a fork of this second process, which has loaded as much and
has done nothing yet. All of them are in one process group, as they are without this.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import runpy
import socket
import subprocess
import sys
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support import preloaded

#: What a run loads in any case.
_MODULES = (
    *("platformio.cli", "platformio.run.cli", "platformio.platform.factory"),
    *("platformio.maintenance", "platformio.test.runners.factory", "platformio.builder"),
    *("SCons.Script.Main", "SCons.Tool", "SCons.Defaults", "elftools.elf.elffile"),
    *("requests", "acpublish.pio.hook"),
)
#: What interpreters, SCons and PlatformIO may read while they load.
_READ_EARLY = ("PYTHON", "LC_", "LD_", "LANG", "PLATFORMIO_", "SCONS")


def can_fork(python: str, core: Mapping[str, str], env: Mapping[str, str]) -> bool:
    """Returns whether a run may be a fork: its interpreter is like that of the one preloaded.

    Args:
        python: The interpreter that has PlatformIO.
        core: The environment of all runs with a core directory.
        env: The whole environment of this run.
    """
    given = dict(env.items() - core.items())
    return (
        sys.platform == "linux"
        and python == sys.executable
        and core.keys() <= env.keys()
        and not any(name.startswith(_READ_EARLY) for name in given)
    )


def run(
    args: Sequence[str], core: Mapping[str, str], env: Mapping[str, str], cwd: Path, wait_s: float
) -> tuple[int, str]:
    """Runs ``python -m platformio`` to its end.

    Args:
        args: Its arguments.
        core: The environment of all runs with a core directory.
        env: Its whole environment.
        cwd: Its folder.
        wait_s: How long it may take to end after its output has.

    Returns:
        Its exit status, and what it printed on both streams.
    """
    source = _source(tuple(sorted(core.items())))
    process = source.fork(["platformio", *args], cwd, env)
    assert process.stdout is not None
    with process.stdout as output:
        text = output.read().decode()
    return process.wait(wait_s), text


@functools.cache
def _source(core: tuple[tuple[str, str], ...]) -> preloaded.Preloaded:
    return preloaded.Preloaded("tests.support.preloaded_pio", dict(core))


def _become(request: dict[str, Any], folder: str) -> None:
    preloaded.become(request)
    sys.argv = request["words"]
    sys.path[0] = folder


def _main(link: socket.socket) -> None:
    request = preloaded.serve(link)
    for_scons, theirs = preloaded.link_pair()
    if os.fork() == 0:
        for_scons.close()
        for fd in (*request["fds"], 0, 1, 2):
            os.close(fd)
        for _ in range(3):
            # Nothing but the run itself keeps its output open.
            os.open(os.devnull, os.O_RDWR)
        request = preloaded.serve(theirs)
        script = request["words"][0]
        _become(request, str(Path(script).parent))
        runpy.run_path(script, run_name="__main__")
        return
    theirs.close()
    _become(request, request["cwd"])
    _let_scons_fork(preloaded.Preloaded.of(for_scons))
    runpy.run_module("platformio", run_name="__main__", alter_sys=True)


class _Scons:
    """A forked SCons, as much of ``subprocess.Popen`` as PlatformIO uses for it."""

    def __init__(self, source: preloaded.Preloaded, words: Sequence[str], streams: Any) -> None:
        fds = [0, *(streams[name].fileno() for name in ("stdout", "stderr"))]
        self._forked = preloaded.Forked(words, source.start(words, fds, None, os.environ), None)

    def __enter__(self) -> _Scons:
        return self

    def __exit__(self, *_: object) -> None:
        self._forked.wait()

    def communicate(self) -> tuple[None, None]:
        self._forked.wait()
        return None, None

    @property
    def returncode(self) -> int | None:
        return self._forked.returncode


def _let_scons_fork(source: preloaded.Preloaded) -> None:
    proc: Any = importlib.import_module("platformio.proc")

    def popen(command: Any, **options: Any) -> Any:
        if Path(command[1]).name == "scons.py" and options.keys() == {"stdout", "stderr"}:
            return _Scons(source, command[1:], options)
        return subprocess.Popen(command, **options)

    # Only what runs SCons gets it.
    proc.subprocess = types.SimpleNamespace(**{**vars(subprocess), "Popen": popen})


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        preloaded.load(_MODULES)
        _main(socket.socket(fileno=int(sys.argv[1])))
