from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from acpublish.catalog.contents import CatalogFiles
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import NotFoundError
from acpublish.server import cache
from acpublish.server.bounds import IN_FLIGHT_FACTOR, BusyError
from acpublish.server.cache import AnswerCache, ByteCache, LocationCache


def test_a_value_is_made_once_for_all_who_ask() -> None:
    calls: list[int] = []
    go = threading.Event()

    def maker() -> tuple[int, bytes]:
        calls.append(1)
        go.wait(20)
        return 3, b"abc"

    async def main() -> None:
        cache: ByteCache[bytes] = ByteCache(100)
        tasks = [asyncio.ensure_future(cache.make("k", 3, maker)) for _ in range(5)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        go.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError)
        shared = cache.get("k")
        assert shared is not None
        assert shared.value == b"abc"
        assert all(result is shared for result in results[1:])

    asyncio.run(main())
    assert calls == [1]


def test_the_least_recently_used_goes_first() -> None:
    async def main() -> None:
        cache: ByteCache[bytes] = ByteCache(100)
        for key in "abcd":
            await cache.make(key, 25, lambda: (25, b""))
        assert cache.get("a") is not None
        await cache.make("e", 25, lambda: (25, b""))
        assert [cache.get(key) is not None for key in "abcde"] == [True, False, True, True, True]

    asyncio.run(main())


async def _turn() -> None:
    # What woke a task up lives until the loop's next turn.
    await asyncio.sleep(0)


def test_what_is_too_large_is_not_kept() -> None:
    async def main() -> None:
        cache: ByteCache[bytes] = ByteCache(100)
        shared = await cache.make("k", 26, lambda: (26, b"x" * 26))
        assert shared.value == b"x" * 26
        # Whoever sends it meanwhile shares it.
        assert cache.get("k") is shared
        del shared
        await _turn()
        assert cache.get("k") is None

    asyncio.run(main())


def test_a_dropped_value_that_is_being_sent_is_found_again() -> None:
    async def main() -> None:
        cache: ByteCache[bytes] = ByteCache(100)
        sent = await cache.make("sent", 25, lambda: (25, b"a" * 25))
        for key in "abcd":
            await cache.make(key, 25, lambda: (25, b""))
        assert list(cache._values) == list("abcd")
        assert cache.get("sent") is sent
        assert await cache.make("sent", 25, lambda: pytest.fail("made twice")) is sent
        del sent
        await _turn()
        assert cache.get("sent") is None

    asyncio.run(main())


def test_what_is_in_flight_is_bounded_however_little_is_kept() -> None:
    async def main() -> None:
        cache: ByteCache[bytes] = ByteCache(100)
        sent = [
            await cache.make(number, 25, lambda: (25, b""))
            for number in range(4 * IN_FLIGHT_FACTOR)
        ]
        with pytest.raises(BusyError):
            await cache.make("one more", 1, lambda: (1, b""))
        # What is being sent already has no cost.
        assert await cache.make(0, 25, lambda: (25, b"")) is sent[0]
        del sent[:2]
        await _turn()
        assert (await cache.make("one more", 25, lambda: (25, b"x"))).value == b"x"

    asyncio.run(main())


def test_what_is_being_made_counts() -> None:
    go = threading.Event()

    def maker() -> tuple[int, bytes]:
        go.wait(20)
        return 100, b""

    async def main() -> None:
        cache: ByteCache[bytes] = ByteCache(100)
        made = [
            asyncio.ensure_future(cache.make(number, 100, maker))
            for number in range(IN_FLIGHT_FACTOR)
        ]
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await cache.make("one more", 1, maker)
        go.set()
        await asyncio.gather(*made)
        del made
        await _turn()
        # Too large to be kept, and nobody sends them.
        assert (await cache.make("one more", 1, lambda: (1, b"x"))).value == b"x"

    asyncio.run(main())


def test_a_fault_is_told_to_all_and_not_kept() -> None:
    def fail() -> tuple[int, bytes]:
        raise NotFoundError("x", hint="y")

    async def main() -> None:
        cache: ByteCache[bytes] = ByteCache(100)
        results = await asyncio.gather(
            *(cache.make("k", 1, fail) for _ in range(3)), return_exceptions=True
        )
        assert all(isinstance(one, NotFoundError) for one in results)
        assert (await cache.make("k", 1, lambda: (1, b"x"))).value == b"x"

    asyncio.run(main())


