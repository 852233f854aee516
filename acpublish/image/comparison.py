"""What changed between two images: headers, descriptor, segments, and how many bytes differ.

Segments belong together if their load addresses are the same. For a gzip, the inflated image is
compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from acpublish.image.gzip import inflate
from acpublish.image.model import Image, Kind
from acpublish.image.reader import read

#: What is compared of an image as a whole; digests and sizes always differ and are shown elsewhere.
_FACTS = ("kind", "chip", "flash_mode", "flash_size", "flash_frequency", "entry")
_COUNT_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A named value that differs; None if a side does not have it."""

    name: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentChange:
    """A segment on both sides.

    Attributes:
        address: Its load address.
        old: Its size in bytes, None if the old image has no segment there.
        new: The same for the new image.
        different: How many of its bytes differ, including those that only one side has.
    """

    address: int
    old: int | None
    new: int | None
    different: int

    @property
    def delta(self) -> int:
        """By how many bytes it grew."""
        return (self.new or 0) - (self.old or 0)

    @property
    def share(self) -> float:
        """The share of its bytes that differ, between 0 and 1."""
        return self.different / max(self.old or 0, self.new or 0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What changed between two images.

    Attributes:
        old_size: The size of the old image in bytes, inflated.
        new_size: The size of the new image in bytes, inflated.
        changes: The facts, descriptor fields and stamps that differ.
        segments: All segments of both, by address.
        different: How many bytes differ at the same offset, including those that only one side has.
    """

    old_size: int
    new_size: int
    changes: tuple[Change, ...]
    segments: tuple[SegmentChange, ...]
    different: int

    @property
    def delta(self) -> int:
        """By how many bytes the image grew."""
        return self.new_size - self.old_size

    @property
    def share(self) -> float:
        """The share of bytes that differ, between 0 and 1."""
        return self.different / max(self.old_size, self.new_size, 1)


def compare(old: bytes, new: bytes) -> Comparison:
    """Compares two files; any bytes can be compared.

    Args:
        old: The whole old file.
        new: The whole new file.
    """
    (old_image, old_data), (new_image, new_data) = _inflated(old), _inflated(new)
    return Comparison(
        old_size=len(old_data),
        new_size=len(new_data),
        changes=changes(_facts(old_image), _facts(new_image)),
        segments=tuple(_segments(old_image, old_data, new_image, new_data)),
        different=differing_bytes(old_data, new_data),
    )


def changes(old: dict[str, str | None], new: dict[str, str | None]) -> tuple[Change, ...]:
    """Returns what differs between two sets of named values, in the order of their names."""
    named = {**old, **new}
    return tuple(
        Change(name=name, old=old.get(name), new=new.get(name))
        for name in named
        if old.get(name) != new.get(name)
    )


def differing_bytes(old: bytes, new: bytes) -> int:
    """Counts the bytes that differ at the same offset, including those that only one side has.

    Large integers are combined at the speed of the processor, which a loop over bytes is not.
    """
    common = min(len(old), len(new))
    different = max(len(old), len(new)) - common
    for start in range(0, common, _COUNT_BYTES):
        end = min(start + _COUNT_BYTES, common)
        before, after = old[start:end], new[start:end]
        if before == after:
            continue
        mixed = int.from_bytes(before, "little") ^ int.from_bytes(after, "little")
        different += end - start - mixed.to_bytes(end - start, "little").count(0)
    return different


def _inflated(data: bytes) -> tuple[Image, bytes]:
    image = read(data)
    if image.kind is not Kind.GZIP:
        return image, data
    inflated = inflate(data)
    # A gzip that cannot be inflated is compared as it is: two damaged files must not appear equal.
    return image, data if inflated.problems else inflated.data


def _facts(image: Image) -> dict[str, str | None]:
    facts: dict[str, str | None] = {name: _text(name, getattr(image, name)) for name in _FACTS}
    if image.stamp:
        facts["stamp"] = f"{image.stamp.product} {image.stamp.version}"
    if image.descriptor:
        for name, value in asdict(image.descriptor).items():
            facts[f"descriptor.{name}"] = _text(name, value)
    return facts


def _text(name: str, value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, Kind):
        return value.value
    return f"0x{value:08x}" if name == "entry" and isinstance(value, int) else str(value)


def _segments(old: Image, old_data: bytes, new: Image, new_data: bytes) -> Iterator[SegmentChange]:
    old_segments = {segment.address: segment for segment in old.segments}
    new_segments = {segment.address: segment for segment in new.segments}
    for address in sorted({*old_segments, *new_segments}):
        before, after = old_segments.get(address), new_segments.get(address)
        yield SegmentChange(
            address=address,
            old=before.size if before else None,
            new=after.size if after else None,
            different=differing_bytes(
                old_data[before.offset : before.offset + before.size] if before else b"",
                new_data[after.offset : after.offset + after.size] if after else b"",
            ),
        )
