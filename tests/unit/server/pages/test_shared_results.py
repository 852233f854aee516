"""What takes long is computed once for all who ask at about the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine

import pytest

from acpublish.server.pages import shared_results
from acpublish.server.pages.shared_results import SharedResults


class Clock:
    """A clock that tests move, in the place of the module time."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(shared_results, "time", clock)
    return clock


class Work:
    """Counts how often it is done; waits before it ends while there is a gate."""

    def __init__(self) -> None:
        self.times = 0
        self.gate: asyncio.Event | None = None

    async def __call__(self) -> int:
        self.times += 1
        number = self.times
        if self.gate is not None:
            await self.gate.wait()
        if number == 13:
            raise ZeroDivisionError
        return number


def run(test: Callable[[], Coroutine[object, object, None]]) -> None:
    asyncio.run(test())


def test_all_who_ask_at_a_time_share_a_result(clock: Clock) -> None:
    async def ask() -> None:
        results, work = SharedResults[int](2.0, 4), Work()
        work.gate = asyncio.Event()
        asking = [asyncio.create_task(results.get("a", work)) for _ in range(5)]
        await asyncio.sleep(0)
        # Who leaves does not end it for the others.
        asking[0].cancel()
        work.gate.set()
        assert await asyncio.gather(*asking[1:]) == [1] * 4
        clock.now += 1.9
        assert await results.get("a", work) == 1
        assert await results.get("b", work) == 2
        clock.now += 0.2
        assert await results.get("a", work) == 3
        results.forget()
        assert await results.get("a", work) == 4

    run(ask)


def test_an_old_result_is_used_while_it_is_computed_anew(clock: Clock) -> None:
    async def ask() -> None:
        results, work = SharedResults[int](2.0, 4, stale_s=60.0), Work()
        assert await results.get("a", work) == 1
        clock.now += 30
        work.gate = asyncio.Event()
        assert [await results.get("a", work) for _ in range(3)] == [1, 1, 1]
        await asyncio.sleep(0)
        assert work.times == 2
        work.gate.set()
        while work.times == 2 and await results.get("a", work) == 1:
            await asyncio.sleep(0)
        assert await results.get("a", work) == 2
        clock.now += 61
        assert await results.get("a", work) == 3

    run(ask)


def test_an_error_is_not_kept(clock: Clock) -> None:
    async def ask() -> None:
        results, work = SharedResults[int](2.0, 4), Work()
        work.times = 12
        with pytest.raises(ZeroDivisionError):
            await results.get("a", work)
        assert await results.get("a", work) == 14

    run(ask)
