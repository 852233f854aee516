"""A download in parts is not continued with another image."""

from __future__ import annotations

from acpublish.server import partial_downloads
from acpublish.server.partial_downloads import PartialDownloads
from tests.unit.server.requests_made import request

OLD, NEW = "a" * 64, "b" * 64


def mixes(
    downloads: PartialDownloads,
    sha256: str | None,
    *headers: tuple[bytes, bytes],
    address: str | None = "192.0.2.7",
    board: str = "c3",
    method: str = "GET",
    now: float = 0.0,
) -> bool:
    made = request(b"/update/lamp/c3", list(headers), method=method, address=address)
    return downloads.mixes(made, "lamp", board, "stable", sha256, now)


def test_only_the_middle_of_another_image_is_refused() -> None:
    downloads = PartialDownloads()
    middle = (b"range", b"bytes=4096-8191")
    assert not mixes(downloads, OLD, middle)
    assert not mixes(downloads, OLD, (b"range", b"bytes=0-4095"))
    assert not mixes(downloads, OLD, middle)
    for value in (b"bytes=4096-8191", b"bytes=1-", b" bytes=-5", b"bytes=0004-5"):
        assert mixes(downloads, NEW, (b"range", value))
    assert not mixes(downloads, NEW, middle, address="192.0.2.8")
    assert not mixes(downloads, NEW, middle, board="d1")
    assert not mixes(downloads, NEW, middle, address=None)
    assert not mixes(downloads, None, middle)
    # What the client itself requires is judged elsewhere.
    assert not mixes(downloads, NEW, middle, (b"if-range", b'"x"'))
    assert not mixes(downloads, NEW, middle, (b"if-match", b'"x"'))
    # A request for the length begins nothing.
    assert not mixes(downloads, NEW, method="HEAD")
    assert mixes(downloads, NEW, middle)
    assert not mixes(downloads, NEW)
    assert not mixes(downloads, NEW, middle)


def test_whoever_reads_only_the_middle_is_not_refused_for_ever() -> None:
    downloads = PartialDownloads()
    version = (b"range", b"bytes=32-287")
    assert not mixes(downloads, OLD, now=1000.0)
    assert mixes(downloads, NEW, version, now=1000.0 + partial_downloads._REMEMBERED_S - 1)
    assert not mixes(downloads, NEW, version, now=1000.0 + partial_downloads._REMEMBERED_S)


def test_strangers_fill_a_bounded_memory() -> None:
    downloads = PartialDownloads()
    for number in range(partial_downloads._MAX_DOWNLOADS + 100):
        mixes(downloads, OLD, address=f"192.0.2.{number}")
    assert len(downloads._begun) == partial_downloads._MAX_DOWNLOADS
