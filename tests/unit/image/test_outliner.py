from __future__ import annotations

import pytest

from acpublish.image import Kind, Outline, outline
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


def outline_of(data: bytes) -> Outline:
    return outline(lambda offset, length: data[offset : offset + length], len(data))


@pytest.mark.parametrize(
    ("data", "kind", "family", "complete"),
    [
        (esp32_image(), Kind.APPLICATION, "esp32", True),
        (esp32_image("esp32", hash_appended=False), Kind.APPLICATION, "esp32", True),
        (esp8266_image(), Kind.APPLICATION, "esp8266", True),
        (esp8266_image(eboot=False), Kind.APPLICATION, "esp8266", True),
        (signed_esp32(esp32_image()), Kind.SIGNED, "esp32", True),
        (signed_esp8266(esp8266_image()), Kind.SIGNED, "esp8266", True),
        # Another kind of file may begin with a boot loader, so it never counts as complete.
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
    assert outline_of(data) == Outline(kind=kind, family=family, complete=complete)


@pytest.mark.parametrize(
    "image",
    [
        esp32_image(size=4096),
        esp32_image("esp32", size=4096, hash_appended=False),
        esp8266_image(size=6144),
        esp8266_image(size=4096, eboot=False),
    ],
    ids=["esp32c3", "esp32", "esp8266", "esp8266-single"],
)
def test_no_prefix_of_an_image_is_complete(image: bytes) -> None:
    complete = [length for length in range(len(image) + 1) if outline_of(image[:length]).complete]
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
