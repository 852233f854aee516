"""The image of the filesystem, which PlatformIO builds only for its own targets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from acpublish.errors import SettingsError

__all__ = ["filesystem_image"]


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
