"""What the headers say an image is, and what can be done with such an image.

The two families, :mod:`acpublish.image.esp8266` and :mod:`acpublish.image.esp32`, each read a
file's headers into a :class:`Shape` of their own; the rest of the room asks only what stands here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from acpublish.image.chain import Chain
from acpublish.image.model import (
    AppDescriptor,
    Integrity,
    Kind,
    ReportedDigests,
    Segment,
    Signature,
)
from acpublish.image.sums import CHECKSUM_SEED, Digests, xor_bytes
from acpublish.wire import Family

#: An offset in a file, and the bytes to put there.
Edit = tuple[int, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the two texts of a stamp stand in a file, ``STAMP_FIELD_BYTES`` each."""

    product: int
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the sums inside an image say of its bytes; a problem means that they do not hold."""

    checksum: Integrity = Integrity.ABSENT
    crc: Integrity = Integrity.ABSENT
    digest: Integrity = Integrity.ABSENT
    signature: Signature | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape(ABC):
    """What the headers of a file say, in the view of one family.

    Attributes:
        kind: What the file is.
        chip: As esptool's ``--chip`` spells it.
        chain: The application's chain (the second one of an ESP8266 file).
        size: Of the file.
        end: Where the image ends, an appended digest included. Behind it only a signature or
            padding is in order.
        missing: What is cut off, as a phrase; empty when the image is inside the file.
        signed: Whether a signature follows the image.
    """

    family: ClassVar[Family]

    kind: Kind
    chip: str
    chain: Chain
    size: int
    end: int
    missing: str
    signed: bool

    @property
    def complete(self) -> bool:
        """Whether the headers account for every byte of the file, and no byte is missing.

        Never so for a boot loader: an Arduino file or a merged one begins with it.
        """
        exact = self.kind is Kind.APPLICATION and self.end == self.size
        return not self.missing and (exact or self.kind is Kind.SIGNED)

    @property
    def header(self) -> Chain:
        """The chain at the file's beginning, whose flash settings count."""
        return self.chain

    @property
    def flash_frequency(self) -> str:
        """As esptool spells it."""
        nibble = self.header.flash_size_frequency & 0x0F
        return self.frequencies().get(nibble, f"frequency-{nibble}")

    @property
    def flash_size(self) -> str:
        """As esptool spells it."""
        nibble = self.header.flash_size_frequency >> 4
        return self.flash_sizes().get(nibble, f"size-{nibble}")

    @abstractmethod
    def frequencies(self) -> dict[int, str]:
        """Returns the names of the flash frequencies."""

    @abstractmethod
    def flash_sizes(self) -> dict[int, str]:
        """Returns the names of the flash sizes."""

    @abstractmethod
    def verify(self, data: bytes, digests: Digests) -> Findings:
        """Returns what the sums inside say; asked only where nothing is missing."""

    @abstractmethod
    def places(self, data: bytes) -> tuple[Place, ...]:
        """Returns where a stamp may stand: exactly one place is needed to stamp."""

    @abstractmethod
    def holds_stamp(self, product: str, version: str) -> bool:
        """Returns whether the texts at a place are a stamp, not what the build left there."""

    @abstractmethod
    def running(self, data: bytes, digests: Digests) -> ReportedDigests:
        """Returns what a device that runs the image may report."""

    def descriptor(self, data: bytes) -> AppDescriptor | None:
        """Returns the app descriptor, None where there is none."""
        return None

    @abstractmethod
    def seal(self, data: bytes, edits: tuple[Edit, ...]) -> Edit | None:
        """Returns the sum behind the XOR checksum as it is after edits, None where there is none.

        Args:
            data: The image before the edits; its sum holds.
            edits: What changes, in the order of the offsets, the XOR checksum included.
        """

    def restamp(self, data: bytes, place: Place, product: bytes, version: bytes) -> bytes:
        """Returns a sound image's bytes with other texts at a place and all sums redone.

        The XOR checksum is changed by the changed bytes only. On an ESP8266 image this keeps what
        it was over the rest, and gives what ``elf2bin.py`` would have written.

        Args:
            data: The image; verified before, because a checksum or CRC that was wrong stays wrong
                by as much, but a digest becomes right.
            place: Where the texts go.
            product: ``STAMP_FIELD_BYTES`` bytes.
            version: ``STAMP_FIELD_BYTES`` bytes.
        """
        edits = sorted(((place.product, product), (place.version, version)))
        checksum = data[self.chain.checksum_offset]
        for offset, field in edits:
            checksum ^= xor_bytes((data[offset : offset + len(field)], field))
        edits.append((self.chain.checksum_offset, bytes((checksum,))))
        seal = self.seal(data, tuple(edits))
        if seal is not None:
            edits.append(seal)
        return b"".join(edited(data, tuple(sorted(edits)), len(data)))


def edited(data: bytes, edits: tuple[Edit, ...], end: int) -> Iterator[bytes | memoryview]:
    """Yields the parts of edited bytes, without a copy of what stays.

    Args:
        data: The bytes before the edits.
        edits: In the order of their offsets, all before the end.
        end: Where to stop.
    """
    view = memoryview(data)
    position = 0
    for offset, field in edits:
        yield view[position:offset]
        yield field
        position = offset + len(field)
    yield view[position:end]


def checksum_of(data: bytes, segments: tuple[Segment, ...]) -> int:
    """Returns the XOR checksum over the bytes of segments."""
    view = memoryview(data)
    return CHECKSUM_SEED ^ xor_bytes(
        view[segment.offset : segment.offset + segment.size] for segment in segments
    )
