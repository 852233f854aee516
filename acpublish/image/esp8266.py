"""Images of the ESP8266: eboot and application in one file, CRC words, the stamp record.

An Arduino file is the eboot image, padded with 0xAA to 4096 bytes, followed by the application's
image, whose code runs from mapped flash (``tools/elf2bin.py``). Only such a file is an application:
without eboot a device does not start it. Other builds are a single image. Both use the common
header without an extension.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import ClassVar

from acpublish.image.chain import HEADER_BYTES, Chain, ReadAt, walk
from acpublish.image.model import Integrity, Kind, ReportedDigests
from acpublish.image.shape import Edit, Findings, Shape, StampOffsets, checksum_of
from acpublish.image.signature_blocks import describe_esp8266, signed_esp8266
from acpublish.image.stamp_record import ESP8266_RECORD_MAGIC, STAMP_FIELD_BYTES
from acpublish.image.sums import Digests, crc32_change, crc32_msb_first, xor_bytes
from acpublish.wire import Family

#: The device can read its flash only in aligned words, so the record is aligned to them.
_RECORD_ALIGNMENT = 4

#: Where elf2bin puts the application (``write_bin`` of eboot pads to 4096).
_APP_OFFSET = 0x1000
#: The CRC words begin the application's first segment: the file's length, then its CRC
#: (``elf2bin.py``: ``add_crc``).
_LENGTH_OFFSET = _APP_OFFSET + 16
_WORDS = slice(_LENGTH_OFFSET, _LENGTH_OFFSET + 8)

#: Instruction memory, whose last 4 KiB contain eboot, data memory, and the window on flash
#: (``eagle.app.v6.common.ld``, ``bootloaders/eboot/eboot.ld``).
_EBOOT_MEMORY = range(0x4010F000, 0x40110000)
_FLASH_WINDOW = range(0x40200000, 0x40300000)
_MEMORIES = (range(0x3FFE8000, 0x40000000), range(0x40100000, 0x40110000), _FLASH_WINDOW)
_ENTRIES = range(0x40000000, 0x40300000)

_SECTOR_BYTES = 0x1000
_SAMPLE_BYTES = 16
#: The SDK's linker scripts put the code in flash at this offset at the latest
#: (``eagle.app.v6.ld``: ``irom0_0_seg`` at 0x40240000).
_LAST_CODE_OFFSET = 0x40000
#: What an image is; each phrase leaves room for its label in a line of 80 characters.
_RAM_ONLY = "a program that lies in RAM alone, such as half of a split build"
_CHANGED_HEADER = "its flash mode, size or frequency was changed after the build"
_WHOLE_FLASH = "an image of the whole flash, such as NodeMCU's"
_WITHOUT_EBOOT = "an image without the bootloader eboot, such as the RTOS SDK's"
#: The images of the RTOS SDK, its bootloader included, may end with a SHA-256 (esptool
#: ``bin_image.py``: ``ESP8266V3FirmwareImage``); no header says so.
_DIGEST_BYTES = 32

#: esptool's ``ESP8266ROM.FLASH_SIZES`` and ``FLASH_FREQUENCY``.
_SIZES = {
    0x0: "512KB",
    0x1: "256KB",
    0x2: "1MB",
    0x3: "2MB",
    0x4: "4MB",
    0x5: "2MB-c1",
    0x6: "4MB-c1",
    0x8: "8MB",
    0x9: "16MB",
}
_FREQUENCIES = {0x0: "40m", 0x1: "26m", 0x2: "20m", 0xF: "80m"}
#: Every value that header byte 3 may have.
_SIZE_FREQUENCIES = [size << 4 | frequency for size in _SIZES for frequency in _FREQUENCIES]
_FLASH_MODES = range(4)
_FLASH_MODE_OFFSET = 2
#: The sizes in bytes that esptool can detect (``DETECTED_FLASH_SIZES``) and an ESP8266's header can
#: express, with the high half of header byte 3 for each.
_DETECTED_SIZES = {
    0x40000: 0x1,
    0x80000: 0x0,
    0x100000: 0x2,
    0x200000: 0x3,
    0x400000: 0x4,
    0x800000: 0x8,
    0x1000000: 0x9,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Esp8266Shape(Shape):
    """A file as an image of the ESP8266.

    Attributes:
        eboot: The chain of the bootloader before the application, None if there is none.
        hash_appended: Whether the image ends with a SHA-256 of all bytes before it.
    """

    family: ClassVar[Family] = "esp8266"

    eboot: Chain | None = None
    hash_appended: bool = False

    @property
    def header(self) -> Chain:
        """The chain at the beginning of the file, whose flash settings are in effect."""
        return self.eboot or self.chain

    def frequencies(self) -> dict[int, str]:
        """Returns the names of the flash frequencies."""
        return _FREQUENCIES

    def flash_sizes(self) -> dict[int, str]:
        """Returns the names of the flash sizes."""
        return _SIZES

    def verify(self, data: bytes, digests: Digests) -> Findings:
        """Checks the CRC words or, only if there are none, the XOR checksums.

        elf2bin computes the XOR checksum before it fills in the CRC words, so on an image with CRC
        words the checksum is that of words that are zero.
        """
        stored = data[self.chain.checksum_offset]
        computed = checksum_of(data, self.chain.segments)
        crc, problems, description = self._verify_crc(data)
        if crc is not Integrity.ABSENT:
            computed ^= xor_bytes((data[_WORDS],))
        elif stored != computed:
            problems.append(f"the checksum is {stored:#04x}, computed {computed:#04x}")
        elif self.eboot and data[self.eboot.end - 1] != checksum_of(data, self.eboot.segments):
            problems.append("the checksum of eboot is wrong")
        digest = Integrity.ABSENT
        if self.hash_appended:
            matches = digests.sha256(self.chain.end) == data[self.chain.end : self.end]
            digest = Integrity.VALID if matches else Integrity.INVALID
            if not matches:
                problems.append("the appended SHA-256 does not match the image")
        return Findings(
            checksum=Integrity.VALID if stored == computed else Integrity.INVALID,
            crc=crc,
            digest=digest,
            signature=describe_esp8266(self.size - self.end - 4) if self.signed else None,
            problems=tuple(problems),
            description=description,
        )

    def stamp_offsets(self, data: bytes) -> tuple[StampOffsets, ...]:
        """Returns where the fields of each stamp record in the application's segments are."""
        offsets = []
        for segment in self.chain.segments:
            end = segment.offset + segment.size - 2 * STAMP_FIELD_BYTES
            record = data.find(ESP8266_RECORD_MAGIC, segment.offset, max(end, 0))
            while record >= 0:
                fields = record + len(ESP8266_RECORD_MAGIC)
                if (segment.address + record - segment.offset) % _RECORD_ALIGNMENT == 0:
                    offsets.append(StampOffsets(product=fields, version=fields + STAMP_FIELD_BYTES))
                record = data.find(ESP8266_RECORD_MAGIC, fields, max(end, 0))
        return tuple(offsets)

    def is_stamp(self, product: str, version: str) -> bool:
        """Returns whether the record was filled in."""
        return bool(product or version)

    def reported_digests(self, data: bytes, digests: Digests) -> ReportedDigests:
        """Returns the MD5s of the image with each value that bytes 2 and 3 may have in flash.

        First come those with another flash mode: the updater writes the running chip's mode into
        byte 2 of what it flashes (``Updater.cpp``: ``_writeBuffer``). Then come those with another
        flash size: serial flashing with ``--flash-size detect`` keeps mode and frequency and writes
        the size that it finds into byte 3 (esptool ``cmds.py``: ``_update_image_flash_params``).
        A mode or frequency that someone passes to esptool is not covered.
        """
        view = memoryview(data)[: self.end]
        mode, byte = view[_FLASH_MODE_OFFSET : _FLASH_MODE_OFFSET + 2]
        variants = [(other, byte) for other in _FLASH_MODES]
        variants += [
            (mode, code << 4 | byte & 0x0F)
            for size, code in _DETECTED_SIZES.items()
            if size >= self.end
        ]
        md5s = [_md5_with(view, *variant) for variant in variants if variant != (mode, byte)]
        return ReportedDigests(md5s=(digests.md5(self.end), *md5s))

    def seal(self, data: bytes, edits: tuple[Edit, ...]) -> Edit | None:
        """Returns the CRC word of the edited image, if it has CRC words.

        The new word is computed from the edits alone, without reading the whole image.
        """
        if self.eboot is None:
            return None
        length, crc = struct.unpack_from("<II", data, _LENGTH_OFFSET)
        if length != self.end:
            return None
        changes = ((offset, data[offset : offset + len(new)], new) for offset, new in edits)
        crc ^= crc32_change(changes, self.end)
        return _LENGTH_OFFSET + 4, struct.pack("<I", crc)

    def _verify_crc(self, data: bytes) -> tuple[Integrity, list[str], str]:
        """Cores before 2.6 have code where the CRC words are; then neither word matches."""
        if self.eboot is None:
            return Integrity.ABSENT, [], ""
        computed = self._crc(data)
        length, stored = struct.unpack_from("<II", data, _LENGTH_OFFSET)
        if length == self.end and stored == computed:
            return Integrity.VALID, [], ""
        if stored == computed:
            problem = f"the length word is {length}, but the image is {self.end} bytes long"
            return Integrity.INVALID, [problem], ""
        if length != self.end:
            return Integrity.ABSENT, [], ""
        if self._has_changed_header(data, stored ^ computed):
            return Integrity.VALID, [], _CHANGED_HEADER
        return Integrity.INVALID, [f"the CRC word is {stored:#010x}, computed {computed:#010x}"], ""

    def _has_changed_header(self, data: bytes, difference: int) -> bool:
        """Returns whether the CRC matches with the flash settings of the build.

        esptool and the updater write these into the first header and leave the CRC word as it is;
        other tools write them into the application's header as well, which elf2bin makes equal.
        """
        first, second = (self._header_changes(data, start) for start in (0, _APP_OFFSET))
        both = (left ^ right for left, right in zip(first, second, strict=False))
        return difference in (*first, *second, *both)

    def _header_changes(self, data: bytes, start: int) -> list[int]:
        """Returns what each flash mode, size and frequency of a header would change the CRC by.

        They are at most 144 values, computed from the changed bytes alone, and none if the header
        has a setting that no tool writes.
        """
        offset = start + _FLASH_MODE_OFFSET
        mode, byte = data[offset : offset + 2]
        if mode not in _FLASH_MODES or byte not in _SIZE_FREQUENCIES:
            return []

        def change(place: int, before: int, after: int) -> int:
            return crc32_change([(place, bytes((before,)), bytes((after,)))], self.end)

        # A CRC is linear, so the changes of two bytes combine by XOR.
        modes = [change(offset, mode, other) for other in _FLASH_MODES]
        others = [change(offset + 1, byte, other) for other in _SIZE_FREQUENCIES]
        return [by_mode ^ by_other for by_mode in modes for by_other in others]

    def _crc(self, data: bytes) -> int:
        return crc32_msb_first((data[: _WORDS.start], bytes(8), data[_WORDS.stop : self.end]))


