from __future__ import annotations

import struct

import pytest

from acpublish.image.examine import examine, outline
from acpublish.image.model import Kind, Outline
from tests.support.images import (
    bootloader,
    eboot,
    esp32_image,
    esp8266_image,
    gzipped,
    littlefs,
    merged_image,
    signed_esp32,
    signed_esp8266,
)
from tests.support.other_images import (
    behind_eboot,
    fat,
    nodemcu,
    ram_program,
    rboot_like,
    sdk_user1,
    spiffs,
    split_half,
)


def outline_from(data: bytes) -> Outline:
    return outline(lambda offset, length: data[offset : offset + length], len(data))


@pytest.mark.parametrize(
    ("data", "kind", "family", "complete"),
    [
        (esp32_image(), Kind.APPLICATION, "esp32", True),
        (esp32_image("esp32", hash_appended=False), Kind.APPLICATION, "esp32", True),
        (esp8266_image(), Kind.APPLICATION, "esp8266", True),
        (signed_esp32(esp32_image()), Kind.SIGNED, "esp32", True),
        (signed_esp8266(esp8266_image()), Kind.SIGNED, "esp8266", True),
        (esp8266_image(eboot=False), Kind.PART, "esp8266", False),
        (split_half(), Kind.PART, "esp8266", False),
        (sdk_user1(), Kind.PART, "esp8266", False),
        (nodemcu(), Kind.MERGED, "esp8266", False),
        (rboot_like(), Kind.BOOTLOADER, None, False),
        (ram_program("esp32c3", described=True), Kind.PART, "esp32", False),
        (behind_eboot([(0x40100000, bytes(500))]), Kind.PART, "esp8266", False),
        (ram_program(28), Kind.BOOTLOADER, "esp32", False),
        (spiffs(), Kind.FILESYSTEM, None, False),
        (fat(wear_levelled=True), Kind.FILESYSTEM, None, False),
        # Another kind of file may begin with a bootloader, so it never counts as complete.
        (bootloader(), Kind.BOOTLOADER, "esp32", False),
        (eboot(), Kind.BOOTLOADER, "esp8266", False),
        (merged_image("esp32"), Kind.MERGED, "esp32", False),
        (merged_image("esp32c3"), Kind.MERGED, "esp32", False),
        (gzipped(esp8266_image()), Kind.GZIP, None, False),
        (littlefs(), Kind.FILESYSTEM, None, False),
        (esp32_image() + b"more", Kind.APPLICATION, "esp32", False),
        (b"", Kind.UNKNOWN, None, False),
        (b"text", Kind.UNKNOWN, None, False),
    ],
)
def test_an_outline_by_headers(data: bytes, kind: Kind, family: str | None, complete: bool) -> None:
    assert outline_from(data) == Outline(kind=kind, family=family, complete=complete)


@pytest.mark.parametrize(
    "image",
    [
        esp32_image(size=4096),
        esp32_image("esp32", size=4096, hash_appended=False),
        esp8266_image(size=6144),
    ],
    ids=["esp32c3", "esp32", "esp8266"],
)
def test_no_prefix_of_an_image_is_complete(image: bytes) -> None:
    complete = [length for length in range(len(image) + 1) if outline_from(image[:length]).complete]
    assert complete == [len(image)]


@pytest.mark.parametrize(
    "image", [esp32_image(size=1 << 20), esp8266_image(size=1 << 18)], ids=["esp32", "esp8266"]
)
def test_an_outline_reads_little_of_a_large_file(image: bytes) -> None:
    reads: list[int] = []

    def read_at(offset: int, length: int) -> bytes:
        reads.append(length)
        return image[offset : offset + length]

    assert outline(read_at, len(image)).complete
    assert sum(reads) < 512
    assert len(reads) < 40


def test_a_file_that_shrinks_while_it_is_read_is_not_complete() -> None:
    image = esp32_image()

    def read_at(offset: int, length: int) -> bytes:
        return image[:2048][offset : offset + length]

    assert not outline(read_at, len(image)).complete


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", Kind.UNKNOWN),
        (b"#include <Arduino.h>\n", Kind.UNKNOWN),
        ("été, à la plage\n".encode("latin-1") * 50, Kind.UNKNOWN),
        (b"\xe9", Kind.UNKNOWN),
        (b"\xff" * 70000, Kind.UNKNOWN),
        (b"\xe9\x03" + bytes(5000), Kind.UNKNOWN),
        (gzipped(b"text"), Kind.GZIP),
        (b"\x1f\x8b", Kind.GZIP),
        (littlefs(), Kind.FILESYSTEM),
        (esp32_image(), Kind.APPLICATION),
        (esp8266_image(), Kind.APPLICATION),
    ],
)
def test_the_kind_of_a_file(data: bytes, kind: Kind) -> None:
    examined = examine(data)
    assert examined.kind is kind
    assert examined.problems == ()


@pytest.mark.parametrize("image", [esp32_image(), esp8266_image()], ids=["esp32", "esp8266"])
def test_a_damaged_image_keeps_its_family(image: bytes) -> None:
    broken = bytearray(image)
    broken[-50] ^= 0xFF
    for data in (bytes(broken), image[:-100]):
        examined = examine(data)
        assert examined.shape is not None
        assert examined.shape.family == examine(image).shape.family
        assert examined.problems


def ambiguous(inner_size: int) -> bytes:
    """An ESP8266 boot loader of one segment whose first bytes also end an ESP32 header plausibly.

    Read as an ESP32's, the segment's header and first 8 bytes are the extension, and a segment of
    ``inner_size`` bytes begins behind them.
    """
    content = bytes(8) + struct.pack("<II", 0x3F400020, inner_size) + bytes(range(100))
    image = struct.pack("<BBBBI", 0xE9, 1, 2, 0x40, 0x40100010)
    image += struct.pack("<II", 0x3FFE8000, len(content)) + content
    checksum = 0xEF
    for byte in content:
        checksum ^= byte
    return image + bytes(15 - len(image) % 16) + bytes((checksum,))


def outline_of(data: bytes) -> Outline:
    return outline(lambda offset, length: data[offset : offset + length], len(data))


def test_the_family_whose_chain_is_whole_decides() -> None:
    image = ambiguous(inner_size=1000)
    examined = examine(image)
    assert examined.shape is not None
    assert (examined.shape.family, examined.problems) == ("esp8266", ())
    expected = Outline(kind=Kind.BOOTLOADER, family="esp8266", complete=False)
    assert outline_of(image) == expected


def test_where_both_chains_are_whole_the_sums_decide_and_headers_cannot() -> None:
    image = ambiguous(inner_size=100)
    examined = examine(image)
    assert examined.shape is not None
    assert (examined.shape.family, examined.problems) == ("esp8266", ())
    assert outline_of(image) == Outline(kind=Kind.BOOTLOADER, family=None, complete=False)


def test_a_prefix_that_ends_before_a_segments_header_is_not_complete() -> None:
    # What is there would end, checksum included, exactly where the file ends.
    prefix = struct.pack("<BBBBI", 0xE9, 2, 2, 0x40, 0x40100010)
    prefix += struct.pack("<II", 0x40100000, 12) + bytes(12) + bytes(4)
    assert len(prefix) == 32
    assert not outline_of(prefix).complete
    assert examine(prefix).problems == ("truncated: the header of segment 2 of 2 is missing",)
