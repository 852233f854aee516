from __future__ import annotations

import asyncio
import io
import threading
from typing import Any

import pytest

from acpublish.errors import NotFoundError
from acpublish.server import cache as bodies
from acpublish.server.cache import ByteCache, send_bytes, send_file


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


def test_a_value_is_made_once_for_all_who_ask() -> None:
    calls: list[int] = []
    go = threading.Event()

    def maker() -> tuple[int, bytes]:
        calls.append(1)
        go.wait(5)
        return 3, b"abc"

    async def main() -> None:
        cache: ByteCache[bytes] = ByteCache(100)
        tasks = [asyncio.ensure_future(cache.make("k", maker)) for _ in range(5)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        go.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError)
        assert results[1:] == [b"abc"] * 4
        assert cache.get("k") == b"abc"

    asyncio.run(main())
    assert calls == [1]


def test_the_least_recently_used_goes_first() -> None:
    async def main() -> None:
        cache: ByteCache[bytes] = ByteCache(100)
        for key in "abcd":
            await cache.make(key, lambda: (25, b""))
        assert cache.get("a") is not None
        await cache.make("e", lambda: (25, b""))
        assert [cache.get(key) is not None for key in "abcde"] == [True, False, True, True, True]

    asyncio.run(main())


def test_what_is_too_large_is_not_kept() -> None:
    async def main() -> None:
        cache: ByteCache[bytes] = ByteCache(100)
        assert await cache.make("k", lambda: (26, b"x" * 26)) == b"x" * 26
        assert cache.get("k") is None

    asyncio.run(main())


def test_a_fault_is_told_to_all_and_not_kept() -> None:
    def fail() -> tuple[int, bytes]:
        raise NotFoundError("x", hint="y")

    async def main() -> None:
        cache: ByteCache[bytes] = ByteCache(100)
        results = await asyncio.gather(
            *(cache.make("k", fail) for _ in range(3)), return_exceptions=True
        )
        assert all(isinstance(one, NotFoundError) for one in results)
        assert await cache.make("k", lambda: (1, b"x")) == b"x"

    asyncio.run(main())


@pytest.mark.parametrize("copies", [False, True])
def test_a_body_is_whole_and_ends_with_an_empty_part(
    monkeypatch: pytest.MonkeyPatch, copies: bool
) -> None:
    monkeypatch.setattr(bodies, "copies_writes", lambda: copies)
    body, sent = bytes(range(256)) * 1000, Sent()
    asyncio.run(send_bytes(sent, body))
    assert sent.body == body
    assert sent.complete
    assert sent.messages[-1]["body"] == b""
    assert len(sent.messages) == (9 if copies else 2)
    assert copies or sent.messages[0]["body"] is body


def test_a_part_of_a_file() -> None:
    data, sent = bytes(range(256)) * 5000, Sent()
    asyncio.run(send_file(sent, io.BytesIO(data), 1000, 900_000))
    assert sent.body == data[1000:901_000]
    assert sent.complete


def test_a_file_that_got_shorter_is_left_incomplete() -> None:
    sent = Sent()
    asyncio.run(send_file(sent, io.BytesIO(b"abc"), 0, 10))
    assert sent.body == b"abc"
    assert not sent.complete
