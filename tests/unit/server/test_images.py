from __future__ import annotations

import asyncio
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acpublish.catalog import loose
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.catalog.files import CatalogFiles
from acpublish.server.image_headers import image_headers
from acpublish.server.images import ImageSender
from acpublish.wire import MAX_IMAGE_HEADER_BYTES
from tests.support.images import esp8266_image

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1)


def block(headers: list[tuple[bytes, bytes]]) -> bytes:
    """Returns the head as uvicorn writes it to a client without keep-alive."""
    more = [(b"date", b"Tue, 24 Nov 2026 04:16:23 GMT"), (b"connection", b"close")]
    lines = b"".join(b"%s: %s\r\n" % header for header in [*headers, *more])
    return b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n"


def filename(headers: list[tuple[bytes, bytes]]) -> str | None:
    """Returns the name as a client reads it: ``filename*`` wins (RFC 6266, section 4.3)."""
    disposition = dict(headers)[b"content-disposition"].decode()
    extended = re.search(r"filename\*=UTF-8''([^;]+)", disposition)
    if extended:
        return unquote(extended[1])
    plain = re.search(r'filename="([^"\\]*)"', disposition)
    return plain[1] if plain else None


@given(NAMES, st.integers(1, 2**31))
def test_the_head_of_an_image_is_short(name: str, size: int) -> None:
    """wire.md, 13: keep response headers of images under 500 bytes."""
    headers = image_headers(name, size, "0" * 32, "0" * 64)
    assert len(block(headers)) < MAX_IMAGE_HEADER_BYTES
    names = [key for key, _ in headers]
    assert len(names) == len(set(names))
    assert {b"content-type", b"content-length", b"content-disposition", b"x-md5"} <= set(names)
    assert all(value.isascii() and value.decode().isprintable() for _, value in headers)


@pytest.mark.parametrize(
    "name", ["a.bin", "my sketch.bin", "прошивка.bin", 'q"uo\\te.bin', "100%.bin"]
)
def test_the_name_arrives(name: str) -> None:
    headers = image_headers(name, 1, "0" * 32, "0" * 64)
    assert filename(headers) == name
    assert b"x-sha256" in dict(headers)


def test_a_name_that_is_no_utf8_arrives_as_bytes() -> None:
    disposition = dict(image_headers("a\udcff.bin", 1))[b"content-disposition"]
    assert disposition == b"attachment; filename=\"a_.bin\"; filename*=UTF-8''a%FF.bin"


def test_without_digests_there_is_no_header_for_them() -> None:
    assert {b"x-md5", b"x-sha256"}.isdisjoint(dict(image_headers("a.bin", 1)))


def test_the_longest_name_that_is_published_keeps_its_digests() -> None:
    name = f"{'p' * 31}-{'1' * 31}_{'b' * 32}.fs.bin"
    headers = dict(image_headers(name, 2**31 - 1, "0" * 32, "0" * 64))
    assert {b"x-md5", b"x-sha256"} <= set(headers)
    assert filename(list(headers.items())) == name


def test_more_files_than_are_remembered_are_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loose, "_KEPT", 2)
    for number in range(6):
        (tmp_path / f"{number}.bin").write_bytes(esp8266_image(seed=number))
    sender = ImageSender(CatalogFiles(DirectoryCatalog(tmp_path)), 64 << 20)

    async def ask() -> list[int]:
        return [
            (await sender.of_loose(tmp_path / f"{number}.bin")).size
            for _ in range(2)
            for number in range(6)
        ]

    assert len(asyncio.run(ask())) == 12