def test_locations_are_remembered_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lamp").mkdir()
    looked: list[bytes] = []
    locate = CatalogFiles.locate

    def counted(self: CatalogFiles, target: bytes) -> Any:
        looked.append(target)
        return locate(self, target)

    now = [100.0]
    monkeypatch.setattr(CatalogFiles, "locate", counted)
    monkeypatch.setattr("acpublish.server.cache.time.monotonic", lambda: now[0])
    locations = LocationCache(CatalogFiles(DirectoryCatalog(tmp_path)))
    for _ in range(3):
        assert locations.locate(b"/lamp") is not None
        assert locations.locate(b"/nothing") is None
    assert looked.count(b"/lamp") == 1
    assert looked.count(b"/nothing") == 3
    now[0] += 0.06
    assert locations.locate(b"/lamp") is not None
    assert looked.count(b"/lamp") == 2


def test_an_answer_is_made_once_while_its_stamp_stays() -> None:
    calls: list[str] = []

    def maker(text: str) -> bytes:
        calls.append(text)
        return text.encode()

    async def main() -> None:
        answers = AnswerCache()
        for stamp in ("a", "a", "b", "b"):
            bodies = await asyncio.gather(
                *(
                    answers.get("key", stamp, lambda: maker(stamp), lasting=True)  # noqa: B023
                    for _ in range(5)
                )
            )
            assert bodies == [stamp.encode()] * 5

    asyncio.run(main())
    assert calls == ["a", "b"]


def test_an_answer_that_may_change_without_its_stamp_is_made_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cache, "_SHORTEST_LIFE_S", 0.01)
    monkeypatch.setattr(cache, "_LIFE_PER_COST", 0)
    calls: list[int] = []

    async def main() -> None:
        answers = AnswerCache()
        for _ in range(3):
            await answers.get("key", None, lambda: calls.append(1) or b"x")
            await asyncio.sleep(0.05)

    asyncio.run(main())
    assert len(calls) == 3


def test_a_later_state_does_not_wait_for_the_earlier_one() -> None:
    go = threading.Event()

    def earlier() -> bytes:
        go.wait(20)
        return b"earlier"

    async def main() -> None:
        answers = AnswerCache()
        first = asyncio.ensure_future(answers.get("key", 1, earlier, lasting=True))
        await asyncio.sleep(0)
        assert await answers.get("key", 2, lambda: b"later", lasting=True) == b"later"
        go.set()
        assert await first == b"earlier"
        assert await answers.get("key", 2, lambda: b"made again", lasting=True) == b"later"

    asyncio.run(main())


def test_answers_are_limited_in_bytes_and_in_threads() -> None:
    running, most = [0], [0]
    lock = threading.Lock()

    def maker() -> bytes:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        threading.Event().wait(0.01)
        with lock:
            running[0] -= 1
        return b"x" * 1000

    async def main() -> None:
        answers = AnswerCache(10_000)
        await asyncio.gather(*(answers.get(number, None, maker) for number in range(20)))
        assert answers._size_bytes <= 10_000
        assert 0 < len(answers._answers) < 10
        # The latest is kept in any case.
        await answers.get("large", 1, lambda: b"x" * 20_000, lasting=True)
        assert list(answers._answers) == ["large"]

    asyncio.run(main())
    assert most[0] == cache.PARALLEL_ANSWERS


def test_a_fault_of_a_maker_is_told_and_not_kept() -> None:
    def fail() -> bytes:
        raise NotFoundError("x", hint="y")

    async def main() -> None:
        answers = AnswerCache()
        with pytest.raises(NotFoundError):
            await answers.get("key", None, fail)
        assert await answers.get("key", None, lambda: b"x") == b"x"

    asyncio.run(main())


def test_long_targets_are_not_remembered(tmp_path: Path) -> None:
    (tmp_path / "lamp").mkdir()
    locations = LocationCache(CatalogFiles(DirectoryCatalog(tmp_path)))
    for number in range(20):
        assert locations.locate(b"/lamp?%d" % number + b"x" * 2000) is not None
    assert len(locations._locations) == 0
