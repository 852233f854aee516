"""What both chip families share: edits, checksums, and stamping by the changed bytes alone."""

from __future__ import annotations

import pytest

from acpublish.image.examine import examine
from acpublish.image.model import Segment
from acpublish.image.shape import Shape, checksum_of, edited
from tests.support.images import (
    bootloader,
    esp32_image,
    esp8266_image,
    merged_image,
    signed_esp32,
    xor_of,
)


def shape_of(data: bytes) -> Shape:
    shape = examine(data).shape
    assert shape is not None
    return shape


@pytest.mark.parametrize(
    ("edits", "end", "expected"),
    [
        ((), 10, b"0123456789"),
        ((), 4, b"0123"),
        (((0, b"ab"), (2, b"c")), 10, b"abc3456789"),
        (((9, b"z"),), 10, b"012345678z"),
        (((3, b""),), 10, b"0123456789"),
    ],
)
def test_edits_replace_bytes_and_keep_the_others(
    edits: tuple[tuple[int, bytes], ...], end: int, expected: bytes
) -> None:
    assert b"".join(edited(b"0123456789", edits, end)) == expected


def test_the_checksum_covers_the_bytes_of_the_segments_alone() -> None:
    data = bytes(range(100))
    segments = (
        Segment(address=0, offset=10, size=5),
        Segment(address=0, offset=50, size=7),
    )
    assert checksum_of(data, segments) == 0xEF ^ xor_of(data[10:15] + data[50:57])
    assert checksum_of(data, ()) == 0xEF


@pytest.mark.parametrize("image", [esp32_image(), esp8266_image(), esp8266_image(eboot=False)])
def test_another_stamp_keeps_an_image_sound_and_can_be_taken_back(image: bytes) -> None:
    shape = shape_of(image)
    (offsets,) = shape.stamp_offsets(image)
    fields = [image[offset : offset + 32] for offset in (offsets.product, offsets.version)]
    stamped = shape.restamp(image, offsets, b"lamp".ljust(32, b"\0"), b"1.2.3".ljust(32, b"\0"))
    assert stamped != image
    assert len(stamped) == len(image)
    assert examine(stamped).problems == ()
    assert shape.restamp(stamped, offsets, *fields) == image


def test_a_wrong_checksum_stays_wrong_by_the_same_difference() -> None:
    image = bytearray(esp32_image(hash_appended=False))
    shape = shape_of(bytes(image))
    image[shape.chain.checksum_offset] ^= 0x55
    (offsets,) = shape.stamp_offsets(bytes(image))
    stamped = shape.restamp(bytes(image), offsets, bytes(32), bytes(32))
    stored = stamped[shape.chain.checksum_offset]
    assert stored ^ checksum_of(stamped, shape.chain.segments) == 0x55


@pytest.mark.parametrize(
    ("data", "complete"),
    [
        (esp32_image(), True),
        (signed_esp32(esp32_image()), True),
        (esp32_image() + b"\xff", False),
        (esp32_image()[:-1], False),
        (bootloader(), False),
        (merged_image("esp32"), False),
    ],
)
def test_a_file_is_complete_if_the_headers_account_for_every_byte(
    data: bytes, complete: bool
) -> None:
    assert shape_of(data).complete is complete


def test_unknown_flash_settings_are_shown_by_their_number() -> None:
    image = bytearray(esp8266_image(eboot=False))
    image[3] = 0xC7
    shape = shape_of(bytes(image))
    assert (shape.flash_size, shape.flash_frequency) == ("size-12", "frequency-7")
