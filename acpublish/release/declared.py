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
#: The linker scripts of the ESP8266 Arduino core: flash, and the filesystem in it
#: (``tools/boards.txt.py``: ``flash_map``). Without a unit the filesystem is in KiB.
_LINKER_SCRIPT = re.compile(
    r"eagle\.flash\.(?P<flash>\d{1,4})(?P<unit>[km])(?:(?P<fs>\d{1,4})(?P<fs_unit>m?))?\.ld\Z"
)
_SCRIPT_UNIT_BYTES = {"": 1024, "k": 1024, "m": 1024 * 1024}
#: Behind the filesystem: the emulated EEPROM, the radio's calibration, the SDK's settings.
_RESERVED_BYTES = (4 + 4 + 12) * 1024
#: In front of the program's code: eboot and the headers (``reserved`` in ``flash_map``).
_BEFORE_PROGRAM_BYTES = 4112
#: An ESP8266 maps this much of its flash for programs.
_MAPPED_BYTES = 1024 * 1024
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


def esp8266_layout(script: str, largest_program: object = None) -> tuple[int | None, int | None]:
    """Returns the size of an ESP8266's flash, and where the filesystem in it begins.

    Args:
        script: The name of the linker script, by which a board's flash is divided.
        largest_program: ``upload.maximum_size``, in bytes. In many boards it is the size of the
            flash, a power of two. Otherwise, if it is less than what can be mapped, the filesystem
            begins behind it.

    Returns:
        None for what is not known.
    """
    match = _LINKER_SCRIPT.match(script)
    if match is None:
        largest = int(str(largest_program)) if str(largest_program).isdecimal() else 0
        if largest & (largest - 1) == 0:
            return largest or None, None
        before = largest + _BEFORE_PROGRAM_BYTES
        return None, before if before < _MAPPED_BYTES else None
    flash = int(match["flash"]) * _SCRIPT_UNIT_BYTES[match["unit"]]
    filesystem = int(match["fs"] or 0) * _SCRIPT_UNIT_BYTES[match["fs_unit"] or ""]
    # Up to 1 MB, and without a filesystem, what is reserved comes off as well.
    shared = flash <= _MAPPED_BYTES or not filesystem
    start = flash - filesystem - (_RESERVED_BYTES if shared else 0)
    return flash, start if start > 0 else None


def _spelled(kind: type) -> str:
    return {int: "a number of bytes", str: "a string", bool: "true or false"}[kind]


def _error(problem: str) -> ManifestError:
    hint = "Send only the fields that the reference of the HTTP API lists."
    return ManifestError(problem, hint=hint)
