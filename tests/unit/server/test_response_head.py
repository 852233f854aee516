"""The names of headers; raw responses are read in tests/conformance/test_update_addresses.py."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from acpublish.server.response_head import DeviceCycle, beginning


@pytest.mark.parametrize(
    "name",
    [b"Content-Length", b"x-MD5", b"x-SHA256", b"x-version", b"ETag", b"WWW-Authenticate", b"Vary"],
)
def test_names_in_any_case(name: bytes) -> None:
    assert beginning(name.lower()) == beginning(name.upper()) == name + b": "


class Transport:
    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data


def cycle(method: str = "GET", *, keep_alive: bool = True) -> Any:
    return DeviceCycle(
        scope=cast(Any, {"method": method}),
        transport=cast(Any, Transport()),
        flow=cast(Any, SimpleNamespace(write_paused=False)),
        logger=cast(Any, None),
        access_logger=cast(Any, None),
        access_log=False,
        default_headers=[(b"date", b"now")],
        message_event=cast(Any, None),
        expect_100_continue=False,
        keep_alive=keep_alive,
        on_response=lambda: None,
    )


def head_of(made: Any, status: int, headers: list[tuple[bytes, bytes]]) -> bytes:
    message = {"type": "http.response.start", "status": status, "headers": headers}
    asyncio.run(made.send(message))
    written: bytes = made.transport.written
    return written


@pytest.mark.parametrize(
    ("method", "status", "headers", "more"),
    [
        ("GET", 200, [(b"content-length", b"1")], b"Content-Length: 1\r\n"),
        ("GET", 200, [], b"Transfer-Encoding: chunked\r\n"),
        ("HEAD", 200, [], b""),
        ("GET", 304, [], b""),
        ("GET", 204, [], b""),
        ("GET", 404, [(b"CONTENT-LENGTH", b"0")], b"Content-Length: 0\r\n"),
        ("GET", 304, [(b"connection", b"close")], b"Connection: close\r\n"),
    ],
)
def test_heads(method: str, status: int, headers: list[Any], more: bytes) -> None:
    head = head_of(cycle(method), status, headers)
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert head.partition(b"\r\n")[2] == b"Date: now\r\n" + more + b"\r\n"
    closing = head_of(cycle(method, keep_alive=False), status, headers)
    assert closing.count(b"Connection: close\r\n") == 1


@pytest.mark.parametrize("value", [b"a\r\nb: c", b"a\nb", b"a\r"])
def test_a_value_never_ends_its_line(value: bytes) -> None:
    with pytest.raises(ValueError, match="line break"):
        head_of(cycle(), 200, [(b"content-type", value)])
