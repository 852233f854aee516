from __future__ import annotations

import pytest

from acpublish.image.chain import walk
from tests.support.images import eboot, esp32_image


def reader(data: bytes):
    return lambda offset, length: data[offset : offset + length]


def test_a_chain_says_where_segments_and_image_lie() -> None:
    image = eboot()
    chain = walk(reader(image), len(image), 0, 0)
    assert chain is not None
    assert (chain.count, chain.entry, chain.missing) == (1, 0x4010F4E8, "")
    assert [(s.address, s.offset, s.size) for s in chain.segments] == [(0x4010F000, 16, 700)]
    assert chain.end == len(image)
    assert chain.checksum_offset == len(image) - 1


def test_a_chain_behind_other_bytes_is_aligned_from_its_own_start() -> None:
    image = eboot()
    chain = walk(reader(b"\0" * 4096 + image), 4096 + len(image), 4096, 0)
    assert chain is not None
    assert chain.end == 4096 + len(image)


@pytest.mark.parametrize(
    "data", [b"", b"\xe9", b"\xe9\x01\0\0\0\0\0", b"\xe8" + eboot()[1:], b"\xe9\0" + eboot()[2:]]
)
def test_no_header_is_no_chain(data: bytes) -> None:
    assert walk(reader(data), len(data), 0, 0) is None


def test_more_segments_than_the_boot_loader_loads_are_no_chain() -> None:
    data = b"\xe9\x11" + eboot()[2:]
    assert walk(reader(data), len(data), 0, 0) is None


@pytest.mark.parametrize(
    ("length", "missing"),
    [
        (8, "the header of segment 1 of 1 is missing"),
        (12, "the header of segment 1 of 1 is missing"),
        (16, "700 bytes of segment 1 of 1 are missing"),
        (715, "1 bytes of segment 1 of 1 are missing"),
        (716, "the checksum is missing (4 bytes)"),
        (719, "the checksum is missing (1 bytes)"),
        (720, ""),
    ],
)
def test_what_is_cut_off_is_told(length: int, missing: str) -> None:
    data = eboot()[:length]
    chain = walk(reader(data), len(data), 0, 0)
    assert chain is not None
    assert chain.missing == missing


def test_only_headers_are_read() -> None:
    image = esp32_image(size=1 << 20)
    reads: list[int] = []

    def read_at(offset: int, length: int) -> bytes:
        reads.append(length)
        return image[offset : offset + length]

    assert walk(read_at, len(image), 0, 16) is not None
    assert sum(reads) == 24 + 3 * 8
