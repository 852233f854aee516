"""The only reader of flags, environment variables and files of settings, and their order.

    flags > environment variables > platformio.ini > acpublish.toml > [tool.acpublish] of
    pyproject.toml > the user's file > default

A value is checked once, here, and an error says where it came from. A token is never read from
a file of settings, because such files are shared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from acpublish.lazy import lazily

if TYPE_CHECKING:
    from acpublish.settings.here import command_settings, files_of
    from acpublish.settings.layers import Layer, arguments, environment, flags, ini
    from acpublish.settings.names import NAMES
    from acpublish.settings.showing import Shown, shown
    from acpublish.settings.values import Settings
else:
    __getattr__ = lazily(
        __name__,
        here="command_settings files_of",
        layers="Layer arguments environment flags ini",
        names="NAMES",
        showing="Shown shown",
        values="Settings",
    )

__all__ = [
    "NAMES",
    "Layer",
    "Settings",
    "Shown",
    "arguments",
    "command_settings",
    "environment",
    "files_of",
    "flags",
    "ini",
    "shown",
]
