"""Makes images that are valid in every byte that a device or esptool checks.

Written from the formats, not with the package: its sums are computed by other ways than
``acpublish.image.sums`` does. The bytes depend on the arguments alone. Used by the tests, by
the demonstration and by the benchmarks.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import operator
import random
import struct
import zlib

SegmentParts = tuple[int, bytes]

#: What a bootloader or application of each chip loads where: constants, RAM, code.
CHIPS: dict[str, tuple[int, int, int, int]] = {
    "esp32": (0, 0x3F400020, 0x40080000, 0x400D0020),
    "esp32s2": (2, 0x3F000020, 0x40022000, 0x40080020),
    "esp32c3": (5, 0x3C0A0020, 0x40380000, 0x42000020),
    "esp32s3": (9, 0x3C0A0020, 0x40374000, 0x42000020),
    "esp32c2": (12, 0x3C0A0020, 0x40380000, 0x42000020),
    "esp32c6": (13, 0x420A0020, 0x40800000, 0x42000020),
    "esp32h2": (16, 0x420A0020, 0x40800000, 0x42000020),
    "esp32p4": (18, 0x400A0020, 0x4FF00000, 0x40000020),
}
#: Where a bootloader's data go; chips that are not named have one memory for data and code.
DATA_MEMORY = {
    "esp32": 0x3FFF0000,
    "esp32s2": 0x3FFE0000,
    "esp32c3": 0x3FCD0000,
    "esp32s3": 0x3FCD0000,
    "esp32c2": 0x3FCD0000,
}
#: Where a merged file has the bootloader; 0 for the chips that are not named.
BOOTLOADER_OFFSETS = {"esp32": 0x1000, "esp32s2": 0x1000, "esp32p4": 0x2000}
APP_OFFSET = 0x10000

ESP8266_APP_OFFSET = 4096
ESP8266_LENGTH_WORD = 4112
ESP8266_CRC_WORD = 4116
STAMP_RECORD_MAGIC = b"\x7fACPUBLISHSTAMP\x01"


def filler(size: int, seed: int) -> bytes:
    """Returns bytes that do not compress and do not repeat."""
    return random.Random(seed).randbytes(size)


def xor_of(data: bytes) -> int:
    """Returns the XOR of all bytes, one by one."""
    return functools.reduce(operator.xor, data, 0)


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)
        table.append(value & 0xFFFFFFFF)
    return tuple(table)


_CRC_TABLE = _crc_table()


def crc_msb_first(data: bytes) -> int:
    """Returns the CRC-32 of an ESP8266 image, most significant bit first, by a table."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = ((crc << 8) & 0xFFFFFFFF) ^ _CRC_TABLE[(crc >> 24) ^ byte]
    return crc


def text_field(text: str) -> bytes:
    """Returns 32 bytes of NUL-padded text."""
    return text.encode().ljust(32, b"\0")


def _pack_segments(header: bytes, segments: list[SegmentParts]) -> bytes:
    """Returns header, segments and, in the last byte of a block of 16, the checksum."""
    body = bytearray(header)
    checksum = 0xEF
    for address, data in segments:
        body += struct.pack("<II", address, len(data)) + data
        checksum ^= xor_of(data)
    body += bytes(15 - len(body) % 16)
    body.append(checksum)
    return bytes(body)


def _esp32_pack(
    chip: str | int, entry: int, segments: list[SegmentParts], *, hash_appended: bool
) -> bytes:
    chip_id = chip if isinstance(chip, int) else CHIPS[chip][0]
    # Mode dio, 4 MB at 40 MHz; no pin settings, any revision.
    header = struct.pack("<BBBBI", 0xE9, len(segments), 2, 0x20, entry)
    header += struct.pack("<B3xHBHH4xB", 0xEE, chip_id, 0, 0, 0xFFFF, hash_appended)
    image = _pack_segments(header, segments)
    return image + hashlib.sha256(image).digest() if hash_appended else image


