"""Recognises filesystem images by their structure: LittleFS, SPIFFS and FAT.

A structure that is found proves the filesystem; a SPIFFS image that was made without its magic has
none, so a file that is not recognised here may still be a filesystem.
"""

from __future__ import annotations

import struct

from acpublish.image.chain import ReadAt

#: In the superblock of LittleFS (its ``SPEC.md``).
_LITTLEFS_OFFSET = 8
_LITTLEFS_TEXT = b"littlefs"

#: The magic of each SPIFFS block, in the last object lookup page before the erase count
#: (``spiffs_nucleus.h``: ``SPIFFS_MAGIC``, ``SPIFFS_MAGIC_PADDR``), cut to an ID of 16 bits.
_SPIFFS_MAGIC = 0x20140529 & 0xFFFF
_SPIFFS_ID_BYTES = 2
#: The sizes that mkspiffs and ``spiffsgen.py`` can be told; a page of 256 bytes is usual.
_SPIFFS_PAGES = (256, 512, 1024, 2048)
_SPIFFS_BLOCKS = (4096, 8192, 16384, 32768, 65536)

#: FAT begins with its boot sector, or with one sector of erased flash before it if the image is
#: wear-levelled (ESP-IDF ``wl_fatfsgen.py``: ``_add_dummy_sector``).
_WEAR_LEVELLING_SECTOR_BYTES = 4096
_FAT_OFFSETS = (0, _WEAR_LEVELLING_SECTOR_BYTES)
_FAT_SECTOR_BYTES = 512
_FAT_SIGNATURE = b"\x55\xaa"
#: The jump, the OEM name, then bytes per sector, sectors per cluster, reserved sectors, number of
#: FATs, root entries, sectors, and the medium (Microsoft's FAT specification: ``BPB``).
_FAT_PARAMETERS = struct.Struct("<3s8sHBHBHHB")
_FAT_SECTOR_SIZES = (512, 1024, 2048, 4096)
_FAT_MEDIA = (0xF0, *range(0xF8, 0x100))


def filesystem_name(read_at: ReadAt, size: int) -> str:
    """Returns the name of the filesystem that a file is an image of, empty if it is not known.

    Args:
        read_at: Reads the file.
        size: The size of the file in bytes.
    """
    if read_at(_LITTLEFS_OFFSET, len(_LITTLEFS_TEXT)) == _LITTLEFS_TEXT:
        return "LittleFS"
    if _is_spiffs(read_at, size):
        return "SPIFFS"
    if any(_is_fat(read_at, offset) for offset in _FAT_OFFSETS):
        return "FAT"
    return ""


def _is_spiffs(read_at: ReadAt, size: int) -> bool:
    return any(
        _has_magic(read_at, size, block, page)
        for block in _SPIFFS_BLOCKS
        if size >= 2 * block and size % block == 0
        for page in _SPIFFS_PAGES
    )


def _has_magic(read_at: ReadAt, size: int, block: int, page: int) -> bool:
    """Looks into the first two blocks, because 16 bits may be equal by chance."""
    lookup_pages = max(1, block // page * _SPIFFS_ID_BYTES // page)
    place = lookup_pages * page - 2 * _SPIFFS_ID_BYTES
    stored = [
        int.from_bytes(read_at(number * block + place, _SPIFFS_ID_BYTES), "little")
        for number in (0, 1)
    ]
    count = size // block
    # SPIFFS_USE_MAGIC_LENGTH, the default, adds how many blocks follow.
    with_length = [_SPIFFS_MAGIC ^ page ^ (count - number & 0xFFFF) for number in (0, 1)]
    return stored in (with_length, [_SPIFFS_MAGIC ^ page] * 2)


def _is_fat(read_at: ReadAt, offset: int) -> bool:
    sector = read_at(offset, _FAT_SECTOR_BYTES)
    if len(sector) < _FAT_SECTOR_BYTES or sector[-2:] != _FAT_SIGNATURE:
        return False
    jump, _, bytes_per_sector, cluster, reserved, fats, _, _, medium = _FAT_PARAMETERS.unpack_from(
        sector
    )
    return (
        (jump[0] == 0xE9 or (jump[0] == 0xEB and jump[2] == 0x90))
        and bytes_per_sector in _FAT_SECTOR_SIZES
        and cluster.bit_count() == 1
        and reserved > 0
        and fats in (1, 2)
        and medium in _FAT_MEDIA
    )
