"""What PlatformIO knows about a board and a build, and the image does not contain.

That is the size of the flash, the type of build, the partition table, and the filesystem image,
which PlatformIO builds only for its own targets.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from acpublish.errors import SettingsError
from acpublish.release.declared import Declared, esp8266_layout, flash_bytes

_ESP32_CORE = "framework-arduinoespressif32"


def declared_by(env: Any, environment: str) -> Declared:
    """Returns what is known of the board's flash, and whether this is a debug build."""
    board = env.BoardConfig()
    size = flash_bytes(str(board.get("upload.flash_size", "")))
    layout: tuple[int | None, int | None] = (None, None)
    if str(board.get("build.mcu", "")) == "esp8266":
        layout = esp8266_layout(_linker_script(env), board.get("upload.maximum_size", None))
    build_type = env.GetProjectConfig().get(f"env:{environment}", "build_type", None)
    return Declared(
        flash_bytes=size or layout[0],
        ota_bytes=layout[1],
        debug=str(build_type or "release") == "debug",
    )


def _linker_script(env: Any) -> str:
    """Returns the name of the linker script: a flag's, as PlatformIO prefers it, or the board's."""
    for flag in map(str, env.get("LINKFLAGS") or ()):
        if flag.startswith("-Wl,-T"):
            return Path(flag.removeprefix("-Wl,-T").strip('" ')).name
    return Path(str(env.BoardConfig().get("build.ldscript", "") or "")).name


def board_partitions(env: Any, chip: str, project: Path) -> Path | None:
    """Returns the board's partition table; None for an ESP8266, or if there is no readable one.

    For the frameworks that it knows, the platform finds the file itself and puts its path in
    ``PARTITIONS_TABLE_CSV`` (platform-espressif32 ``builder/main.py`` and its frameworks). A table
    of the project is next to platformio.ini, one of the Arduino core in the core's ``partitions``.
    """
    if chip == "esp8266":
        return None
    from acpublish.publishing.partitions import is_table

    configured = str(env.BoardConfig().get("build.partitions", "") or "")
    resolved = str(env.get("PARTITIONS_TABLE_CSV", "") or "")
    candidates = [Path(env.subst(resolved))] if resolved else []
    if configured:
        candidates += [project / configured, *_in_core(env, configured)]
    # The build reports a table that it cannot use; the check then does not run.
    return next(filter(is_table, candidates), None)


def _in_core(env: Any, name: str) -> list[Path]:
    platform = env.PioPlatform()
    folder = platform.get_package_dir(_ESP32_CORE) if _ESP32_CORE in platform.packages else None
    return [Path(folder, "tools", "partitions", name)] if folder else []


def filesystem_image(env: Any, chip: str, *, build: bool) -> Any:
    """Returns what ``uploadfs_ota`` depends on: the node of the image, or the file's path.

    Each espressif platform has its own variable for the image's name, and provides the builder
    ``DataToBin`` in every run (``builder/main.py`` of platform-espressif8266 and
    platform-espressif32).

    Args:
        env: SCons' environment.
        chip: The board's chip.
        build: Whether this run has to build the image, and no other target does.

    Raises:
        SettingsError: The files to build it from are missing, or the platform cannot build it.
    """
    variable = "ESP8266_FS_IMAGE_NAME" if chip == "esp8266" else "ESP32_FS_IMAGE_NAME"
    name = f"$BUILD_DIR/${{{variable}}}"
    if not build:
        return f"{name}.bin"
    if "DataToBin" not in env["BUILDERS"]:
        raise SettingsError(
            "the platform cannot build a filesystem image",
            hint="Build the image yourself, and use acpublish publish FILE --kind filesystem.",
        )
    folder = Path(env.subst("$PROJECT_DATA_DIR"))
    if not os.path.isdir(folder):  # noqa: PTH112 - it never raises an error
        raise SettingsError(
            f"there is no folder {folder} for the filesystem",
            hint="Put the files of the filesystem there, or set data_dir in platformio.ini.",
        )
    image = env.DataToBin(name, "$PROJECT_DATA_DIR")
    env.NoCache(image)
    env.AlwaysBuild(image)
    return image
