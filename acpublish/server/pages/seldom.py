"""What takes long to compute, once for all who look, and so seldom that devices do not notice.

Looking at all devices takes as long as hundreds of checks. It happens in a thread, but never for
more than a fiftieth of the time; who opens a page meanwhile gets what there was.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

_T = TypeVar("_T")

#: How long a result is the same for all who look, at least.
LEAST_S = 1.0
#: It is computed for this part of the time at most, unless that would be too seldom.
SHARE = 50
MOST_S = 30.0
#: Who waits for less does not get an older one.
_SOON_S = 0.02
#: How old a result may be that somebody gets while a newer one is made.
_STALE_S = 60.0


class Seldom(Generic[_T]):
    """A result that is computed again when somebody wants it; in the event loop of one thread."""

    def __init__(self, make: Callable[[], Awaitable[_T]]) -> None:
        """Prepares to compute it.

        Args:
            make: Computes it.
        """
        self._make = make
        self._task: asyncio.Task[_T] | None = None
        #: The last task that succeeded, since when, how long it took, and until when it is used.
        self._last: asyncio.Task[_T] | None = None
        self._made_at = self._took_s = self._until = 0.0

    async def soon(self, patience_s: float) -> _T | None:
        """Returns the result; None if there is none so far, and it takes longer than this.

        Args:
            patience_s: How long to wait.

        Raises:
            Exception: As for :meth:`get`.
        """
        try:
            return await asyncio.wait_for(self.get(), patience_s)
        except asyncio.TimeoutError:
            return None

    async def get(self) -> _T:
        """Returns the result.

        Raises:
            Exception: What computing it raises; the next one who asks has it computed again.
        """
        now = time.monotonic()
        last = self._last
        if last is not None and now < self._until:
            return last.result()
        task = self._task
        if task is None:
            task = self._task = asyncio.create_task(self._made())
            task.add_done_callback(self._done)
        if last is not None and self._took_s > _SOON_S and now - self._made_at < _STALE_S:
            return last.result()
        # Who leaves the page must not end what others wait for.
        return await asyncio.shield(task)

    async def _made(self) -> _T:
        began = time.monotonic()
        result = await self._make()
        self._made_at = time.monotonic()
        self._took_s = self._made_at - began
        return result

    def _done(self, task: asyncio.Task[_T]) -> None:
        if task is self._task:
            self._task = None
            # Asking for the exception is what keeps it out of the log: who waits has it.
            if not task.cancelled() and task.exception() is None:
                self._last = task
                self._until = self._made_at + max(LEAST_S, min(MOST_S, SHARE * self._took_s))

    def forget(self) -> None:
        """Lets the next one who asks have it computed again, after a change."""
        self._last = self._task = None
