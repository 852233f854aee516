"""From ``pio run`` to every ESP8266 and ESP32 in the field.

The names below are the public API. They are loaded when they are first used, so that importing
this package costs next to nothing inside a PlatformIO build.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from acpublish.lazy import lazily

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

_load = lazily(
    __name__,
    api="publish read_image stamp",
    client="UpdateServer",
    errors="AcpublishError",
    image="Image",
    publishing="Publication",
)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("acpublish")
    return _load(name)


def __dir__() -> list[str]:
    return sorted(__all__)
