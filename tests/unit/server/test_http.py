"""Requests as the routes read them, and bodies on their way out."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest

from acpublish.server import http
from acpublish.server.http import Request, send_bytes, send_file
from acpublish.server.protocol import Connection


class Sent:
    """What an application sent."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    async def __call__(self, message: Any) -> None:
        self.messages.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.messages)

    @property
    def complete(self) -> bool:
        return [message["more_body"] for message in self.messages][-1:] == [False]


@pytest.mark.parametrize("copies", [False, True])
def test_a_body_is_whole_and_ends_with_an_empty_part(
    monkeypatch: pytest.MonkeyPatch, copies: bool
) -> None:
    monkeypatch.setattr(http, "copies_writes", lambda: copies)
    body, sent = bytes(range(256)) * 1000, Sent()
    asyncio.run(send_bytes(None, sent, body))
    assert sent.body == body
    assert sent.complete
    assert sent.messages[-1]["body"] == b""
    assert len(sent.messages) == (9 if copies else 2)
    assert copies or sent.messages[0]["body"] is body


def test_a_part_of_a_file() -> None:
    data, sent = bytes(range(256)) * 5000, Sent()
    asyncio.run(send_file(None, sent, io.BytesIO(data), 1000, 900_000, lambda: True))
    assert sent.body == data[1000:901_000]
    assert sent.complete


def test_a_file_that_was_written_to_is_never_complete() -> None:
    data, sent = bytes(900_000), Sent()
    assert not asyncio.run(
        send_file(None, sent, io.BytesIO(data), 0, len(data), lambda: len(sent.body) < 300_000)
    )
    assert len(sent.body) < len(data)
    assert not sent.complete


def test_a_file_that_got_shorter_is_left_incomplete() -> None:
    sent = Sent()
    asyncio.run(send_file(None, sent, io.BytesIO(b"abc"), 0, 10, lambda: True))
    assert sent.body == b"abc"
    assert not sent.complete


class Transport:
    """A transport that may refuse what is written."""

    def __init__(self, *, closing: bool = False) -> None:
        self.closing = closing
        self.limits: list[int | None] = []

    def is_closing(self) -> bool:
        return self.closing

    def set_write_buffer_limits(self, high: int | None = None) -> None:
        self.limits.append(high)

    def get_extra_info(self, name: str) -> None:
        return None


def connection(transport: Transport) -> Connection:
    return Connection(transport)  # type: ignore[arg-type]


@pytest.mark.parametrize("copies", [False, True])
def test_a_body_that_has_left(monkeypatch: pytest.MonkeyPatch, copies: bool) -> None:
    monkeypatch.setattr(http, "copies_writes", lambda: copies)
    transport = Transport()
    assert asyncio.run(send_bytes(connection(transport), Sent(), bytes(100_000)))
    # While it drains, nothing may be left in the buffer; afterwards the usual is allowed.
    assert transport.limits == [0, None]


@pytest.mark.parametrize("copies", [False, True])
def test_what_a_closing_transport_dropped_has_not_left(
    monkeypatch: pytest.MonkeyPatch, copies: bool
) -> None:
    monkeypatch.setattr(http, "copies_writes", lambda: copies)
    sent = Sent()
    assert not asyncio.run(send_bytes(connection(Transport(closing=True)), sent, bytes(100_000)))
    assert sent.complete


def test_a_transport_that_closes_between_two_parts_has_dropped_the_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "copies_writes", lambda: True)
    transport = Transport()

    class Closing(Sent):
        async def __call__(self, message: Any) -> None:
            await super().__call__(message)
            transport.closing = len(self.messages) == 2

    # It looks open again to whoever asks only at the end.
    assert not asyncio.run(send_bytes(connection(transport), Closing(), bytes(100_000)))


def test_a_file_is_not_read_on_for_a_client_that_left() -> None:
    class Counted(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.reads += 1
            return super().read(size)

    file, gone = Counted(bytes(10_000_000)), connection(Transport(closing=True))
    gone.on_lost(None)
    assert not asyncio.run(send_file(gone, Sent(), file, 0, 10_000_000, lambda: True))
    assert file.reads == 0


@pytest.mark.parametrize("error", [None, ConnectionResetError("reset")])
def test_a_connection_that_ended_in_order_has_sent_all(error: Exception | None) -> None:
    transport = Transport()
    ended = connection(transport)

    class Ending(Sent):
        async def __call__(self, message: Any) -> None:
            await super().__call__(message)
            if not message["more_body"]:
                transport.closing = True
                ended.on_lost(error)

    assert asyncio.run(send_bytes(ended, Ending(), b"x" * 100)) is (error is None)


def test_without_our_protocol_it_is_not_known() -> None:
    assert not asyncio.run(send_bytes(None, Sent(), b"x"))


def scope(**more: Any) -> dict[str, Any]:
    return {"method": "GET", "headers": [(b"x-esp32-mode", b"sketch"), (b"a", b"1")], **more}


def test_a_target_is_cut_at_the_first_question_mark() -> None:
    request = Request(scope(**{"acpublish.target": b"/a b?c=d?e"}))
    assert (request.target, request.path, request.query) == (b"/a b?c=d?e", b"/a b", b"c=d?e")
    assert (request.address, request.connection) == (None, None)
    assert request.header(b"a") == b"1"
    assert request.header(b"b") is None
    assert request.report.family == "esp32"


def test_without_our_protocol_the_target_is_the_usual_one() -> None:
    request = Request(scope(raw_path=b"/a%20b", path="/a b", query_string=b"c=d"))
    assert request.target == b"/a%20b?c=d"
    assert Request(scope(path="/ä")).target == "/ä".encode()
