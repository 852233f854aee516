"""Images of the ESP32 family: extended header, app descriptor, appended SHA-256, signatures.

Offsets and values come from ESP-IDF's ``esp_image_format.h`` and ``esp_app_desc.h``; the chips and
their flash windows come from esptool's targets.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import ClassVar

from acpublish.image.chain import Chain, ReadAt, walk
from acpublish.image.model import AppDescriptor, Integrity, Kind, ReportedDigests
from acpublish.image.shape import Edit, Findings, Shape, StampOffsets, checksum_of, edited
from acpublish.image.signature_blocks import SECTOR_BYTES, describe_esp32, signed_esp32
from acpublish.image.sums import Digests
from acpublish.wire import Family

#: Image header field ``chip_id`` (``esp_app_format.h``: ``esp_chip_id_t``).
CHIPS = {
    0: "esp32",
    2: "esp32s2",
    5: "esp32c3",
    9: "esp32s3",
    12: "esp32c2",
    13: "esp32c6",
    16: "esp32h2",
    18: "esp32p4",
    20: "esp32c61",
    23: "esp32c5",
    25: "esp32h21",
    28: "esp32h4",
    31: "esp32e22",
    32: "esp32s31",
}
#: The project names that builds carry if nobody chose one, so they say nothing about the
#: application. The descriptor of an Arduino build comes from precompiled libraries (the project
#: names of esp32-arduino-lib-builder, since core 2.0 and before), that of a Rust build from
#: esp-idf-sys, which calls the library that it builds so.
UNSTAMPED_PROJECTS = frozenset({"arduino-lib-builder", "esp32-arduino-lib-builder", "libespidf"})

_EXTENSION_BYTES = 16
_DIGEST_BYTES = 32
_DESCRIPTOR_OFFSET = 0x20
_DESCRIPTOR_MAGIC = 0xABCD5432
#: ``esp_app_desc_t`` up to ``mmu_page_size``; the gap after ``secure_version`` is reserved.
_DESCRIPTOR = struct.Struct("<II8x32s32s16s16s32s32sHHB")
_DESCRIPTOR_BYTES = 256
_VERSION_OFFSET = 0x30
_PROJECT_OFFSET = 0x50
#: ``esp_bootloader_desc_t``: magic byte, then two reserved bytes.
_BOOTLOADER_DESCRIPTOR = b"\x50\0\0"

#: Where code and constants in flash are mapped (esptool's targets: ``IROM_MAP_START``,
#: ``DROM_MAP_START``): every application has a segment there, but neither a bootloader nor a
#: program for RAM alone has one.
_XTENSA_S3_WINDOWS = ((0x3C000000, 0x3E000000), (0x42000000, 0x44000000))
_SHARED_WINDOW = ((0x42000000, 0x44000000),)
_FLASH_WINDOWS = {
    "esp32": ((0x3F400000, 0x3F800000), (0x400D0000, 0x40400000)),
    "esp32s2": ((0x3F000000, 0x3F3F0000), (0x40080000, 0x40B80000)),
    "esp32s3": _XTENSA_S3_WINDOWS,
    "esp32c3": _XTENSA_S3_WINDOWS,
    "esp32c2": _XTENSA_S3_WINDOWS,
    "esp32c6": _SHARED_WINDOW,
    "esp32h2": _SHARED_WINDOW,
    "esp32c5": _SHARED_WINDOW,
    "esp32c61": _SHARED_WINDOW,
    "esp32h21": _SHARED_WINDOW,
    "esp32h4": _SHARED_WINDOW,
    "esp32p4": ((0x40000000, 0x4C000000),),
    "esp32e22": ((0x3C000000, 0x40000000),),
    "esp32s31": ((0x40000000, 0x54000000),),
}
#: The memories of all chips are in this range, from the P4's at 0x30100000 to the RTC memories at
#: 0x50000000.
_ADDRESSES = range(0x20000000, 0x60000000)

#: The kind of an image that lies in RAM alone, by whether it has an app descriptor.
_RAM_KINDS = {
    False: (Kind.BOOTLOADER, "a bootloader, or another program that lies in RAM alone"),
    True: (Kind.PART, "a program that lies in RAM alone"),
}

#: A merged file begins with the bootloader, or has it at one of these offsets, filled with 0xFF up
#: to there.
_BOOTLOADER_OFFSETS = (0x1000, 0x2000)
_PARTITION_MAGIC = b"\xaa\x50"
#: The bytes that may follow an entry: another entry, the table's MD5, or erased flash
#: (``gen_esp32part.py``).
_AFTER_PARTITION = (_PARTITION_MAGIC, b"\xeb\xeb", b"\xff\xff")
_LAST_PARTITION_TABLE = 0x20000

_SIZES = dict(enumerate(("1MB", "2MB", "4MB", "8MB", "16MB", "32MB", "64MB", "128MB")))
_FREQUENCIES = {0x0: "40m", 0x1: "26m", 0x2: "20m", 0xF: "80m"}
_H2_FREQUENCIES = {0x0: "24m", 0x1: "16m", 0x2: "12m", 0xF: "48m"}
_FREQUENCIES_OF = {
    "esp32c2": {0x0: "30m", 0x1: "20m", 0x2: "15m", 0xF: "60m"},
    "esp32c6": {0x0: "80m", 0x2: "20m"},
    "esp32h2": _H2_FREQUENCIES,
    "esp32h21": _H2_FREQUENCIES,
    "esp32h4": _H2_FREQUENCIES,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Esp32Shape(Shape):
    """A file as an image of the ESP32 family.

    Attributes:
        described: Whether the first segment begins with an app descriptor.
    """

    family: ClassVar[Family] = "esp32"

    described: bool

    @property
    def hash_appended(self) -> bool:
        """Whether the image ends with a SHA-256 of all bytes before it."""
        return bool(self.chain.extension[-1])

    def frequencies(self) -> dict[int, str]:
        """Returns the names of the chip's flash frequencies."""
        return _FREQUENCIES_OF.get(self.chip, _FREQUENCIES)

    def flash_sizes(self) -> dict[int, str]:
        """Returns the names of the flash sizes."""
        return _SIZES

    def verify(self, data: bytes, digests: Digests) -> Findings:
        """Checks the XOR checksum, the appended SHA-256 and the signature blocks."""
        if self.kind is Kind.MERGED:
            return Findings()
        problems = []
        if self.hash_appended:
            digests.begin_sha256(self.chain.end)
        stored = data[self.chain.checksum_offset]
        computed = checksum_of(data, self.chain.segments)
        if stored != computed:
            problems.append(f"the checksum is {stored:#04x}, computed {computed:#04x}")
        digest = Integrity.ABSENT
        if self.hash_appended:
            appended = data[self.end - _DIGEST_BYTES : self.end]
            matches = digests.sha256(self.chain.end) == appended
            digest = Integrity.VALID if matches else Integrity.INVALID
            if not matches:
                problems.append("the appended SHA-256 does not match the image")
        signature = describe_esp32(data, self.end) if self.signed else None
        for number, block in enumerate(signature.blocks if signature else (), start=1):
            if block.digest is Integrity.INVALID:
                problems.append(f"signature block {number} does not match this image")
        return Findings(
            checksum=Integrity.VALID if stored == computed else Integrity.INVALID,
            digest=digest,
            signature=signature,
            problems=tuple(problems),
        )

    def descriptor(self, data: bytes) -> AppDescriptor | None:
        """Returns the app descriptor, None if there is none."""
        offset = self.chain.start + _DESCRIPTOR_OFFSET
        if not self.described or self.size < offset + _DESCRIPTOR_BYTES:
            return None
        _, secure, version, project, time, date, idf, elf, low, high, page = (
            _DESCRIPTOR.unpack_from(data, offset)
        )
        return AppDescriptor(
            secure_version=secure,
            version=read_string(version),
            project=read_string(project),
            time=read_string(time),
            date=read_string(date),
            idf_version=read_string(idf),
            elf_sha256=elf.hex(),
            min_revision=low,
            max_revision=high,
            # The field contains the exponent (``esp_app_desc.h``: "mmu page size in log base 2");
            # many builds leave it 0, which means that it is not set.
            mmu_page_size=1 << page if 0 < page < 32 else 0,
        )

    def stamp_offsets(self, data: bytes) -> tuple[StampOffsets, ...]:
        """Returns where the two fields of the app descriptor are."""
        if self.descriptor(data) is None:
            return ()
        return (StampOffsets(product=_PROJECT_OFFSET, version=_VERSION_OFFSET),)

    def is_stamp(self, product: str, version: str) -> bool:
        """Returns whether the descriptor's strings are the application's own."""
        return product not in UNSTAMPED_PROJECTS and bool(version)

    def reported_digests(self, data: bytes, digests: Digests) -> ReportedDigests:
        """Returns the MD5 and SHA-256 as the device computes them.

        ``ESP.getSketchMD5`` includes the appended digest (``Esp.cpp``); the SHA-256 is the
        appended one or, without it, that of the image (``bootloader_common_loader.c``:
        ``bootloader_common_get_sha256_of_partition``).
        """
        sha256 = digests.sha256(self.chain.end).hex()
        return ReportedDigests(md5s=(digests.md5(self.end),), sha256s=(sha256,))

    def seal(self, data: bytes, edits: tuple[Edit, ...]) -> Edit | None:
        """Returns the appended SHA-256 of the edited image."""
        if not self.hash_appended:
            return None
        digest = hashlib.sha256()
        for part in edited(data, edits, self.chain.end):
            digest.update(part)
        return self.chain.end, digest.digest()


