"""Images of Espressif's SDK for the ESP8266, ``user1`` and ``user2``: recognised, never offered.

A bootloader of the SDK or rBoot starts them, at the place in flash that they were linked for. The
updater of the Arduino core accepts neither their first byte nor their place.

Layout (esptool ``bin_image.py``: ``ESP8266V2FirmwareImage``): a header with the magic 0xEA, the
code that stays in flash as one segment, then an ordinary image with the segments for RAM, and a
CRC-32 over everything before it.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from acpublish.image.chain import HEADER_BYTES, SEGMENT_HEADER_BYTES, ReadAt, walk
from acpublish.image.esp8266 import Esp8266Shape, is_plausible
from acpublish.image.model import Integrity, Kind
from acpublish.image.shape import Findings
from acpublish.image.sums import Digests

#: The magic, and a count of segments that is always 4 (``IMAGE_V2_MAGIC``, ``IMAGE_V2_SEGMENT``).
_MAGIC = b"\xea\x04"
_CRC_BYTES = 4
_DESCRIPTION = "a user1 or user2 image, for the SDK's bootloader or rBoot"


@dataclass(frozen=True, slots=True, kw_only=True)
class SdkShape(Esp8266Shape):
    """A file as an image of the SDK; its chain is that of the segments for RAM."""

    def verify(self, data: bytes, digests: Digests) -> Findings:
        """Checks the XOR checksum and the CRC at the end."""
        # A dataclass with slots is a new class, in which super() without arguments fails.
        findings = Esp8266Shape.verify(self, data, digests)
        if self.end == self.chain.end:
            return findings
        end = self.chain.end
        stored, computed = int.from_bytes(data[end : self.end], "little"), _crc(data[:end])
        problems = findings.problems
        if stored != computed:
            problems = (*problems, f"the CRC is {stored:#010x}, computed {computed:#010x}")
        return Findings(
            checksum=findings.checksum,
            crc=Integrity.VALID if stored == computed else Integrity.INVALID,
            problems=problems,
        )


def parse(read_at: ReadAt, size: int) -> SdkShape | None:
    """Reads a file's headers as those of an SDK image.

    Returns:
        The shape, or None if the headers are not plausible.
    """
    header = read_at(0, HEADER_BYTES + SEGMENT_HEADER_BYTES)
    if len(header) < HEADER_BYTES + SEGMENT_HEADER_BYTES or header[: len(_MAGIC)] != _MAGIC:
        return None
    code_bytes = int.from_bytes(header[-4:], "little")
    chain = walk(read_at, size, len(header) + code_bytes, 0)
    if chain is None or not is_plausible(chain):
        return None
    # Early versions of the SDK's tools append no CRC.
    end = chain.end + (_CRC_BYTES if size != chain.end else 0)
    missing = chain.missing
    if not missing and end > size:
        missing = f"{end - size} bytes of the CRC are missing"
    return SdkShape(
        kind=Kind.PART,
        description=_DESCRIPTION,
        chip="esp8266",
        chain=chain,
        size=size,
        end=end,
        missing=missing,
        signed=False,
        eboot=None,
    )


def _crc(data: bytes) -> int:
    """Returns the CRC-32 as the SDK stores it: its magnitude (esptool: ``esp8266_crc32``)."""
    crc = zlib.crc32(data)
    return crc ^ 0xFFFFFFFF if crc & 0x80000000 else crc + 1
