"""Time, as the rules of the fleet see it: the wall clock, and the clock of listening.

A device that the server could not hear was not silent. So silence, gaps between check-ins and soak
are measured on a clock that runs only while the server listens: what passes while it is down, while
its store is away or when somebody sets the system's clock is not on it. The wall clock is for daily
windows, for the penalty box, and for people.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

DAY_S = 24 * 60 * 60
HOUR_S = 60 * 60


class Moment(NamedTuple):
    """The present.

    Attributes:
        at: Seconds since 1970.
        heard: How long the server has listened in all, in seconds (:meth:`Listening.clock`).
        utc_offset_s: What the server's local time is ahead of UTC at this moment, in seconds.
    """

    at: float
    heard: float
    utc_offset_s: int = 0

    @property
    def second_of_day(self) -> int:
        """The server's local time, in seconds since midnight."""
        return int(self.at + self.utc_offset_s) % DAY_S


#: For decisions on whoever is not known, which do not depend on the time.
NO_TIME = Moment(0.0, 0.0)


class Listening(NamedTuple):
    """The clock of listening: the sum of the intervals in which the server listened.

    Attributes:
        total_s: The sum of the intervals that have ended, in seconds.
        since: When the present interval began, in seconds since 1970; None if there is none.
    """

    total_s: float = 0.0
    since: float | None = None

    @classmethod
    def of(cls, intervals: Iterable[tuple[float, float]]) -> Listening:
        """Returns the clock after intervals that do not overlap, each from one time to another."""
        return cls(total_s=sum(max(0.0, end - start) for start, end in intervals))

    def clock(self, at: float) -> float:
        """Returns how long the server has listened by now, in seconds."""
        return self.total_s if self.since is None else self.total_s + max(0.0, at - self.since)

    def moment(self, at: float, utc_offset_s: int = 0) -> Moment:
        """Returns the present, with both clocks."""
        return Moment(at, self.clock(at), utc_offset_s)

    def started(self, at: float) -> Listening:
        """Returns the clock of a server that begins to listen; one that listens goes on."""
        return Listening(self.total_s, at) if self.since is None else self

    def stopped(self, at: float) -> Listening:
        """Returns the clock of a server that no longer listens.

        After a crash, ``at`` is the last time at which it is known to have listened.
        """
        return Listening(self.clock(at))
