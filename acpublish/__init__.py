"""From ``pio run`` to every ESP8266 and ESP32 in the field.

The names below are the public API. They are loaded when they are first used, so that importing
this package costs next to nothing inside a PlatformIO build.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from acpublish.api import publish, read_image, stamp
    from acpublish.client import UpdateServer
    from acpublish.errors import AcpublishError
    from acpublish.image import Image
    from acpublish.publishing import Publication

__all__ = [
    "AcpublishError",
    "Image",
    "Publication",
    "UpdateServer",
    "__version__",
    "publish",
    "read_image",
    "stamp",
]

_HOMES = {
    "AcpublishError": "acpublish.errors",
    "Image": "acpublish.image",
    "Publication": "acpublish.publishing",
    "UpdateServer": "acpublish.client",
    "publish": "acpublish.api",
    "read_image": "acpublish.api",
    "stamp": "acpublish.api",
}


def __getattr__(name: str) -> Any:
    """Loads a public name when it is first used (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        return version("acpublish")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
