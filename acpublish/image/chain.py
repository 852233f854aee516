"""The segment chain that both chip families share: a header, then segments, then a checksum.

A chain is read by small reads at offsets, so it can be followed over bytes in memory and over a
file of which only the headers are to be read. It shows where the image ends; it does not check
bytes.

Source: esptool documentation, "Firmware Image Format".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from acpublish.image.model import Segment

#: Returns up to ``length`` bytes at ``offset``: ``read_at(offset, length)``.
ReadAt = Callable[[int, int], bytes]

IMAGE_MAGIC = 0xE9
HEADER_BYTES = 8
SEGMENT_HEADER_BYTES = 8
#: ``ESP_IMAGE_MAX_SEGMENTS`` (``esp_image_format.h``).
MAX_SEGMENTS = 16
#: The checksum is the last byte of a block of this size.
CHECKSUM_BLOCK_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The headers of one image.

    Attributes:
        start: Where the image begins in the file.
        flash_mode: Header byte 2.
        flash_size_frequency: Header byte 3: size in the high half, frequency in the low.
        entry: The entry address.
        extension: The bytes after the common header: 16 for the ESP32 family, otherwise none.
        count: How many segments the header announces.
        segments: Those whose header is in the file, in order; the last may be cut off.
        end: Where the image ends, checksum included, according to the headers so far.
        missing: What is cut off, as a phrase; empty if the whole chain is in the file.
    """

    start: int
    flash_mode: int
    flash_size_frequency: int
    entry: int
    extension: bytes
    count: int
    segments: tuple[Segment, ...]
    end: int
    missing: str

    @property
    def checksum_offset(self) -> int:
        """Where the XOR checksum is in the file."""
        return self.end - 1


def walk(read_at: ReadAt, size: int, start: int, extension_bytes: int) -> Chain | None:
    """Follows the chain that begins at an offset.

    Args:
        read_at: Reads the file.
        size: The size of the file in bytes.
        start: Where the image begins.
        extension_bytes: The length of the header's extension: 0 or 16.

    Returns:
        The chain, or None if there is no image header at that offset.
    """
    header_bytes = HEADER_BYTES + extension_bytes
    header = read_at(start, header_bytes)
    if len(header) < header_bytes or header[0] != IMAGE_MAGIC:
        return None
    count = header[1]
    if not 1 <= count <= MAX_SEGMENTS:
        return None
    segments, missing = _segments(read_at, size, start + header_bytes, count)
    position = segments[-1].offset + segments[-1].size if segments else start + header_bytes
    length = position - start
    end = start + length - length % CHECKSUM_BLOCK_BYTES + CHECKSUM_BLOCK_BYTES
    if not missing and end > size:
        missing = f"the checksum is missing ({end - size} bytes)"
    return Chain(
        start=start,
        flash_mode=header[2],
        flash_size_frequency=header[3],
        entry=int.from_bytes(header[4:8], "little"),
        extension=header[HEADER_BYTES:],
        count=count,
        segments=segments,
        end=end,
        missing=missing,
    )


def _segments(
    read_at: ReadAt, size: int, position: int, count: int
) -> tuple[tuple[Segment, ...], str]:
    segments: list[Segment] = []
    for number in range(1, count + 1):
        header = read_at(position, SEGMENT_HEADER_BYTES)
        if len(header) < SEGMENT_HEADER_BYTES:
            return tuple(segments), f"the header of segment {number} of {count} is missing"
        segment = Segment(
            address=int.from_bytes(header[:4], "little"),
            offset=position + SEGMENT_HEADER_BYTES,
            size=int.from_bytes(header[4:], "little"),
        )
        segments.append(segment)
        position = segment.offset + segment.size
        if position > size:
            cut = f"{position - size} bytes of segment {number} of {count} are missing"
            return tuple(segments), cut
    return tuple(segments), ""
