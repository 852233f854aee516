"""The hook for PlatformIO: ``pio run -t upload_ota``, and publishing on each build.

This package is the only one that knows SCons. An extra script calls :func:`setup`, which

1. refuses what cannot work, before anything is compiled;
2. lets the sketch see ``acpublish.h``, and links the stamp record into an ESP8266 image;
3. stamps ``firmware.bin`` after each link, so that a serial upload flashes the stamped image too;
4. adds the target ``upload_ota``, and with ``custom_ota_on_build = yes`` one that every build runs.

Importing it loads nothing: PlatformIO also runs extra scripts to clean, or to index a project.
"""

from __future__ import annotations

from typing import Any

__all__ = ["setup"]


def setup(env: Any) -> None:
    """Sets the hook up; called by the extra script, which must be a ``post:`` one.

    Args:
        env: SCons' environment, as ``Import("env")`` gives it.
    """
    from acpublish.pio.hook import install

    install(env)
