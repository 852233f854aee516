"""The present, on both clocks of the fleet (:mod:`acpublish.fleet.moments`)."""

from __future__ import annotations

import time
from collections.abc import Callable

from acpublish.fleet.moments import Listening, Moment

#: How long the offset of the server's local time holds good, in seconds.
_OFFSET_S = 1.0


class FleetClock:
    """A clock of listening that runs by the monotonic clock, so that nobody can set it."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Starts to listen.

        Args:
            wall: Returns seconds since 1970.
            monotonic: Returns seconds that nobody can set.
        """
        self._wall = wall
        self._monotonic = monotonic
        self._total_s = 0.0
        self._since: float | None = monotonic()
        self._offset_s = 0
        self._offset_until = -1.0

    def now(self) -> Moment:
        """Returns the present."""
        at = self._wall()
        if not self._offset_until - _OFFSET_S <= at < self._offset_until:
            self._offset_s = time.localtime(at).tm_gmtoff
            self._offset_until = at + _OFFSET_S
        return Moment(at, self._heard(), self._offset_s)

    def _heard(self) -> float:
        if self._since is None:
            return self._total_s
        return self._total_s + self._monotonic() - self._since

    def go_on_from(self, listening: Listening, until: float, latest: float = 0.0) -> float:
        """Goes on from the clock of an earlier server.

        Args:
            listening: Its clock, as it was stored last; a crash may have followed.
            until: When it last listened for certain, in seconds since 1970.
            latest: The latest time on its clock that is stored with anything.

        Returns:
            By how many seconds this clock is later now.
        """
        before_s = max(listening.stopped(until).total_s, latest)
        self._total_s += before_s
        return before_s

    def listen(self, listens: bool) -> None:
        """Lets the clock of listening run, or stand still because what is heard is not stored."""
        self._total_s = self._heard()
        self._since = self._monotonic() if listens else None

    def listening(self) -> Listening:
        """Returns the clock of listening, for a store."""
        return Listening(self._heard())
