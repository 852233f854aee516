"""What takes long to compute, once for all who look at about the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from acpublish.bounded import BoundedDict

_T = TypeVar("_T")


@dataclass(slots=True)
class _Entry(Generic[_T]):
    """One result.

    Attributes:
        task: Computes it, or has computed it.
        began: When that began.
        before: The task of the result that may still be used until then; None if there is none.
    """

    task: asyncio.Task[_T]
    began: float
    before: asyncio.Task[_T] | None = None


class SharedResults(Generic[_T]):
    """Results by what was asked for; in the event loop of one thread."""

    def __init__(self, fresh_s: float, limit: int, stale_s: float = 0.0) -> None:
        """Starts without results.

        Args:
            fresh_s: How long a result is used.
            limit: How many there may be.
            stale_s: How long one may still be used while it is computed anew.
        """
        self._fresh_s, self._stale_s = fresh_s, stale_s
        self._entries: BoundedDict[Hashable, _Entry[_T]] = BoundedDict(limit)

    async def get(self, key: Hashable, make: Callable[[], Awaitable[_T]]) -> _T:
        """Returns a result.

        Args:
            key: What is asked for.
            make: Computes it.

        Raises:
            Exception: What computing it raises; the next one who asks has it computed again.
        """
        now = time.monotonic()
        entry = self._entries.get(key)
        if entry is None or _failed(entry.task):
            entry = self._begin(key, make, now, None)
        elif entry.task.done() and now - entry.began >= self._fresh_s:
            is_usable = now - entry.began < self._stale_s
            entry = self._begin(key, make, now, entry.task if is_usable else None)
        if entry.before is not None and not entry.task.done():
            return entry.before.result()
        # Who leaves the page must not end what others wait for.
        return await asyncio.shield(entry.task)

    def _begin(
        self,
        key: Hashable,
        make: Callable[[], Awaitable[_T]],
        now: float,
        before: asyncio.Task[_T] | None,
    ) -> _Entry[_T]:
        async def made() -> _T:
            return await make()

        task = asyncio.create_task(made())
        # Nobody may be left to hear of an error.
        task.add_done_callback(_failed)
        entry = self._entries[key] = _Entry(task, now, before)
        return entry

    def forget(self) -> None:
        """Lets everything be computed again, after a change."""
        self._entries.clear()


def _failed(task: asyncio.Task[_T]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
