"""The layout of an image by its headers, and the operations that both chip families share.

:mod:`acpublish.image.esp8266` and :mod:`acpublish.image.esp32` each read a file's headers into
their own subclass of :class:`Shape`. The rest of the package uses only this interface.
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
class StampOffsets:
    """The file offsets of the two fields of a stamp, ``STAMP_FIELD_BYTES`` each."""

    product: int
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The result of comparing an image with the checksums in it; a problem is a mismatch.

    The description says what is unusual about an image without a problem.
    """

    checksum: Integrity = Integrity.ABSENT
    crc: Integrity = Integrity.ABSENT
    digest: Integrity = Integrity.ABSENT
    signature: Signature | None = None
    problems: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape(ABC):
    """The layout of a file as an image of one chip family.

    Attributes:
        kind: The kind of the file.
        chip: The chip as esptool's ``--chip`` spells it.
        chain: The application's chain (the second one of an ESP8266 file).
        size: The size of the file in bytes.
        end: Where the image ends, an appended digest included. Only a signature or padding may
            follow.
        missing: What is cut off, as a phrase; empty if the whole image is in the file.
        signed: Whether a signature follows the image.
        description: What the file is, as a phrase, if its kind does not say enough.
    """

    family: ClassVar[Family]

    kind: Kind
    chip: str
    chain: Chain
    size: int
    end: int
    missing: str
    signed: bool
    description: str = ""

    @property
    def complete(self) -> bool:
        """Whether the headers account for every byte of the file, and no byte is missing.

        This is never true of a bootloader, because an Arduino file or a merged one begins with it.
        """
        exact = self.kind is Kind.APPLICATION and self.end == self.size
        return not self.missing and (exact or self.kind is Kind.SIGNED)

    @property
    def header(self) -> Chain:
        """The chain at the beginning of the file, whose flash settings are in effect."""
        return self.chain

    @property
    def flash_frequency(self) -> str:
        """The flash frequency as esptool spells it."""
        nibble = self.header.flash_size_frequency & 0x0F
        return self.frequencies().get(nibble, f"frequency-{nibble}")

    @property
    def flash_size(self) -> str:
        """The flash size as esptool spells it."""
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
        """Compares the image with the checksums in it; called only if nothing is missing."""

    @abstractmethod
    def stamp_offsets(self, data: bytes) -> tuple[StampOffsets, ...]:
        """Returns where a stamp may be; an image can be stamped only if there is exactly one."""

    @abstractmethod
    def is_stamp(self, product: str, version: str) -> bool:
        """Returns whether the strings in the fields are a stamp, not the build's own."""

    @abstractmethod
    def reported_digests(self, data: bytes, digests: Digests) -> ReportedDigests:
        """Returns the digests that a device running the image may report."""

    def descriptor(self, data: bytes) -> AppDescriptor | None:
        """Returns the app descriptor, None if there is none."""
        return None

    @abstractmethod
    def seal(self, data: bytes, edits: tuple[Edit, ...]) -> Edit | None:
        """Returns the edit of the CRC or digest that other edits require, None if there is none.

        Args:
            data: The image before the edits, with a correct CRC or digest.
            edits: The edits in the order of their offsets, that of the XOR checksum included.
        """

    def restamp(self, data: bytes, offsets: StampOffsets, product: bytes, version: bytes) -> bytes:
        """Returns a sound image's bytes with another stamp, and all checksums updated.

        The XOR checksum changes by the changed bytes only. On an ESP8266 image this keeps its
        value over the rest, and gives what ``elf2bin.py`` would have written.

        Args:
            data: The image. It has to be verified before: a wrong checksum or CRC would stay wrong
                by the same difference, but a wrong digest would become right.
            offsets: Where the two fields are.
            product: ``STAMP_FIELD_BYTES`` bytes.
            version: ``STAMP_FIELD_BYTES`` bytes.
        """
        edits = sorted(((offsets.product, product), (offsets.version, version)))
        checksum = data[self.chain.checksum_offset]
        for offset, field in edits:
            checksum ^= xor_bytes((data[offset : offset + len(field)], field))
        edits.append((self.chain.checksum_offset, bytes((checksum,))))
        seal = self.seal(data, tuple(edits))
        if seal is not None:
            edits.append(seal)
        return b"".join(edited(data, tuple(sorted(edits)), len(data)))


def edited(data: bytes, edits: tuple[Edit, ...], end: int) -> Iterator[bytes | memoryview]:
    """Yields the parts of the edited bytes, without copying the unchanged ones.

    Args:
        data: The bytes before the edits.
        edits: The edits in the order of their offsets, all before the end.
        end: The offset at which to stop.
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
