"""What only the client of a publish knows: it is sent with the image and kept in the manifest.

The server cannot verify any of it, but runs the same checks on it as the client. A client that
declares these facts without checking them is therefore refused as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from acpublish.errors import ManifestError

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
#: How esptool spells sizes; a suffix, as in ``2MB-c1``, says how the flash is divided.
_FLASH_SIZE = re.compile(r"(?P<number>[0-9]{1,6})(?P<unit>KB|MB)")
_UNIT_BYTES = {"KB": 1024, "MB": 1024 * 1024}
_TYPES: Mapping[str, type] = {
    "slot_bytes": int,
    "layout": str,
    "flash_bytes": int,
    "ota_bytes": int,
    "changed": bool,
    "debug": bool,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """Facts beyond the image; each None is a fact that is not known.

    Attributes:
        slot_bytes: The space for this image on the board: its smallest OTA slot, or the partition
            of the filesystem.
        layout: SHA-256 of the board's partition layout, lower-case hex.
        flash_bytes: The size of the board's flash chip.
        ota_bytes: ESP8266: the flash before its filesystem, which the running image and the one
            that replaces it share during an update.
        changed: Whether the working tree had uncommitted changes.
        debug: Whether it is a debug build.
    """

    slot_bytes: int | None = None
    layout: str | None = None
    flash_bytes: int | None = None
    ota_bytes: int | None = None
    changed: bool | None = None
    debug: bool | None = None

    @classmethod
    def from_dict(cls, document: Any, path: str) -> Declared:
        """Reads the facts; unknown fields are left out.

        Raises:
            ManifestError: A field is of another type; ``path`` leads to it.
        """
        if not isinstance(document, dict):
            raise _error(f"{path} is not an object")
        facts: dict[str, Any] = {}
        for name, kind in _TYPES.items():
            value: Any = document.get(name)
            if value is None:
                continue
            negative = isinstance(value, int) and value < 0
            if negative or type(value) is not kind:
                raise _error(f"{path}.{name} is not {_spelled(kind)}")
            facts[name] = value
        if not _SHA256.match(facts.get("layout", "0" * 64)):
            raise _error(f"{path}.layout is not a SHA-256 digest")
        return cls(**facts)

    def to_dict(self) -> dict[str, Any]:
        """Returns the facts that are known, as JSON types."""
        facts = {fact.name: getattr(self, fact.name) for fact in fields(self)}
        return {name: value for name, value in facts.items() if value is not None}


def flash_bytes(text: str) -> int | None:
    """Returns the bytes of a flash size as esptool spells it (``4MB``), None for anything else."""
    match = _FLASH_SIZE.match(text)
    return int(match["number"]) * _UNIT_BYTES[match["unit"]] if match else None


def _spelled(kind: type) -> str:
    return {int: "a number of bytes", str: "a string", bool: "true or false"}[kind]


def _error(problem: str) -> ManifestError:
    hint = "Send only the fields that the reference of the HTTP API lists."
    return ManifestError(problem, hint=hint)
