"""The hook for PlatformIO: ``pio run -t upload_ota``, and publishing on each build.

This is the only package that knows SCons. An extra script calls :func:`setup`, which

1. refuses what cannot work, before anything is compiled;
2. lets the sketch include ``acpublish.h``, and links the stamp record into an ESP8266 image;
3. stamps ``firmware.bin`` after each link, so that a serial upload also flashes the stamped image;
4. adds the targets ``upload_ota``, ``uploadfs_ota``, ``ota_check``, ``ota_status`` and
   ``ota_promote``, and with ``custom_ota_on_build = yes`` one that every build runs.

Importing this package loads nothing else, because PlatformIO also runs extra scripts to clean a
project or to index it.
"""

from __future__ import annotations

from typing import Any


def setup(env: Any) -> None:
    """Sets up the hook. The extra script that calls it must be a ``post:`` one.

    Args:
        env: SCons' environment, as ``Import("env")`` provides it.
    """
    from acpublish.pio.hook import install

    install(env)
