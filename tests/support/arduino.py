"""An ESP8266-like Arduino core for Debian's arduino-builder, of the parts of the PlatformIO bed.

The core lies in a folder of its own, so that ``acpublish init --arduino`` can write into it::

    core = make_core(tmp_path / "hardware")
    run = build(core, sketch, tmp_path / "build", {"ACPUBLISH_TO": str(catalog)})
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.pio import PLATFORM_DIR, compilers

__all__ = ["Built", "build", "make_core", "missing_part"]

_CORE = Path(__file__).resolve().parent / "arduino_core"
_RUNTIME = PLATFORM_DIR / "runtime"
_SCRIPTS = PLATFORM_DIR / "ldscripts"
_BUILDER_FILES = Path("/usr/share/arduino-builder")
#: What platform.txt leaves to the machine.
_PLACES = {"@PYTHON@": sys.executable, "@PLATFORM@": str(PLATFORM_DIR)}
_LOADER = [
    "-mlongcalls",
    "-mtext-section-literals",
    "-Os",
    "-ffreestanding",
    "-nostdlib",
    "-static",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """How a build ended: its status, what it printed, and the image."""

    returncode: int
    output: str
    image: Path


def missing_part() -> str | None:
    """Returns why nothing can be built here, None if it can."""
    if not shutil.which("arduino-builder"):
        return "arduino-builder is not installed (Debian: apt-get install arduino-builder)"
    return compilers()["esp8266"]


def make_core(hardware: Path) -> Path:
    """Makes the core below a hardware folder; returns the core's own folder."""
    core = hardware / "acptest" / "esp8266"
    sources = core / "cores" / "esp8266"
    sources.mkdir(parents=True)
    for folder in ("common", "esp8266"):
        for path in (_RUNTIME / folder).iterdir():
            if path.is_file():
                shutil.copy(path, sources)
    text = (_CORE / "platform.txt").read_text()
    for place, path in _PLACES.items():
        text = text.replace(place, path)
    (core / "platform.txt").write_text(text)
    shutil.copy(_CORE / "boards.txt", core)
    subprocess.run(
        [
            *("xtensa-lx106-elf-gcc", *_LOADER, "-T", str(_SCRIPTS / "eboot.ld")),
            *("-o", str(core / "eboot.elf"), str(PLATFORM_DIR / "eboot" / "eboot.c")),
        ],
        check=True,
    )
    return core


def build(core: Path, sketch: Path, folder: Path, variables: Mapping[str, str]) -> Built:
    """Builds a sketch with arduino-builder.

    Args:
        core: What :func:`make_core` made.
        sketch: The sketch's .ino file.
        folder: Where to build; made if needed, and kept for the next build.
        variables: What to add to an environment that has nothing but PATH and HOME.
    """
    folder.mkdir(exist_ok=True)
    home = core.parents[2] / "home"
    home.mkdir(exist_ok=True)
    done = subprocess.run(
        [
            *("arduino-builder", "-compile", "-hardware", str(_BUILDER_FILES)),
            *("-hardware", str(core.parents[1]), "-tools", "/usr/bin"),
            *("-fqbn", "acptest:esp8266:d1_mini", "-build-path", str(folder), str(sketch)),
        ],
        env={"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return Built(
        returncode=done.returncode, output=done.stdout, image=folder / f"{sketch.name}.bin"
    )
