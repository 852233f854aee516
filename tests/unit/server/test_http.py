"""Requests as the routes read them, and bodies on their way out."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest

from acpublish.server import http
from acpublish.server.http import send_bytes, send_file


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
    asyncio.run(send_file(None, sent, io.BytesIO(data), 1000, 900_000))
    assert sent.body == data[1000:901_000]
    assert sent.complete


def test_a_file_that_got_shorter_is_left_incomplete() -> None:
    sent = Sent()
    asyncio.run(send_file(None, sent, io.BytesIO(b"abc"), 0, 10))
    assert sent.body == b"abc"
    assert not sent.complete
