"""Examines this machine: PlatformIO, and acpublish in the Python that runs PlatformIO."""

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

#: The versions that the tests run, from the first up to but not including the second.
_SUPPORTED = ((6, 1, 18), (6, 3))
_TIMEOUT_S = 60.0
_OURS = "acpublish"
_PRINT_VERSION = f"from importlib.metadata import version; print(version({_OURS!r}))"


def check_machine(environ: Mapping[str, str]) -> list[Finding]:
    """Examines this machine.

    Args:
        environ: The environment variables.
    """
    programs = _programs(environ)
    if not programs:
        where = "on PATH or in PlatformIO's own folder"
        hint = "Run this where you run pio; in VS Code, in PlatformIO's own terminal."
        return [not_checked("platformio", f"there is no pio {where}", hint)]
    return [finding for program in programs for finding in _findings(program, environ)]


def _programs(environ: Mapping[str, str]) -> list[str]:
    """Returns the programs that users of this machine may run as pio."""
    core = Path(environ.get("PLATFORMIO_CORE_DIR") or os.path.expanduser("~/.platformio"))  # noqa: PTH111
    # The VS Code extension installs PlatformIO there, and does not change PATH.
    own = os.pathsep.join(str(core / "penv" / folder) for folder in ("bin", "Scripts"))
    path = environ.get("PATH", os.defpath)
    programs = [
        shutil.which("pio", path=path) or shutil.which("platformio", path=path),
        shutil.which("pio", path=own),
    ]
    return list({os.path.realpath(path): path for path in programs if path}.values())


def _findings(program: str, environ: Mapping[str, str]) -> Iterator[Finding]:
    output = _output([program, "system", "info", "--json-output"], environ)
    try:
        info = json.loads(output or "")
        core, python = (str(info[key]["value"]) for key in ("core_version", "python_exe"))
    except (ValueError, KeyError, TypeError):
        what = f"{program} system info does not work"
        yield not_checked("platformio", what, "Run pio system info to see why.")
        return
    yield _supported(program, core, python, environ)
    yield _installed(python, environ)


def _supported(program: str, core: str, python: str, environ: Mapping[str, str]) -> Finding:
    numbers = tuple(int(digits) for digits in re.findall(r"\d+", core)[:3])
    first, end = _SUPPORTED
    if first <= numbers < end:
        return ok("platformio", f"PlatformIO {core} ({program})")
    return warning(
        "platformio",
        f"PlatformIO {core} ({program}) is not one of the versions that acpublish is tested with "
        "(6.1.18 to 6.2)",
        f"Run {_pip(python, environ)} --upgrade 'platformio>=6.1.18,<6.3'.",
    )


def _installed(python: str, environ: Mapping[str, str]) -> Finding:
    # Python would import a package of this name in the current folder first.
    theirs = (_output([python, "-c", _PRINT_VERSION], environ, Path(python).parent) or "").strip()
    ours = version(_OURS)
    if not theirs:
        return error(
            _OURS,
            f"acpublish is not installed in the Python that runs pio ({python}), so the extra "
            "script fails",
            f"Run {_pip(python, environ)} acpublish.",
        )
    if theirs != ours:
        return warning(
            _OURS,
            f"the Python that runs pio ({python}) has acpublish {theirs}, but this is {ours}",
            f"Run {_pip(python, environ)} acpublish=={ours}.",
        )
    return ok(_OURS, f"the Python that runs pio has acpublish {ours} ({python})")


def _pip(python: str, environ: Mapping[str, str]) -> str:
    """Returns the command that installs packages in a Python, which may have no pip."""
    folder = Path(python).parent
    # pioarduino makes its Python with uv, and keeps uv there.
    uv = shutil.which("uv", path=str(folder))
    if uv and _output([python, "-c", "import pip"], environ, folder) is None:
        return f'"{uv}" pip install --python "{python}"'
    return f'"{python}" -m pip install'


def _output(
    command: list[Any], environ: Mapping[str, str], folder: Path | None = None
) -> str | None:
    """Returns the output of a program, None if it fails."""
    try:
        process = subprocess.run(
            command,
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return process.stdout if process.returncode == 0 else None
