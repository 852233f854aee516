"""The collector looks at what is new, and not at all that has lasted."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import weakref
from collections.abc import Iterator

import pytest

from acpublish.server import garbage


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    before = gc.get_threshold()
    # What it does by itself would move objects on.
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()
    gc.set_threshold(*before)


class Circle:
    """An object that refers to itself."""

    def __init__(self) -> None:
        self.itself = self


def test_much_that_lasts_is_out_of_sight() -> None:
    gc.collect()
    gc.freeze()
    lasting = [Circle() for _ in range(garbage._MANY + 1)]
    gc.collect(1)
    frozen = gc.get_freeze_count()
    garbage.keep_what_lasts()
    assert gc.get_freeze_count() - frozen >= len(lasting)
    assert not gc.get_objects(generation=2)


def test_what_refers_to_itself_is_freed_before() -> None:
    gc.collect()
    gc.freeze()
    lasting = [Circle() for _ in range(garbage._MANY + 1)]
    gone = weakref.ref(Circle())
    garbage.keep_what_lasts()
    assert gone() is None
    assert lasting


def test_a_little_that_lasts_is_looked_at_each_time() -> None:
    gc.collect()
    gc.freeze()
    circle = Circle()
    gone = weakref.ref(circle)
    gc.collect(1)
    frozen = gc.get_freeze_count()
    del circle
    garbage.keep_what_lasts()
    assert gone() is None
    assert gc.get_freeze_count() == frozen


def test_the_thresholds_are_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "_EVERY_S", 0.001)
    calls: list[None] = []
    monkeypatch.setattr(garbage, "keep_what_lasts", lambda: calls.append(None))
    before = gc.get_threshold()

    async def main() -> None:
        watch = asyncio.ensure_future(garbage.watch_garbage())
        while len(calls) < 2:
            await asyncio.sleep(0.001)
        assert gc.get_threshold()[2] > 1000
        watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watch

    asyncio.run(main())
    assert gc.get_threshold() == before