def parse(read_at: ReadAt, size: int) -> Esp8266Shape | None:
    """Reads a file's headers as those of an ESP8266 file.

    Returns:
        The shape, or None if the headers are not plausible.
    """
    first = walk(read_at, size, 0, 0)
    if first is None or not is_plausible(first):
        return None
    eboot = None
    chain = first
    if not first.missing and _is_eboot(first) and first.end <= _APP_OFFSET:
        second = walk(read_at, size, _APP_OFFSET, 0)
        if second is not None and is_plausible(second):
            eboot, chain = first, second
    missing = chain.missing
    if eboot is None and _is_eboot(first) and first.end < size < _APP_OFFSET + HEADER_BYTES:
        missing = "the application after eboot is missing"
    hash_appended = not missing and eboot is None and _hash_appended(read_at, chain.end, size)
    end = chain.end + (_DIGEST_BYTES if hash_appended else 0)
    kind, description = Kind.APPLICATION, ""
    # The segments of a truncated image are not all known.
    if not missing:
        kind, description = _kind(read_at, size, chain, end, behind_eboot=eboot is not None)
    signed = not missing and signed_esp8266(read_at, chain.end, size)
    if signed and kind is Kind.APPLICATION:
        kind = Kind.SIGNED
    return Esp8266Shape(
        kind=kind,
        chip="esp8266",
        chain=chain,
        size=size,
        end=end,
        missing=missing,
        signed=signed,
        description=description,
        eboot=eboot,
        hash_appended=hash_appended,
    )


