"""Which filesystem an image is of, by its structure."""

from __future__ import annotations

import pytest

from acpublish.image.filesystems import filesystem_name
from tests.support.images import esp8266_image, filler, littlefs
from tests.support.other_images import fat, spiffs


def name_of(data: bytes) -> str:
    return filesystem_name(lambda offset, length: data[offset : offset + length], len(data))


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (littlefs(), "LittleFS"),
        (spiffs(), "SPIFFS"),
        (spiffs(0x0FB000 // 8192 * 8192, block=8192), "SPIFFS"),
        (spiffs(1 << 20, block=65536), "SPIFFS"),
        (spiffs(page=512), "SPIFFS"),
        (spiffs(length=False), "SPIFFS"),
        (fat(), "FAT"),
        (fat(wear_levelled=True), "FAT"),
        # Without its magic a SPIFFS image has no structure to go by.
        (spiffs(magic=False), ""),
        (spiffs()[:-1], ""),
        (b"", ""),
        (b"\xff" * 65536, ""),
        (bytes(65536), ""),
        (fat()[:511], ""),
        (fat()[:510] + b"\0\0" + fat()[512:], ""),
        (esp8266_image(), ""),
    ],
)
def test_the_name_of_a_filesystem(data: bytes, name: str) -> None:
    assert name_of(data) == name


def test_random_bytes_are_no_filesystem() -> None:
    assert {name_of(filler(65536, seed)) for seed in range(50)} == {""}
