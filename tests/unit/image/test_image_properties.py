"""What holds for any bytes and any stamp."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acpublish.errors import ImageError
from acpublish.image.esp32 import UNSTAMPED_PROJECTS
from acpublish.image.examine import outline
from acpublish.image.model import Image, Kind, Outline, Stamp
from acpublish.image.reader import read
from acpublish.image.stamper import stamp
from tests.support.images import (
    esp32_image,
    esp8266_image,
    gzipped,
    merged_image,
    signed_esp32,
    signed_esp8266,
)

SMALL_ESP32 = esp32_image(size=2048)
SMALL_ESP8266 = esp8266_image(size=6144)
SAMPLES = (
    SMALL_ESP32,
    esp32_image("esp32", size=2048, hash_appended=False),
    SMALL_ESP8266,
    esp8266_image(size=2048, eboot=False),
    signed_esp32(SMALL_ESP32),
    signed_esp8266(SMALL_ESP8266),
    gzipped(SMALL_ESP8266),
    merged_image("esp32"),
    merged_image("esp32c3"),
)
TEXTS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=31)
EDITS = st.lists(st.tuples(st.integers(0, 2**20), st.binary(min_size=1, max_size=8)), max_size=6)


def judge_all_ways(data: bytes) -> None:
    """Asks everything of some bytes; only the family of image errors may come out."""
    facts = read(data)
    assert isinstance(facts, Image)
    assert facts.damaged == bool(facts.problems)
    result = outline(lambda offset, length: data[offset : offset + length], len(data))
    assert isinstance(result, Outline)
    stampable = facts.stampable and not facts.damaged and facts.kind is Kind.APPLICATION
    if stampable:
        assert read(stamp(data, "lamp", "1.2.3")).problems == ()
    else:
        with pytest.raises(ImageError) as refused:
            stamp(data, "lamp", "1.2.3")
        assert refused.value.hint


@given(st.binary(max_size=4096))
def test_any_bytes_give_a_result(data: bytes) -> None:
    judge_all_ways(data)


@given(st.sampled_from([b"\xe9", b"\x1f\x8b", b"\xff" * 4096 + b"\xe9"]), st.binary(max_size=200))
def test_any_bytes_behind_a_magic_give_a_result(magic: bytes, data: bytes) -> None:
    judge_all_ways(magic + data)


@settings(deadline=None)
@given(st.sampled_from(SAMPLES), EDITS, st.integers(0, 2**20))
def test_any_edit_of_an_image_gives_a_result(
    image: bytes, edits: list[tuple[int, bytes]], cut: int
) -> None:
    edited = bytearray(image)
    for offset, patch in edits:
        # Headers are short, so half of the edits go there.
        offset %= len(image) if offset % 2 else 48
        edited[offset : offset + len(patch)] = patch
    judge_all_ways(bytes(edited[: cut % (2 * len(image))]))


@given(
    st.sampled_from([SMALL_ESP32, SMALL_ESP8266, *SAMPLES[1:2]]),
    TEXTS.filter(lambda text: text not in UNSTAMPED_PROJECTS),
    TEXTS,
)
def test_what_is_stamped_is_read_and_stamping_again_changes_nothing(
    image: bytes, product: str, version: str
) -> None:
    stamped = stamp(image, product, version)
    facts = read(stamped)
    assert facts.stamp == Stamp(product=product, version=version)
    assert facts.problems == ()
    assert facts.unstamped_sha256 == read(image).unstamped_sha256
    assert stamp(stamped, product, version) == stamped
    assert stamp(stamp(image, "other", "0"), product, version) == stamped


@given(st.integers(0, len(SMALL_ESP32) - 1), st.integers(1, 255))
def test_one_changed_byte_of_an_esp32_image_is_found(offset: int, change: int) -> None:
    image = bytearray(SMALL_ESP32)
    image[offset] ^= change
    facts = read(bytes(image))
    assert facts.damaged or facts.kind is not Kind.APPLICATION


@given(st.integers(0, len(SMALL_ESP8266) - 1), st.integers(1, 255))
def test_one_changed_byte_of_an_arduino_image_is_found(offset: int, change: int) -> None:
    image = bytearray(SMALL_ESP8266)
    image[offset] ^= change
    facts = read(bytes(image))
    assert facts.damaged or facts.kind is not Kind.APPLICATION or is_flash_setting(image, offset)


def is_flash_setting(image: bytearray, offset: int) -> bool:
    """Returns whether a byte is a flash setting of a header, with a value that tools write."""
    if offset in (2, 4098):
        return image[offset] < 4
    return offset in (3, 4099) and image[offset] & 0x0F in (0, 1, 2, 15) and image[offset] >> 4 < 10


@pytest.mark.parametrize(
    "image", SAMPLES[:4], ids=["esp32c3", "esp32", "esp8266", "esp8266-single"]
)
def test_no_prefix_of_an_image_is_accepted(image: bytes) -> None:
    for length in range(0, len(image), 7):
        facts = read(image[:length])
        assert facts.damaged or facts.kind in (Kind.UNKNOWN, Kind.BOOTLOADER)
        with pytest.raises(ImageError):
            stamp(image[:length], "lamp", "1.2.3")
