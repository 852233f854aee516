"""What PlatformIO knows of a board and a build that the image does not tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from acpublish.errors import PartitionError
from acpublish.release import Declared
from acpublish.release.declared import flash_bytes

__all__ = ["board_partitions", "declared_by"]


def declared_by(env: Any, environment: str) -> Declared:
    """Returns the size of the board's flash, and whether this is a debug build."""
    size = flash_bytes(str(env.BoardConfig().get("upload.flash_size", "")))
    kind = env.GetProjectConfig().get(f"env:{environment}", "build_type", None)
    return Declared(flash_bytes=size, debug=str(kind or "release") == "debug")


def board_partitions(env: Any, chip: str, project: Path) -> Path | None:
    """Returns the board's partition table; None for an ESP8266, or where there is none to read.

    The platform finds the file out itself for the frameworks that it knows, and says so in
    ``PARTITIONS_TABLE_CSV`` (platform-espressif32 ``builder/main.py`` and its frameworks). A table
    of the project stands beside platformio.ini, one of the Arduino core in its ``partitions``.
    """
    if chip == "esp8266":
        return None
    named = str(env.BoardConfig().get("build.partitions", "") or "")
    resolved = str(env.get("PARTITIONS_TABLE_CSV", "") or "")
    found = [Path(env.subst(resolved))] if resolved else []
    if named:
        found += [project / named, *_of_the_core(env, named)]
    return next(filter(_is_table, found), None)


def _of_the_core(env: Any, named: str) -> list[Path]:
    platform = env.PioPlatform()
    name = "framework-arduinoespressif32"
    folder = platform.get_package_dir(name) if name in platform.packages else None
    return [Path(folder, "tools", "partitions", named)] if folder else []


def _is_table(path: Path) -> bool:
    from acpublish.publishing.partitions import read_table

    # What the build could not use it will say itself; the check is then not made.
    try:
        read_table(path)
    except PartitionError:
        return False
    return True
