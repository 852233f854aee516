"""The names of headers; raw responses are read in tests/conformance/test_update_addresses.py."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import pytest

from acpublish.server import response_head as module
from acpublish.server.response_head import (
    BAD_REQUEST,
    HEAD_TOO_LONG,
    LINE_TOO_LONG,
    TIMEOUT,
    ResponseDate,
    beginning,
    response_head,
)


@pytest.mark.parametrize(
    "name",
    [b"Content-Length", b"x-MD5", b"x-SHA256", b"x-version", b"ETag", b"WWW-Authenticate", b"Vary"],
)
def test_names_in_any_case(name: bytes) -> None:
    assert beginning(name.lower()) == beginning(name.upper()) == name + b": "


@pytest.mark.parametrize(
    ("status", "headers", "head"),
    [
        (200, [(b"content-length", b"1")], b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"),
        (304, [], b"HTTP/1.1 304 Not Modified\r\n"),
        (404, [(b"CONTENT-LENGTH", b"0")], b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n"),
        (200, [(b"x-md5", b"\xff")], b"HTTP/1.1 200 OK\r\nx-MD5: \xff\r\n"),
        (599, [], b"HTTP/1.1 599 \r\n"),
    ],
)
def test_heads(status: int, headers: list[tuple[bytes, bytes]], head: bytes) -> None:
    assert response_head(status, headers) == head


@pytest.mark.parametrize("value", [b"a\r\nb: c", b"a\nb", b"a\r"])
def test_a_value_never_ends_its_line(value: bytes) -> None:
    with pytest.raises(ValueError, match="line break"):
        response_head(200, [(b"content-type", value)])


def test_the_end_of_a_head(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        now = 1_800_000_000.9

        @classmethod
        def time(cls) -> float:
            return cls.now

    monkeypatch.setattr(module, "time", Clock)
    date = ResponseDate()
    kept = date.end_of_head(closes=False)
    name, _, value = kept.partition(b": ")
    assert name == b"Date"
    assert kept.endswith(b" GMT\r\n\r\n")
    assert parsedate_to_datetime(value.decode().strip()).timestamp() == 1_800_000_000
    closed = date.end_of_head(closes=True)
    assert closed == kept[:-2] + b"Connection: close\r\n\r\n"
    # Made once a second.
    Clock.now += 0.05
    assert date.end_of_head(closes=False) is kept
    Clock.now += 0.1
    assert date.end_of_head(closes=False) != kept


@pytest.mark.parametrize(
    ("response", "status"),
    [(BAD_REQUEST, 400), (TIMEOUT, 408), (LINE_TOO_LONG, 414), (HEAD_TOO_LONG, 431)],
)
def test_what_cannot_be_read_is_answered_in_one_line(response: bytes, status: int) -> None:
    head, _, body = response.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0].startswith(b"HTTP/1.1 %d " % status)
    assert b"Content-Length: %d" % len(body) in lines
    assert b"Connection: close" in lines
    assert body.count(b"\n") == 1