def app_descriptor(
    project: str = "arduino-lib-builder", version: str = "v5.1.4", *, seed: int = 0
) -> bytes:
    """Returns the 256 bytes of an ``esp_app_desc_t``."""
    fields = struct.pack("<II8x", 0xABCD5432, 0) + text_field(version) + text_field(project)
    fields += b"12:34:56".ljust(16, b"\0") + b"Nov 24 2026".ljust(16, b"\0")
    fields += text_field("v5.1.4") + hashlib.sha256(b"elf %d" % seed).digest()
    return (fields + struct.pack("<HHB", 0, 0xFFFF, 16)).ljust(256, b"\0")


@functools.lru_cache(maxsize=32)
def esp32_image(
    chip: str | int = "esp32c3",
    size: int = 32768,
    project: str = "arduino-lib-builder",
    version: str = "v5.1.4",
    seed: int = 0,
    hash_appended: bool = True,
    descriptor: bool = True,
) -> bytes:
    """Returns an application image of the ESP32 family.

    Args:
        chip: As esptool names it, or a chip id (then it is laid out as an ESP32-C3 image).
        size: Bytes of the file, a multiple of 16 and at least 1,024.
        project: The descriptor's project name.
        version: The descriptor's version.
        seed: Chooses the contents.
        hash_appended: Whether a SHA-256 ends the image.
        descriptor: Whether there is an app descriptor.
    """
    if size % 16 or size < 1024:
        raise ValueError(f"size is {size}: give a multiple of 16 from 1,024 on")
    _, constants, ram, code = CHIPS["esp32c3" if isinstance(chip, int) else chip]
    head = app_descriptor(project, version, seed=seed) if descriptor else bytes(256)
    # The header takes 24 bytes, three segment headers 24, the checksum with its padding 4.
    content = filler(size - (32 if hash_appended else 0) - 24 - 24 - 4 - len(head), seed)
    first, second = len(content) // 16 * 4, len(content) // 16 * 8
    segments = [
        (constants, head + content[:first]),
        (ram, content[first:second]),
        (code, content[second:]),
    ]
    return _esp32_pack(chip, ram + 0x100, segments, hash_appended=hash_appended)


def bootloader(chip: str = "esp32c3", seed: int = 0, described: bool = True) -> bytes:
    """Returns a bootloader of the ESP32 family; one that is not described is of an older IDF."""
    ram = CHIPS[chip][2]
    head = b"\x50\0\0\0" + struct.pack("<I", 1) + text_field("v5.1.4")
    head += b"Nov 24 2026 12:34:56".ljust(40, b"\0")
    content = filler(4096, seed)
    segments = [
        (
            DATA_MEMORY.get(chip, ram + 0x4000),
            (head if described else b"\x01\0\0\0") + content[:1024],
        ),
        (ram + 0x6000, content[1024:]),
    ]
    return _esp32_pack(chip, ram + 0x4080, segments, hash_appended=True)


def partition_table(offset: int = APP_OFFSET) -> bytes:
    """Returns a partition table with one application, its MD5 and erased flash."""
    entry = struct.pack("<2sBBII16sI", b"\xaa\x50", 0, 0x10, offset, 0x100000, b"app0", 0)
    digest = hashlib.md5(entry, usedforsecurity=False).digest()
    return (entry + b"\xeb\xeb" + b"\xff" * 14 + digest).ljust(3072, b"\xff")


def merged_image(chip: str = "esp32c3", table_offset: int = 0x8000, seed: int = 0) -> bytes:
    """Returns what ``esptool merge-bin`` makes of bootloader, partition table and application."""
    merged = b"\xff" * BOOTLOADER_OFFSETS.get(chip, 0) + bootloader(chip, seed)
    merged = merged.ljust(table_offset, b"\xff") + partition_table()
    return merged.ljust(APP_OFFSET, b"\xff") + esp32_image(chip, seed=seed)


