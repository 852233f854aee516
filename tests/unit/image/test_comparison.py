from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from acpublish.image.comparison import Change, compare, differing_bytes
from acpublish.image.stamper import stamp
from tests.support import images

ESP32 = images.esp32_image("esp32c3", size=40_000)


def one_by_one(old: bytes, new: bytes) -> int:
    unequal = sum(left != right for left, right in zip(old, new, strict=False))
    return unequal + abs(len(old) - len(new))


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_any_bytes_are_counted_as_one_by_one(old: bytes, new: bytes) -> None:
    assert differing_bytes(old, new) == one_by_one(old, new)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(0, 2_500_000), max_size=20, unique=True))
def test_changes_on_either_side_of_a_block_are_counted(places: list[int]) -> None:
    old = bytes(2_500_001)
    new = bytearray(old)
    for place in places:
        new[place] = 0x80
    assert differing_bytes(old, bytes(new)) == len(places)


@example(b"", b"\x1f\x8b")
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_two_files_can_be_compared(old: bytes, new: bytes) -> None:
    comparison = compare(old, new)
    assert 0 <= comparison.share <= 1
    assert comparison.different == one_by_one(old, new)


def test_the_same_image() -> None:
    comparison = compare(ESP32, ESP32)
    assert (comparison.different, comparison.delta, comparison.changes) == (0, 0, ())
    assert all((segment.delta, segment.different) == (0, 0) for segment in comparison.segments)
    assert len(comparison.segments) == 3


def test_a_stamp_changes_its_fields_and_few_bytes() -> None:
    stamped = stamp(ESP32, "lamp", "2.0.0")
    comparison = compare(ESP32, stamped)
    assert comparison.changes == (
        Change(name="descriptor.version", old="v5.1.4", new="2.0.0"),
        Change(name="descriptor.project", old="arduino-lib-builder", new="lamp"),
        Change(name="stamp", old=None, new="lamp 2.0.0"),
    )
    assert comparison.different == one_by_one(ESP32, stamped)
    assert 0 < comparison.share < 0.01
    first, *others = comparison.segments
    assert first.different > 0
    assert not any(segment.different for segment in others)


def test_segments_belong_together_by_their_addresses() -> None:
    comparison = compare(ESP32, images.esp32_image("esp32c3", size=48_000))
    assert [segment.address for segment in comparison.segments] == [
        0x3C0A0020,
        0x40380000,
        0x42000020,
    ]
    assert all(segment.old and segment.new for segment in comparison.segments)
    assert sum(segment.delta for segment in comparison.segments) == comparison.delta == 8000


def test_what_only_one_side_has_counts_in_full() -> None:
    comparison = compare(ESP32, images.esp8266_image(size=40_000))
    gone = [segment for segment in comparison.segments if segment.new is None]
    fresh = [segment for segment in comparison.segments if segment.old is None]
    assert len(gone) == 3
    assert len(fresh) == 4
    assert all(segment.delta == -(segment.old or 0) and segment.share == 1 for segment in gone)
    assert Change(name="chip", old="esp32c3", new="esp8266") in comparison.changes
    assert any(
        change.name == "descriptor.idf_version" and change.new is None
        for change in comparison.changes
    )


def test_a_gzip_is_compared_by_what_is_inside() -> None:
    image = images.esp8266_image()
    comparison = compare(images.gzipped(image), image)
    assert (comparison.different, comparison.old_size, comparison.new_size) == (
        0,
        len(image),
        len(image),
    )
    assert comparison.changes == (Change(name="kind", old="gzip", new="application"),)


@pytest.mark.parametrize("size", [4 * 1024 * 1024])
def test_counting_takes_no_loop_over_bytes(size: int) -> None:
    old, new = images.filler(size, 1), images.filler(size, 2)
    begun = time.perf_counter()
    different = differing_bytes(old, new)
    took = time.perf_counter() - begun
    begun = time.perf_counter()
    sum(left != right for left, right in zip(old[: size // 8], new[: size // 8], strict=True))
    one_eighth = time.perf_counter() - begun
    assert different / size == pytest.approx(255 / 256, abs=0.001)
    assert took < one_eighth
