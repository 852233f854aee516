"""Deadlines that are nearly always met, looked at by one timer for all of a loop.

A timer for each would cost as much as a fifth of an up-to-date check.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

#: How late a deadline may be noticed.
TICK_S = 0.25

_LOOPS: dict[asyncio.AbstractEventLoop, Deadlines] = {}


class Deadlines:
    """What one event loop waits for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ends: dict[Callable[[], None], float] = {}
        self._ticks = False

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> Deadlines:
        """Returns those of a loop."""
        found = _LOOPS.get(loop)
        return found if found is not None else cls(loop)

    def add(self, late: Callable[[], None], wait_s: float) -> None:
        """Begins to wait, unless it is waited for already.

        Args:
            late: What is called when the time is over.
            wait_s: How long to wait.
        """
        if late in self._ends:
            return
        self._ends[late] = self._loop.time() + wait_s
        if not self._ticks:
            self._ticks = True
            _LOOPS[self._loop] = self
            self._loop.call_later(TICK_S, self._tick)

    def discard(self, late: Callable[[], None]) -> None:
        """Waits no more."""
        self._ends.pop(late, None)

    def _tick(self) -> None:
        now = self._loop.time()
        for late in [late for late, end in self._ends.items() if end <= now]:
            del self._ends[late]
            late()
        self._ticks = bool(self._ends)
        if self._ticks:
            self._loop.call_later(TICK_S, self._tick)
        elif _LOOPS.get(self._loop) is self:
            # Nothing is kept of a loop that may be gone.
            del _LOOPS[self._loop]
