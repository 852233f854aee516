"""Reads the partition table of an ESP32: ESP-IDF's CSV, or the binary that is flashed.

Any bytes give a table or a :class:`~acpublish.errors.PartitionError`, never another error. Only
offsets and sizes are checked, which decide whether an image fits. Alignment and the size of the OTA
data are left to ESP-IDF, which checks them before it makes a binary.

Sources: ESP-IDF Programming Guide, "Partition Tables"; ``gen_esp32part.py``;
``esp_flash_partitions.h``.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from acpublish.errors import PartitionError

#: The default offset of the table itself in flash (``CONFIG_PARTITION_TABLE_OFFSET``).
DEFAULT_TABLE_OFFSET = 0x8000

#: The space for the table in flash: one sector.
TABLE_BYTES = 0x1000
_ENTRY = struct.Struct("<2sBBII16sI")
_ENTRY_MAGIC = b"\xaa\x50"
_MD5_MAGIC = b"\xeb\xeb"
_MD5_OFFSET = 16
_ERASED = b"\xff" * _ENTRY.size
#: ``ESP_PARTITION_TABLE_MAX_ENTRIES``: as many as fit into 0xC00 bytes.
_MAX_ENTRIES = 96
_FLAGS = {"encrypted": 1 << 0, "readonly": 1 << 1}
_NAME_BYTES = 16
#: No flash extends beyond its 32-bit addresses.
_FLASH_END = 1 << 32

_TYPES = {"app": 0x00, "data": 0x01, "bootloader": 0x02, "partition_table": 0x03}
_FILESYSTEMS = frozenset({"spiffs", "littlefs", "fat"})
_OTA_SLOTS = {f"ota_{number}": 0x10 + number for number in range(16)}
_PARTS = {"primary": 0x00, "ota": 0x01, "recovery": 0x02}
_SUBTYPES = {
    0x00: {"factory": 0x00, **_OTA_SLOTS, "test": 0x20, "tee_0": 0x30, "tee_1": 0x31},
    0x01: {
        "ota": 0x00,
        "phy": 0x01,
        "nvs": 0x02,
        "coredump": 0x03,
        "nvs_keys": 0x04,
        "efuse": 0x05,
        "undefined": 0x06,
        "esphttpd": 0x80,
        "fat": 0x81,
        "spiffs": 0x82,
        "littlefs": 0x83,
        "tee_ota": 0x90,
    },
    0x02: _PARTS,
    0x03: _PARTS,
}
_UNDEFINED = 0x06
#: A partition without an offset begins at a multiple of this.
_APP_ALIGNMENT = 0x10000
_ALIGNMENT = 0x1000
_UNITS = {"k": 1024, "m": 1024 * 1024}
#: The guide lists the bootloader and the table with offsets that the build fills in.
_LEFT_TO_THE_BUILD = ("", "n/a")


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """One partition.

    Attributes:
        name: At most 16 bytes; a longer one is cut, as ESP-IDF does.
        type: ``app``, ``data``, ``bootloader``, ``partition_table``, or hexadecimal (``0x40``).
        subtype: As ESP-IDF spells it (``ota_0``, ``nvs``), hexadecimal otherwise.
        offset: Where it begins in flash, in bytes.
        size: Its size in bytes.
        flags: ``encrypted``, ``readonly``.
    """

    name: str
    type: str
    subtype: str
    offset: int
    size: int
    flags: tuple[str, ...] = ()

    @property
    def end(self) -> int:
        """Where it ends in flash."""
        return self.offset + self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionTable:
    """A partition table: at least one partition, and no two that overlap.

    Attributes:
        partitions: The partitions in the order of the file.
    """

    partitions: tuple[Partition, ...]

    @property
    def ota_slots(self) -> tuple[Partition, ...]:
        """The slots that updates are written to; if there are none, the ``factory`` partition."""
        apps = [part for part in self.partitions if part.type == "app"]
        slots = tuple(part for part in apps if part.subtype in _OTA_SLOTS)
        return slots or tuple(part for part in apps if part.subtype == "factory")

    @property
    def smallest_ota_slot(self) -> Partition | None:
        """The slot that every image must fit into, None if the table has no slot."""
        return min(self.ota_slots, key=lambda part: part.size, default=None)

    @property
    def smallest_filesystem(self) -> Partition | None:
        """The partition that every filesystem image must fit into, None if the table has none."""
        filesystems = [part for part in self.partitions if part.subtype in _FILESYSTEMS]
        return min(filesystems, key=lambda part: part.size, default=None)


def read_partitions(data: bytes, *, table_offset: int = DEFAULT_TABLE_OFFSET) -> PartitionTable:
    """Reads a partition table.

    Args:
        data: A file: CSV, or the binary.
        table_offset: The offset of the table in flash; in a CSV, a first partition without an
            offset follows it.

    Raises:
        PartitionError: It is not a partition table, or no device could use it.
    """
    binary = data[: len(_ENTRY_MAGIC)] == _ENTRY_MAGIC
    partitions = tuple(_from_binary(data) if binary else _from_csv(data, table_offset))
    if not partitions:
        raise _error("the partition table is empty")
    if len(partitions) > _MAX_ENTRIES:
        raise _error(f"the partition table has more than {_MAX_ENTRIES} entries")
    for first, second in pairwise(sorted(partitions, key=lambda part: part.offset)):
        if second.offset < first.end:
            raise _error(f"the partitions {first.name!r} and {second.name!r} overlap")
    return PartitionTable(partitions=partitions)


def _from_binary(data: bytes) -> Iterator[Partition]:
    for offset in range(0, len(data), _ENTRY.size):
        entry = data[offset : offset + _ENTRY.size]
        if entry == _ERASED:
            return
        if len(entry) == _ENTRY.size and entry[:2] == _MD5_MAGIC:
            computed = hashlib.md5(data[:offset], usedforsecurity=False).digest()
            if entry[_MD5_OFFSET:] != computed:
                raise _error("the MD5 of the partition table is wrong")
            continue
        if len(entry) < _ENTRY.size or entry[:2] != _ENTRY_MAGIC:
            raise _error(f"there is no partition entry at {offset:#x}")
        _, kind, subtype, start, size, name, flags = _ENTRY.unpack(entry)
        yield _partition(name, kind, subtype, start, size, flags)
    raise _error("the end of the partition table is missing")


def _from_csv(data: bytes, table_offset: int) -> Iterator[Partition]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _error("the file is neither a CSV nor a binary partition table") from None
    end = table_offset + TABLE_BYTES
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.split("#", 1)[0].strip()
        if not content:
            continue
        try:
            partition = _from_line(content, end)
        except ValueError as error:
            raise _error(f"line {number} of the partition table: {error}") from None
        if partition is not None:
            end = partition.end
            yield partition


def _from_line(line: str, previous_end: int) -> Partition | None:
    """Reads one line.

    Returns:
        The partition, or None for a bootloader or table whose offset the build fills in.

    Raises:
        ValueError: What is wrong with the line.
    """
    fields = [field.strip().strip("\"'").strip() for field in line.split(",")]
    name, type_text, subtype_text, offset_text, size_text, flag_text = (fields + [""] * 5)[:6]
    kind = _number(type_text, _TYPES, "type")
    subtypes = _SUBTYPES.get(kind, {})
    if kind != _TYPES["app"] and not subtype_text:
        subtype = _UNDEFINED
    else:
        subtype = _number(subtype_text, subtypes, "subtype")
    if size_text.lower() in _LEFT_TO_THE_BUILD and subtypes is _PARTS:
        return None
    if offset_text.lower() in _LEFT_TO_THE_BUILD:
        alignment = _APP_ALIGNMENT if kind == _TYPES["app"] else _ALIGNMENT
        offset = -(-previous_end // alignment) * alignment
    else:
        offset = _number(offset_text, {}, "offset")
    size = _number(size_text, {}, "size")
    if size < 0:
        # A negative size is where the partition ends (``gen_esp32part.py``: ``from_csv``).
        size = -size - offset
    names = [flag.strip() for flag in flag_text.split(":") if flag.strip()]
    flags = sum({_number(flag, _FLAGS, "flag", named_only=True) for flag in names})
    return _partition(name.encode("utf-8"), kind, subtype, offset, size, flags)


def _number(text: str, named: dict[str, int], field: str, *, named_only: bool = False) -> int:
    """Returns the value of a name or of a C literal, which may end with K or M."""
    word = text.lower()
    if word in named:
        return named[word]
    unit = _UNITS.get(word[-1:], 1)
    if not named_only:
        try:
            return int(word[:-1] if unit > 1 else word, 0) * unit
        except ValueError:
            pass
    shown = text if len(text) <= _NAME_BYTES else f"{text[:_NAME_BYTES]}…"
    raise ValueError(f"the {field} is {shown!r}" if text else f"the {field} is empty")


def _partition(
    name: bytes, kind: int, subtype: int, offset: int, size: int, flags: int
) -> Partition:
    text = name[:_NAME_BYTES].split(b"\0", 1)[0].decode("utf-8", "replace")
    if not (0 <= kind <= 0xFF and 0 <= subtype <= 0xFF):
        raise _error(f"the type or subtype of the partition {text!r} is not a byte")
    if size <= 0 or offset < 0 or offset + size > _FLASH_END:
        raise _error(f"the partition {text!r} is outside any flash")
    return Partition(
        name=text,
        type=_name_of(kind, _TYPES),
        subtype=_name_of(subtype, _SUBTYPES.get(kind, {})),
        offset=offset,
        size=size,
        flags=tuple(flag for flag, bit in _FLAGS.items() if flags & bit),
    )


def _name_of(number: int, named: dict[str, int]) -> str:
    return next((name for name, value in named.items() if value == number), f"{number:#04x}")


def _error(problem: str) -> PartitionError:
    return PartitionError(
        problem, hint="Use the project's partitions.csv, or the partitions.bin of its build."
    )
