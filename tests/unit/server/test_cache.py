from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from acpublish.catalog.contents import CatalogFiles
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import NotFoundError
from acpublish.server.cache import ByteCache, LocationCache


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
