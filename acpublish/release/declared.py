"""What only the client of a publish knows: it travels with the image, and the manifest keeps it.

The server cannot prove any of it. It makes the same checks with it as the client does, so that a
client that says it and checks nothing is refused all the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from acpublish.errors import ManifestError

__all__ = ["Declared", "flash_bytes"]

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
#: How esptool spells sizes; what follows, as in ``2MB-c1``, says how the flash is divided.
_FLASH_SIZE = re.compile(r"(?P<number>[0-9]{1,6})(?P<unit>KB|MB)")
_UNIT_BYTES = {"KB": 1024, "MB": 1024 * 1024}
_TYPES: Mapping[str, type] = {
    "slot_bytes": int,
    "layout": str,
    "flash_bytes": int,
    "changed": bool,
    "debug": bool,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """Facts beyond the image; each None is one that is not known.

    Attributes:
        slot_bytes: The room for this image on the board: its smallest OTA slot, or the partition
            of the filesystem.
        layout: SHA-256 of the board's partition layout, lower-case hex.
        flash_bytes: The size of the board's flash chip.
        changed: Whether the work tree had changes that were not committed.
        debug: Whether it is a debug build.
    """

    slot_bytes: int | None = None
    layout: str | None = None
    flash_bytes: int | None = None
    changed: bool | None = None
    debug: bool | None = None

    @classmethod
    def from_dict(cls, document: Any, path: str) -> Declared:
        """Reads the facts; fields that it does not know are left out.

        Raises:
            ManifestError: A field is of another type; ``path`` leads to it.
        """
        if not isinstance(document, dict):
            raise _fault(f"{path} is no object")
        taken: dict[str, Any] = {}
        for name, kind in _TYPES.items():
            value: Any = document.get(name)
            if value is None:
                continue
            negative = isinstance(value, int) and value < 0
            if negative or type(value) is not kind:
                raise _fault(f"{path}.{name} is no {_spelled(kind)}")
            taken[name] = value
        if not _SHA256.match(taken.get("layout", "0" * 64)):
            raise _fault(f"{path}.layout is no SHA-256")
        return cls(**taken)

    def to_dict(self) -> dict[str, Any]:
        """Returns the facts that are known, as JSON types."""
        held = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in held.items() if value is not None}


def flash_bytes(text: str) -> int | None:
    """Returns the bytes of a flash size as esptool spells it (``4MB``), None for another text."""
    found = _FLASH_SIZE.match(text)
    return int(found["number"]) * _UNIT_BYTES[found["unit"]] if found else None


def _spelled(kind: type) -> str:
    return {int: "number of bytes", str: "text", bool: "true or false"}[kind]


def _fault(problem: str) -> ManifestError:
    return ManifestError(problem, hint="Give only what the HTTP API's reference names.")
