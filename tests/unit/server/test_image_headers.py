"""The headers of image responses, and ranges."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acpublish.server.image_headers import (
    head_bytes,
    image_headers,
    part_headers,
    requested_range,
    unmet_condition,
)
from acpublish.wire import MAX_IMAGE_HEADER_BYTES
from tests.unit.server.requests_made import request

DIGEST = "0123456789abcdef" * 4
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1)


def block(headers: list[tuple[bytes, bytes]]) -> bytes:
    """Returns the head as it is written to a client without keep-alive."""
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
    assert {b"content-type", b"content-length", b"content-disposition", b"x-md5", b"etag"} <= set(
        names
    )
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
    assert {b"x-md5", b"x-sha256", b"etag"}.isdisjoint(dict(image_headers("a.bin", 1)))


def test_the_longest_name_that_is_published_keeps_its_digests() -> None:
    name = f"{'p' * 31}-{'1' * 31}_{'b' * 32}.fs.bin"
    headers = dict(image_headers(name, 2**31 - 1, "0" * 32, "0" * 64))
    assert {b"x-md5", b"x-sha256", b"etag"} <= set(headers)
    assert filename(list(headers.items())) == name


def test_the_size_of_a_head_is_what_is_written() -> None:
    headers = image_headers("a.bin", 1, "0" * 32, "0" * 64)
    assert head_bytes(headers) == len(block(headers))


def requested(**headers: str) -> tuple[int, int] | tuple[()] | None:
    names = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return requested_range(request(headers=list(names.items())), 1000, DIGEST)


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("bytes=0-99", (0, 100)),
        ("bytes=900-", (900, 100)),
        ("bytes=-100", (900, 100)),
        ("bytes=-5000", (0, 1000)),
        ("bytes=0-5000", (0, 1000)),
        ("bytes=999-999", (999, 1)),
        ("bytes=1000-", ()),
        ("bytes=-0", ()),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=0-1,5-6", None),
        ("lines=0-1", None),
        ("bytes=x-y", None),
    ],
)
def test_ranges(value: str, part: tuple[int, int] | tuple[()] | None) -> None:
    assert requested(range=value) == part


def test_without_a_range_the_whole_file_is_requested() -> None:
    assert requested() is None


@pytest.mark.parametrize(
    ("validator", "part"),
    [
        (f'"{DIGEST}"', (0, 100)),
        (f' "{DIGEST}" ', (0, 100)),
        (f'W/"{DIGEST}"', None),
        ('"other"', None),
        ("Tue, 24 Nov 2026 04:16:23 GMT", None),
        ("", None),
    ],
)
def test_if_range(validator: str, part: tuple[int, int] | None) -> None:
    """RFC 9110, section 13.1.5: compared strongly; without a match, the whole file."""
    assert requested(range="bytes=0-99", if_range=validator) == part


def test_without_a_digest_an_if_range_gets_the_whole_file() -> None:
    headers = [(b"range", b"bytes=0-9"), (b"if-range", b'""')]
    assert requested_range(request(headers=headers), 1000) is None


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("if-match", f'"{DIGEST}"', None),
        ("if-match", f'"a,b" , "{DIGEST}"', None),
        ("if-match", "*", None),
        ("if-match", f'W/"{DIGEST}"', 412),
        ("if-match", f'"{DIGEST}x"', 412),
        ("if-match", "", 412),
        ("if-none-match", f'"a", "{DIGEST}"', 304),
        ("if-none-match", f'W/"{DIGEST}"', 304),
        ("if-none-match", "*", 304),
        ("if-none-match", '"other"', None),
        ("if-none-match", f'*, "{DIGEST[:-1]}"', None),
        ("if-none-match", "", None),
    ],
)
def test_conditions(name: str, value: str, status: int | None) -> None:
    headers = [(name.encode(), value.encode())]
    assert unmet_condition(request(headers=headers), DIGEST) == status
    # The first condition that fails decides.
    headers.append((b"if-match", b'"other"'))
    assert unmet_condition(request(headers=headers), DIGEST) == 412
    headers[:] = [(name.encode(), value.encode()), (b"x-esp32-mode", b"sketch")]
    assert unmet_condition(request(headers=headers), DIGEST) == (412 if status == 412 else None)


@pytest.mark.parametrize(("name", "status"), [("if-match", 412), ("if-none-match", None)])
def test_what_is_too_large_to_read_has_no_etag(name: str, status: int | None) -> None:
    headers = [(name.encode(), b'""')]
    assert unmet_condition(request(headers=headers), None) == status


def test_the_headers_of_a_part() -> None:
    headers = dict(part_headers(900, 100, 1000, DIGEST))
    assert headers[b"etag"] == f'"{DIGEST}"'.encode()
    assert b"etag" not in dict(part_headers(900, 100, 1000))
    assert headers[b"content-range"] == b"bytes 900-999/1000"
    assert headers[b"content-length"] == b"100"
    assert b"x-md5" not in headers
