"""What takes long is computed once for all, and seldom."""

from __future__ import annotations

import asyncio

import pytest

from acpublish.server.pages import seldom
from acpublish.server.pages.seldom import Seldom


class Counting:
    """Counts how often something is computed."""

    def __init__(self) -> None:
        self.calls = 0
        self.wait = asyncio.Event()
        self.wait.set()

    async def __call__(self) -> int:
        self.calls += 1
        own = self.calls
        await self.wait.wait()
        return own


def test_all_who_look_share_one_result() -> None:
    async def look() -> None:
        make = Counting()
        result = Seldom(make)
        assert await asyncio.gather(*(result.get() for _ in range(20))) == [1] * 20
        assert await result.get() == 1
        result.forget()
        assert await result.get() == 2
        assert make.calls == 2

    asyncio.run(look())


def test_one_that_takes_long_is_computed_while_the_older_one_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(seldom, "LEAST_S", 0.0)
    monkeypatch.setattr(seldom, "SHARE", 0)
    monkeypatch.setattr(seldom, "_SOON_S", -1.0)

    async def look() -> None:
        make = Counting()
        result = Seldom(make)
        assert await result.get() == 1
        make.wait.clear()
        assert [await result.get(), await result.get()] == [1, 1]
        make.wait.set()
        await asyncio.sleep(0.01)
        assert make.calls == 2
        assert await result.get() == 2

    asyncio.run(look())


def test_who_has_no_patience_gets_it_later() -> None:
    async def look() -> None:
        make = Counting()
        make.wait.clear()
        result = Seldom(make)
        assert await result.soon(0.01) is None
        make.wait.set()
        assert await result.soon(10) == 1
        assert make.calls == 1

    asyncio.run(look())


def test_an_error_is_raised_and_then_it_is_tried_again() -> None:
    calls = []

    async def make() -> int:
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("once")
        return 7

    async def look() -> None:
        result = Seldom(make)
        with pytest.raises(ValueError, match="once"):
            await result.get()
        assert await result.get() == 7

    asyncio.run(look())


def test_who_leaves_does_not_end_what_others_wait_for() -> None:
    async def look() -> None:
        make = Counting()
        make.wait.clear()
        result = Seldom(make)
        leaves, stays = (asyncio.create_task(result.get()) for _ in range(2))
        await asyncio.sleep(0)
        leaves.cancel()
        make.wait.set()
        assert await stays == 1

    asyncio.run(look())
