"""Makes files that lie beside applications: other bootloaders, parts of builds, filesystems.

Written from the formats, as :mod:`tests.support.images` is, from which the shared pieces come.
"""

from __future__ import annotations

import struct
import zlib

from tests.support.images import (
    CHIPS,
    DATA_MEMORY,
    SegmentParts,
    _esp32_pack,
    _pack_segments,
    app_descriptor,
    eboot,
    esp8266_image,
    filler,
    with_crc_words,
)

_RAM_CODE = 0x40100000
_RAM_DATA = 0x3FFE8000


def single_esp8266(
    segments: list[SegmentParts], entry: int = _RAM_CODE + 4, magic: int = 0xE9
) -> bytes:
    """Returns one image of the ESP8266, its XOR checksum right."""
    return _pack_segments(struct.pack("<BBBBI", magic, len(segments), 0, 0, entry), segments)


def sdk_loader() -> bytes:
    """Returns a bootloader as the SDK's: the zeros make it plausible as an ESP32's, too."""
    return single_esp8266([(_RAM_CODE, bytes(32) + filler(3000, 3)), (_RAM_DATA, filler(64, 4))])


def rboot_like() -> bytes:
    """Returns a bootloader as rBoot."""
    return single_esp8266(
        [(_RAM_CODE, bytes(32) + filler(1200, 5)), (_RAM_DATA, filler(32, 6))], _RAM_CODE + 0x100
    )


def split_half() -> bytes:
    """Returns the half for RAM of a build that esptool split in two."""
    return single_esp8266([(_RAM_CODE, filler(20000, 7)), (_RAM_DATA, filler(6000, 8))])


def nodemcu() -> bytes:
    """Returns an image of the whole flash: the half for RAM at 0, the code in flash at 0x10000."""
    return split_half().ljust(0x10000, b"\xff") + filler(20000, 9)


def sdk_user1(*, crc: bool = True) -> bytes:
    """Returns an image of the SDK: the code in flash, the half for RAM, and a CRC."""
    code = filler(8192, 10)
    entry = _RAM_CODE + 4
    image = struct.pack("<BBBBIII", 0xEA, 4, 0, 0, entry, 0, len(code)) + code
    image += single_esp8266([(_RAM_CODE, filler(3000, 11)), (_RAM_DATA, filler(500, 12))])
    value = zlib.crc32(image)
    value = value ^ 0xFFFFFFFF if value & 0x80000000 else value + 1
    return image + struct.pack("<I", value) if crc else image


def behind_eboot(segments: list[SegmentParts]) -> bytes:
    """Returns eboot and one more image."""
    return eboot().ljust(4096, b"\xaa") + single_esp8266(segments)


def dense_esp8266() -> bytes:
    """Returns an application that no gzip makes smaller."""
    boot = eboot(seed=12)
    image = esp8266_image(size=5120, record=False)
    return with_crc_words(boot + filler(4096 - len(boot), 13) + image[4096:])


def ram_program(chip: str | int, *, described: bool = False) -> bytes:
    """Returns a program of the ESP32 family that lies in RAM alone.

    Args:
        chip: As esptool names it, or a chip id (then it is laid out as for an ESP32-C3).
        described: Whether it has an app descriptor.
    """
    name = "esp32c3" if isinstance(chip, int) else chip
    ram = CHIPS[name][2]
    head = app_descriptor("hello", "1.0.0") if described else b""
    segments = [
        (DATA_MEMORY.get(name, ram + 0x10000), head + filler(400, 14)),
        (ram, filler(4000, 15)),
    ]
    return _esp32_pack(chip, ram + 0x40, segments, hash_appended=True)


def spiffs(
    size: int = 65536,
    *,
    block: int = 4096,
    page: int = 256,
    magic: bool = True,
    length: bool = True,
) -> bytes:
    """Returns a SPIFFS filesystem without files: its lookup pages, with or without their magic."""
    image = bytearray(b"\xff" * size)
    lookup_bytes = max(1, block // page * 2 // page) * page
    for number in range(size // block):
        value = 0x20140529 ^ page ^ (size // block - number if length else 0)
        if magic:
            struct.pack_into("<H", image, number * block + lookup_bytes - 4, value & 0xFFFF)
    return bytes(image)


def fat(size: int = 65536, *, wear_levelled: bool = False) -> bytes:
    """Returns what begins as a FAT filesystem does."""
    sector = b"\xeb\xfe\x90MSDOS5.0" + struct.pack("<HBHBHHBH", 4096, 1, 1, 1, 512, 16, 0xF8, 1)
    boot = sector.ljust(510, b"\0") + b"\x55\xaa"
    return ((b"\xff" * 4096 if wear_levelled else b"") + boot).ljust(size, b"\0")
