"""Examines this machine: PlatformIO, and whether the Python that runs it has acpublish."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from acpublish.doctor.findings import Finding, error, not_checked, ok, warning

__all__ = ["check_machine"]

#: The versions that the tests run: from the first to before the second.
_SUPPORTED = ((6, 1, 18), (6, 3))
_PATIENCE_S = 60.0
_OURS = "acpublish"
_ASK_VERSION = f"from importlib.metadata import version; print(version({_OURS!r}))"


def check_machine(environ: Mapping[str, str]) -> list[Finding]:
    """Examines this machine.

    Args:
        environ: The environment variables.
    """
    programs = _programs(environ)
    if not programs:
        where = "on PATH and in PlatformIO's own folder"
        hint = "Run this where pio run runs, in VS Code in PlatformIO's own terminal."
        return [not_checked("platformio", f"there is no pio {where}", hint)]
    return [one for program in programs for one in _look_at(program, environ)]


def _programs(environ: Mapping[str, str]) -> list[str]:
    """Returns the programs that somebody here may run as pio."""
    core = Path(environ.get("PLATFORMIO_CORE_DIR") or os.path.expanduser("~/.platformio"))  # noqa: PTH111
    # The extension of VS Code installs PlatformIO there, and leaves PATH as it is.
    own = os.pathsep.join(str(core / "penv" / folder) for folder in ("bin", "Scripts"))
    path = environ.get("PATH", os.defpath)
    found = [
        shutil.which("pio", path=path) or shutil.which("platformio", path=path),
        shutil.which("pio", path=own),
    ]
    return list({os.path.realpath(one): one for one in found if one}.values())


def _look_at(program: str, environ: Mapping[str, str]) -> Iterator[Finding]:
    told = _asked([program, "system", "info", "--json-output"], environ)
    try:
        info = json.loads(told or "")
        core, python = (str(info[key]["value"]) for key in ("core_version", "python_exe"))
    except (ValueError, KeyError, TypeError):
        what = f"{program} system info tells nothing"
        yield not_checked("platformio", what, "Run pio system info, and see what it says.")
        return
    yield _supported(program, core, python)
    yield _installed(python, environ)


def _supported(program: str, core: str, python: str) -> Finding:
    numbers = tuple(int(digits) for digits in re.findall(r"\d+", core)[:3])
    first, end = _SUPPORTED
    if first <= numbers < end:
        return ok("platformio", f"PlatformIO {core} ({program})")
    return warning(
        "platformio",
        f"PlatformIO {core} ({program}) is none of the versions that acpublish is tested with, "
        "6.1.18 to 6.2",
        f"Run {_pip(python)} --upgrade 'platformio>=6.1.18,<6.3'.",
    )


def _installed(python: str, environ: Mapping[str, str]) -> Finding:
    # Whatever lies in the current folder would be found first.
    theirs = (_asked([python, "-c", _ASK_VERSION], environ, Path(python).parent) or "").strip()
    ours = version(_OURS)
    if not theirs:
        return error(
            _OURS,
            f"the Python that runs pio ({python}) has no acpublish, so that the extra script fails",
            f"Run {_pip(python)} acpublish.",
        )
    if theirs != ours:
        return warning(
            _OURS,
            f"the Python that runs pio ({python}) has acpublish {theirs}, and this is {ours}",
            f"Run {_pip(python)} acpublish=={ours}.",
        )
    return ok(_OURS, f"the Python that runs pio has acpublish {ours} ({python})")


def _pip(python: str) -> str:
    return f'"{python}" -m pip install'


def _asked(
    command: list[Any], environ: Mapping[str, str], folder: Path | None = None
) -> str | None:
    """Returns what a program prints, None where it fails."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
