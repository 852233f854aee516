"""The only reader of flags, environment variables and ini options, and their order.

    flags > environment variables > platformio.ini > default

A value is checked once, here, and an error says where it came from. A token is never read from
platformio.ini, which is a file that people share.
"""

from __future__ import annotations

from acpublish.settings.layers import Layer, arguments, environment, flags, ini
from acpublish.settings.names import NAMES
from acpublish.settings.values import Settings

__all__ = ["NAMES", "Layer", "Settings", "arguments", "environment", "flags", "ini"]