def parse(read_at: ReadAt, size: int) -> Esp32Shape | None:
    """Reads a file's headers as those of an ESP32 image.

    Returns:
        The shape, or None if the headers are not plausible.
    """
    start = _start(read_at)
    chain = walk(read_at, size, start, _EXTENSION_BYTES)
    if chain is None or not _plausible(chain):
        return None
    chip_id = int.from_bytes(chain.extension[4:6], "little")
    chip = CHIPS.get(chip_id, f"chip-{chip_id}")
    end = chain.end + (_DIGEST_BYTES if chain.extension[-1] else 0)
    missing = chain.missing
    if not missing and end > size:
        missing = f"{end - size} bytes of the appended SHA-256 are missing"
    magic = read_at(start + _DESCRIPTOR_OFFSET, 4)
    first = chain.segments[0] if chain.segments else None
    described = (
        magic == _DESCRIPTOR_MAGIC.to_bytes(4, "little")
        and first is not None
        and first.size >= _DESCRIPTOR_BYTES
    )
    signed = not missing and signed_esp32(read_at, end, size)
    description = ""
    if start or _partition_table(read_at, end, size):
        kind = Kind.MERGED
    elif not described and magic[:3] == _BOOTLOADER_DESCRIPTOR:
        kind = Kind.BOOTLOADER
    elif _is_in_ram_alone(chain, chip, described=described):
        kind, description = _RAM_KINDS[described]
    elif signed:
        kind = Kind.SIGNED
    else:
        kind = Kind.APPLICATION
    return Esp32Shape(
        kind=kind,
        chip=chip,
        chain=chain,
        size=size,
        end=end,
        missing=missing,
        signed=signed,
        description=description,
        described=described,
    )


