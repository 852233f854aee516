"""Digests of beginnings, in whatever order they are asked for."""

from __future__ import annotations

import hashlib
from functools import reduce
from operator import xor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acpublish.image.sums import Digests, crc32_change, crc32_msb_first, xor_bytes
from tests.support.images import crc_msb_first, filler

DATA = bytes(range(256)) * 4


@given(st.lists(st.one_of(st.none(), st.integers(0, len(DATA))), min_size=1, max_size=5))
def test_each_beginning_has_its_digests(ends: list[int | None]) -> None:
    digests = Digests(DATA)
    for end in ends:
        assert digests.sha256(end) == hashlib.sha256(DATA[:end]).digest()
        assert digests.md5(end) == hashlib.md5(DATA[:end]).hexdigest()
    assert digests.size == len(DATA)


def test_a_digest_that_was_begun_ahead_is_the_same() -> None:
    for size in (1000, 3 << 20):
        data = bytes(size)
        digests = Digests(data)
        digests.begin_sha256(size - 32)
        assert digests.sha256(size - 32) == hashlib.sha256(data[:-32]).digest()
        assert digests.sha256() == hashlib.sha256(data).digest()


def bitwise_crc(data: bytes) -> int:
    """The definition: one shift for each bit, without a table and without reflection."""
    crc = 0xFFFFFFFF
    for byte in data:
        for bit in range(7, -1, -1):
            carry = (crc >> 31) ^ (byte >> bit & 1)
            crc = (crc << 1 & 0xFFFFFFFF) ^ (0x04C11DB7 if carry else 0)
    return crc


def test_crc_of_the_check_string_is_that_of_the_catalogue_of_crcs() -> None:
    # CRC-32/MPEG-2 in Greg Cook's catalogue: the same parameters, check value 0x0376E6E7.
    assert crc32_msb_first([b"123456789"]) == 0x0376E6E7


@given(st.binary(max_size=300), st.integers(0, 300))
def test_crc_is_that_of_the_definition_however_it_is_cut(data: bytes, cut: int) -> None:
    assert crc32_msb_first([data[:cut], data[cut:]]) == bitwise_crc(data) == crc_msb_first(data)


@given(st.binary(min_size=1, max_size=300), st.data())
def test_a_crc_is_changed_by_what_changes_alone(data: bytes, choice: st.DataObject) -> None:
    edited, changes, position = bytearray(data), [], 0
    while position < len(data):
        length = choice.draw(st.integers(1, len(data) - position))
        new = choice.draw(st.none() | st.binary(min_size=length, max_size=length))
        if new is not None:
            changes.append((position, data[position : position + length], new))
            edited[position : position + length] = new
        position += length
    change = crc32_change(changes, len(data))
    assert bitwise_crc(data) ^ change == bitwise_crc(bytes(edited))


def test_a_change_far_before_the_end_moves_up_by_all_that_follows() -> None:
    before, after = bytes(1 << 20), b"\x01" + bytes((1 << 20) - 1)
    change = crc32_change([(0, before[:1], after[:1])], len(before))
    assert crc32_msb_first([before]) ^ change == crc32_msb_first([after])


@given(st.binary(max_size=300))
def test_xor_is_that_of_single_bytes(data: bytes) -> None:
    assert xor_bytes([data]) == reduce(xor, data, 0)


@pytest.mark.parametrize("size", [16383, 16384, 16385, 100_003])
def test_xor_takes_blocks_and_parts_of_any_length(size: int) -> None:
    data = filler(size, seed=size)
    parts = [data[:1], memoryview(data)[1:4711], data[4711:]]
    assert xor_bytes(parts) == reduce(xor, data, 0)
