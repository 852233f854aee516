"""How many devices ran which version, over time: what a chart of adoption shows.

There is a sample for each hour of 90 days, which a store keeps, and one for each minute of the last
three hours, which only the memory has. A sample has a limit, because devices choose their numbers.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from typing import NamedTuple

from acpublish.fleet.moments import DAY_S, HOUR_S

KEPT_S = 90 * DAY_S
MINUTE_S = 60
#: How many samples of a minute there are.
MAX_MINUTES = 180
#: The most versions of all products that a sample has, beside the sums of all others.
MAX_COUNTS = 40
#: The version of the sum of all others, and of devices whose version is not known.
OTHERS, UNKNOWN = "*", ""


class VersionCount(NamedTuple):
    """How many devices of a product run a version."""

    product: str
    version: str
    devices: int


class Sample(NamedTuple):
    """What devices ran at a time.

    Attributes:
        at: The beginning of the hour or minute, in seconds since 1970.
        counts: How many ran what, the most frequent first.
    """

    at: int
    counts: tuple[VersionCount, ...]


def version_counts(running: Iterable[tuple[str, str | None]]) -> tuple[VersionCount, ...]:
    """Counts devices.

    Args:
        running: The product of each device, and the version that it runs, if that is known.

    Returns:
        The most frequent versions; of each product with more of them, all others in one.
    """
    every = Counter((product, version or UNKNOWN) for product, version in running).most_common()
    counts = [VersionCount(*key, devices) for key, devices in every[:MAX_COUNTS]]
    others: Counter[str] = Counter()
    for (product, _), devices in every[MAX_COUNTS:]:
        others[product] += devices
    rest = others.most_common(MAX_COUNTS)
    return (*counts, *(VersionCount(product, OTHERS, devices) for product, devices in rest))


class AdoptionHistory:
    """The samples.

    Attributes:
        hours: One for each hour in which the server ran, the oldest first.
        minutes: One for each of the last minutes, likewise.
    """

    def __init__(self, hours: Iterable[Sample] = ()) -> None:
        """Goes on with the samples that a store has.

        Args:
            hours: Those, the oldest first.
        """
        self.hours = list(hours)
        self.minutes: deque[Sample] = deque(maxlen=MAX_MINUTES)

    def note(self, at: float, counts: tuple[VersionCount, ...]) -> tuple[Sample | None, list[int]]:
        """Takes in what devices run now.

        Args:
            at: The present, in seconds since 1970.
            counts: How many run what.

        Returns:
            The sample of the hour if it is to be stored, and the times of those that are too old
            by now.
        """
        self.minutes.append(Sample(int(at) - int(at) % MINUTE_S, counts))
        hour = int(at) - int(at) % HOUR_S
        # After a clock that was set back, the order of the samples would be wrong.
        if self.hours and self.hours[-1].at >= hour:
            return None, []
        sample = Sample(hour, counts)
        kept = [each for each in self.hours if each.at > hour - KEPT_S]
        gone = [each.at for each in self.hours[: len(self.hours) - len(kept)]]
        self.hours = [*kept, sample]
        return sample, gone
