"""Versions of the ESP8266 Arduino core: which of them have a boot loader that inflates."""

from __future__ import annotations

import re

from acpublish.errors import VersionError

__all__ = ["PROVENANCE_CORE", "core", "core_of_framework", "inflates"]

#: Where the provenance says which core an image was built with.
PROVENANCE_CORE = "core"
#: The first core whose eboot inflates a gzip (release notes of core 2.7.0).
_FIRST_THAT_INFLATES = (2, 7)
_CORE = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\Z", re.ASCII)
#: PlatformIO's package ``framework-arduinoespressif8266``: 3.30102.0 holds core 3.1.2.
_FRAMEWORK = re.compile(r"\d+\.(\d{5,6})\.\d+(?![\d.])", re.ASCII)


def core(text: str) -> str:
    """Returns the version of a core, checked.

    Raises:
        VersionError: It is none.
    """
    if not _CORE.match(text):
        raise VersionError(
            f"{text!a} is no version of the ESP8266 Arduino core",
            hint="Give three numbers, such as 3.1.2.",
        )
    return text


def core_of_framework(version: str) -> str | None:
    """Returns the core that PlatformIO's package of this version holds.

    Args:
        version: Of ``framework-arduinoespressif8266``; 3.20704.0 is core 2.7.4, 3.30102.0 is
            3.1.2, and a package from git has more behind a ``+``.

    Returns:
        None where the version does not follow that scheme.
    """
    found = _FRAMEWORK.match(version)
    if not found:
        return None
    major, rest = divmod(int(found[1]), 10_000)
    return f"{major}.{rest // 100}.{rest % 100}"


def inflates(version: str | None) -> bool:
    """Tells whether the boot loader of this core is known to inflate a gzip."""
    found = _CORE.match(version or "")
    return found is not None and (int(found[1]), int(found[2])) >= _FIRST_THAT_INFLATES
