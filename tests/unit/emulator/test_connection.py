"""Any bytes that a server sends give an answer or one family of failure."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acpublish.emulator.connection import DeviceResponse, HttpError, parse_url
from acpublish.errors import SettingsError

lines = st.lists(
    st.sampled_from(
        [
            b"HTTP/1.0 200 OK",
            b"HTTP/1.1 304",
            b"HTTP/1.0 abc",
            b"Content-Length: 5",
            b"content-length: -1",
            b"Content-Length: 99999999999999999999",
            b"x-MD5: 0",
            b"Transfer-Encoding: chunked",
            b"Transfer-Encoding: gzip",
            b": no name",
            b"no colon",
        ]
    )
    | st.binary(max_size=20)
)


def answer_to(sent: bytes, chip: str = "esp8266") -> DeviceResponse:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(sent)
        theirs.shutdown(socket.SHUT_WR)
        answer = DeviceResponse(ours, 536)
        answer.read_head(chip, 1.0)
        answer.peek(4)
        return answer


@given(lines, st.sampled_from([b"\r\n", b"\n"]), st.binary(max_size=10))
def test_any_head(head: list[bytes], end: bytes, body: bytes) -> None:
    try:
        answer = answer_to(end.join(head) + end + end + body)
    except HttpError:
        return
    assert answer.status > 0


def test_an_answer_in_full() -> None:
    answer = answer_to(
        b"HTTP/1.0 200 OK\r\nCONTENT-LENGTH:  5 \r\nx-md5: a\r\nX-MD5: b\r\n\r\nhello"
    )
    assert (answer.status, answer.size, answer.in_first_segment) == (200, 5, 5)
    assert answer.header("x-MD5") == "a,b"


def test_a_head_without_an_end() -> None:
    with pytest.raises(HttpError, match="too less ram"):
        answer_to(b"HTTP/1.0 200 OK\r\n" + b"x: y\r\n" * 20_000)


def test_only_an_esp32_takes_the_encoding_identity() -> None:
    sent = b"HTTP/1.0 200 OK\r\nTransfer-Encoding: identity\r\n\r\n"
    assert answer_to(sent, "esp32").status == 200
    with pytest.raises(HttpError, match="not supported"):
        answer_to(sent, "esp8266")


def test_a_target_stays_as_it_is() -> None:
    endpoint = parse_url("http://me:s%40cret@host:81/my sketch.bin?a=%20#b+ä")
    assert (endpoint.host, endpoint.port) == ("host", 81)
    assert (endpoint.user, endpoint.password) == ("me", "s@cret")
    assert endpoint.target == "/my sketch.bin?a=%20#b+ä".encode()


def test_a_url_without_a_path() -> None:
    assert parse_url("http://host").target == b""
    assert parse_url("http://host").port == 80


@given(st.text() | st.text().map("http://".__add__))
def test_any_url(text: str) -> None:
    try:
        endpoint = parse_url(text)
    except SettingsError:
        return
    assert endpoint.host
