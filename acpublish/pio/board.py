"""What PlatformIO knows of a board and a build that the image does not tell.

The image of the filesystem, which PlatformIO builds only for its own targets.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from acpublish.errors import PartitionError, SettingsError
from acpublish.release.declared import Declared, flash_bytes

__all__ = ["board_partitions", "declared_by", "filesystem_image"]


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


def filesystem_image(env: Any, chip: str, *, build: bool) -> Any:
    """Returns what ``uploadfs_ota`` depends on: the node of the image, or the file's path.

    The espressif platforms name the image in a variable each, and have the builder ``DataToBin``
    in every run (``builder/main.py`` of platform-espressif8266 and platform-espressif32).

    Args:
        env: SCons' environment.
        chip: The board's.
        build: Whether the image has to be built in this run, and nothing else does it.

    Raises:
        SettingsError: There is nothing to build it of, or the platform builds none.
    """
    variable = "ESP8266_FS_IMAGE_NAME" if chip == "esp8266" else "ESP32_FS_IMAGE_NAME"
    name = f"$BUILD_DIR/${{{variable}}}"
    if not build:
        return f"{name}.bin"
    if "DataToBin" not in env["BUILDERS"]:
        raise SettingsError(
            "the platform builds no image of a filesystem",
            hint="Build it yourself, and use acpublish publish --kind filesystem.",
        )
    folder = Path(env.subst("$PROJECT_DATA_DIR"))
    if not folder.is_dir():
        raise SettingsError(
            f"there is no folder {folder} for the filesystem",
            hint="Put the files of the filesystem there, or set data_dir in platformio.ini.",
        )
    image = env.DataToBin(name, "$PROJECT_DATA_DIR")
    env.NoCache(image)
    env.AlwaysBuild(image)
    return image
