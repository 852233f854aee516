"""Deadlines that are nearly always met: one timer for all of a loop."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

_log = logging.getLogger("acpublish.server")

#: How late a deadline may be noticed.
TICK_S = 0.25


class Late(Protocol):
    """Who has to be in time."""

    def too_slow(self) -> None:
        """Called when the time is over."""


class Deadlines:
    """The deadlines of one event loop.

    A timer for each would cost as much as a fifth of an up-to-date check.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Starts without any.

        Args:
            loop: The loop that calls whoever is late.
        """
        self._loop = loop
        self._ends: dict[Late, float] = {}
        self._ticks = False
        #: The time at the last tick: nearly every request sets a deadline, so none asks for more.
        self._now = 0.0

    def add(self, late: Late, wait_s: float) -> None:
        """Sets a deadline, unless there is one already.

        Args:
            late: Who has to be in time.
            wait_s: How long to wait.
        """
        if not self._ticks:
            self._ticks = True
            self._now = self._loop.time()
            self._loop.call_later(TICK_S, self._tick)
        self._ends.setdefault(late, self._now + wait_s)

    def discard(self, late: Late) -> None:
        """Removes a deadline."""
        self._ends.pop(late, None)

    def _tick(self) -> None:
        now = self._now = self._loop.time()
        for late in [late for late, end in self._ends.items() if end <= now]:
            # One of those that were called before may have ended it.
            if self._ends.pop(late, None) is not None:
                self._call(late)
        self._ticks = bool(self._ends)
        if self._ticks:
            self._loop.call_later(TICK_S, self._tick)

    def _call(self, late: Late) -> None:
        try:
            late.too_slow()
        except Exception:
            # The deadlines of all others must go on.
            _log.exception("a connection that is too slow could not be ended")
