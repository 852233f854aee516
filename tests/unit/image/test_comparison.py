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
    found = compare(old, new)
    assert 0 <= found.share <= 1
    assert found.different == one_by_one(old, new)


def test_the_same_image() -> None:
    found = compare(ESP32, ESP32)
    assert (found.different, found.delta, found.changes) == (0, 0, ())
    assert all((one.delta, one.different) == (0, 0) for one in found.segments)
    assert len(found.segments) == 3


def test_a_stamp_changes_its_fields_and_few_bytes() -> None:
    stamped = stamp(ESP32, "lamp", "2.0.0")
    found = compare(ESP32, stamped)
    assert found.changes == (
        Change(name="descriptor.version", old="v5.1.4", new="2.0.0"),
        Change(name="descriptor.project", old="arduino-lib-builder", new="lamp"),
        Change(name="stamp", old=None, new="lamp 2.0.0"),
    )
    assert found.different == one_by_one(ESP32, stamped)
    assert 0 < found.share < 0.01
    first, *others = found.segments
    assert first.different > 0
    assert not any(one.different for one in others)


def test_segments_belong_together_by_their_addresses() -> None:
    found = compare(ESP32, images.esp32_image("esp32c3", size=48_000))
    assert [one.address for one in found.segments] == [0x3C0A0020, 0x40380000, 0x42000020]
    assert all(one.old and one.new for one in found.segments)
    assert sum(one.delta for one in found.segments) == found.delta == 8000


def test_what_only_one_side_has_counts_in_full() -> None:
    found = compare(ESP32, images.esp8266_image(size=40_000))
    gone = [one for one in found.segments if one.new is None]
    fresh = [one for one in found.segments if one.old is None]
    assert len(gone) == 3
    assert len(fresh) == 4
    assert all(one.delta == -(one.old or 0) and one.share == 1 for one in gone)
    assert Change(name="chip", old="esp32c3", new="esp8266") in found.changes
    assert any(one.name == "descriptor.idf_version" and one.new is None for one in found.changes)


def test_a_gzip_is_compared_by_what_is_inside() -> None:
    image = images.esp8266_image()
    found = compare(images.gzipped(image), image)
    assert (found.different, found.old_size, found.new_size) == (0, len(image), len(image))
    assert found.changes == (Change(name="kind", old="gzip", new="application"),)


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