def signed_esp32(image: bytes, version: int = 2) -> bytes:
    """Returns an image with the signature sector of Secure Boot v2, key and signature at will."""
    padded = image + b"\xff" * (-len(image) % 4096)
    block = struct.pack("<BB2x", 0xE7, version) + hashlib.sha256(padded).digest()
    # An ECDSA block has the number of its curve here, and 2 is P-256.
    block = (block + b"\2").ljust(1196, b"\x5a")
    block += struct.pack("<I16x", zlib.crc32(block))
    return padded + block.ljust(4096, b"\xff")


def eboot(seed: int = 0) -> bytes:
    """Returns an ESP8266 bootloader's image, not padded."""
    header = struct.pack("<BBBBI", 0xE9, 1, 2, 0x40, 0x4010F4E8)
    return _pack_segments(header, [(0x4010F000, filler(700, seed))])


def stamp_record(product: str = "", version: str = "") -> bytes:
    """Returns the 80 bytes of a stamp record."""
    return STAMP_RECORD_MAGIC + text_field(product) + text_field(version)


@functools.lru_cache(maxsize=32)
def esp8266_image(
    size: int = 32768,
    record: bool = True,
    seed: int = 0,
    eboot: bool = True,
    product: str = "",
    version: str = "",
    compressible: bool = False,
) -> bytes:
    """Returns an ESP8266 image as elf2bin writes it, or one without bootloader and CRC words.

    Args:
        size: Bytes of the file, a multiple of 16; with eboot at least 5,120, otherwise 1,024.
        record: Whether a stamp record is linked in.
        seed: Chooses the contents.
        eboot: Whether the file begins with the bootloader; CRC words come with it.
        product: What the record says.
        version: What the record says.
        compressible: Whether a gzip of it is much smaller, as of real ones.
    """
    start = ESP8266_APP_OFFSET if eboot else 0
    if size % 16 or size < start + 1024:
        raise ValueError(f"size is {size}: give a multiple of 16 from {start + 1024} on")
    linked = stamp_record(product, version) if record else b""
    # The header takes 8 bytes, four segment headers 32, the checksum with its padding 4.
    content_bytes = size - start - 8 - 32 - 4 - 8 - len(linked)
    content = filler(content_bytes, seed)
    if compressible:
        content = (content[:97] * (content_bytes // 97 + 1))[:content_bytes]
    quarter = len(content) // 16 * 4
    segments = [
        (0x40201010, bytes(8) + content[:quarter] + linked + content[quarter : 2 * quarter]),
        (0x40100000, content[2 * quarter : 3 * quarter]),
        (0x3FFE8000, content[3 * quarter : 3 * quarter + 64]),
        (0x3FFE8040, content[3 * quarter + 64 :]),
    ]
    header = struct.pack("<BBBBI", 0xE9, len(segments), 2, 0x40, 0x40100010)
    app = _pack_segments(header, segments)
    return with_crc_words(_padded_eboot(seed) + app) if eboot else app


def _padded_eboot(seed: int) -> bytes:
    return eboot(seed).ljust(ESP8266_APP_OFFSET, b"\xaa")


def with_crc_words(image: bytes) -> bytes:
    """Returns an Arduino image with its length and CRC words filled in, as elf2bin does last."""
    blank = image[:ESP8266_LENGTH_WORD] + bytes(8) + image[ESP8266_CRC_WORD + 4 :]
    words = struct.pack("<II", len(image), crc_msb_first(blank))
    return image[:ESP8266_LENGTH_WORD] + words + image[ESP8266_CRC_WORD + 4 :]


def signed_esp8266(image: bytes, signature_bytes: int = 256) -> bytes:
    """Returns an image, or a gzip of one, with a signature (filled at will) and its length."""
    signature = filler(signature_bytes, 7)
    return image + signature + struct.pack("<I", signature_bytes)


def gzipped(image: bytes) -> bytes:
    """Returns a gzip that depends on the image alone."""
    return gzip.compress(image, mtime=0)


def littlefs(size: int = 65536, seed: int = 0) -> bytes:
    """Returns what begins as a LittleFS filesystem does."""
    superblock = struct.pack("<II", 1, 0xF0000FFF) + b"littlefs"
    return (superblock + filler(256, seed)).ljust(size, b"\xff")
