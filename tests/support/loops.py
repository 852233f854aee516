"""Both event loops: uvloop, and asyncio as where uvloop does not install."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.support.server import RunningServer, running_server

LOOPS = ["uvloop", "asyncio"]
#: The loop of servers for which a test does not choose one.
LOOP = os.environ.get("ACPUBLISH_TEST_LOOP", "uvloop")

_Result = TypeVar("_Result")


def run_on(
    kind: str, main: Coroutine[Any, Any, _Result], patience_s: float | None = None
) -> _Result:
    """Runs a coroutine on a new loop of this process.

    Args:
        kind: One of LOOPS.
        main: The coroutine.
        patience_s: How long it may take.
    """
    loop: asyncio.AbstractEventLoop
    # A test that is skipped does not await it.
    with contextlib.closing(main):
        if kind == "uvloop":
            loop = pytest.importorskip("uvloop").new_event_loop()
        else:
            loop = asyncio.SelectorEventLoop()
        try:
            result = loop.run_until_complete(asyncio.wait_for(main, patience_s))
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            loop.close()
    return result


def hide_uvloop(tmp: Path) -> str:
    """Returns a PYTHONPATH with which processes do not find uvloop."""
    hidden = tmp / "hidden"
    hidden.mkdir(exist_ok=True)
    (hidden / "uvloop.py").write_text("raise ImportError('hidden by the test')\n")
    return str(hidden)


def loop_of(server: RunningServer) -> str:
    """Returns the loop that a server runs on, by the libraries that its process has loaded."""
    maps = Path(f"/proc/{server.process.pid}/maps")
    if not maps.exists():
        pytest.skip("only Linux says which libraries a process has loaded")
    return "uvloop" if "/uvloop/" in maps.read_text() else "asyncio"


@contextlib.contextmanager
def server_on(loop: str, catalog: Path, tmp: Path, *options: str) -> Iterator[RunningServer]:
    """Runs the server on a loop.

    Args:
        loop: One of LOOPS.
        catalog: What to serve.
        tmp: Where the log and the state go.
        options: Further options of the command.
    """
    if loop == "uvloop":
        pytest.importorskip("uvloop")
        path = ""
    else:
        path = hide_uvloop(tmp)
    with running_server(catalog, tmp, *options, env={"PYTHONPATH": path}) as server:
        yield server


def tls_port(server: RunningServer) -> int:
    """Returns the port for TLS, which the second line of the server's output has."""
    assert server.process.stdout is not None
    line = server.process.stdout.readline().decode()
    assert " at https://127.0.0.1:" in line, line
    return int(line.rpartition(":")[2])
