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
from acpublish.server.cache import AnswerCache, ByteCache, LocationCache


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
        go.wait(5)
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