def read_string(field: bytes) -> str:
    """Returns the string in a field that is terminated by a NUL."""
    return field.split(b"\0", 1)[0].decode("utf-8", "replace")


def _start(read_at: ReadAt) -> int:
    if read_at(0, 1) == b"\xff":
        for offset in _BOOTLOADER_OFFSETS:
            erased = read_at(0, offset)
            if erased == b"\xff" * offset and read_at(offset, 1) == b"\xe9":
                return offset
    return 0


def _plausible(chain: Chain) -> bool:
    """Excludes the headers of an ESP8266, which have segment data in the extension."""
    reserved, hash_appended = chain.extension[11:15], chain.extension[15]
    first = chain.segments[0].address if chain.segments else 0
    return (
        reserved == bytes(4)
        and hash_appended <= 1
        and chain.entry in _ADDRESSES
        # esptool gives padding segments the address 0.
        and (first == 0 or first in _ADDRESSES)
    )


def _is_in_ram_alone(chain: Chain, chip: str, *, described: bool) -> bool:
    """Returns whether no segment is in mapped flash, as far as the chip is known."""
    if chain.missing:
        return False
    windows = _FLASH_WINDOWS.get(chip)
    if windows is None:
        # The window of a new chip is not known, but all ESP-IDF for it writes descriptors.
        return not described
    return not any(
        low <= segment.address < high for segment in chain.segments for low, high in windows
    )


def _partition_table(read_at: ReadAt, end: int, size: int) -> bool:
    """Looks for a partition table after the first image; only merged files have one."""
    first = -(-end // SECTOR_BYTES) * SECTOR_BYTES
    for offset in range(first, min(size, _LAST_PARTITION_TABLE + 1), SECTOR_BYTES):
        entry = read_at(offset, 34)
        if entry[:2] == _PARTITION_MAGIC and entry[32:34] in _AFTER_PARTITION:
            return True
    return False