def _hash_appended(read_at: ReadAt, end: int, size: int) -> bool:
    """Returns whether a digest may follow the image: its bytes, and not padding."""
    if size != end + _DIGEST_BYTES:
        return False
    trailing = read_at(end, _DIGEST_BYTES)
    return bool(trailing.strip(b"\xff") and trailing.strip(b"\0"))


def _kind(
    read_at: ReadAt, size: int, chain: Chain, end: int, *, behind_eboot: bool
) -> tuple[Kind, str]:
    """Returns the kind of a complete image, and a phrase if the kind does not say enough."""
    in_flash = any(segment.address in _FLASH_WINDOW for segment in chain.segments)
    if behind_eboot:
        return (Kind.APPLICATION, "") if in_flash else (Kind.PART, _RAM_ONLY)
    if in_flash:
        return Kind.PART, _WITHOUT_EBOOT
    if _continues(read_at, end, size):
        return Kind.MERGED, _WHOLE_FLASH
    if _is_eboot(chain):
        return Kind.BOOTLOADER, ""
    if chain.end <= _APP_OFFSET:
        return Kind.BOOTLOADER, "a bootloader other than eboot, such as the SDK's or rBoot"
    return Kind.PART, _RAM_ONLY


def _continues(read_at: ReadAt, end: int, size: int) -> bool:
    """Returns whether a later sector has content, as the code of NodeMCU at 0x10000."""
    first = -(-end // _SECTOR_BYTES) * _SECTOR_BYTES
    for offset in range(first, min(size, _LAST_CODE_OFFSET + 1), _SECTOR_BYTES):
        if read_at(offset, _SAMPLE_BYTES).strip(b"\xff").strip(b"\0"):
            return True
    return False


def is_plausible(chain: Chain) -> bool:
    """Excludes the headers of an ESP32, whose extension is where segments would begin."""
    return chain.entry in _ENTRIES and (
        not chain.segments or any(chain.segments[0].address in memory for memory in _MEMORIES)
    )


def _is_eboot(chain: Chain) -> bool:
    """Judges by the entry: elf2bin may put eboot's constants into data memory."""
    return chain.entry in _EBOOT_MEMORY


def _md5_with(view: memoryview, mode: int, size_frequency: int) -> str:
    md5 = hashlib.md5(view[:_FLASH_MODE_OFFSET], usedforsecurity=False)
    md5.update(bytes((mode, size_frequency)))
    md5.update(view[_FLASH_MODE_OFFSET + 2 :])
    return md5.hexdigest()
