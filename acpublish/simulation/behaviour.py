"""What simulated devices do, whoever their server is: when they check in, and what boots.

All that is left to chance comes from the seed, in the order in which the questions are asked.
"""

from __future__ import annotations

import random

from acpublish.fleet.moments import DAY_S
from acpublish.simulation.fleet_profile import Kind
from acpublish.simulation.population import FLASHED, Fate, Population

#: Plugs that are switched on together do not check in within the same second.
_SWITCHED_ON_S = 120


class Behaviour:
    """The behaviour of a population. Seconds are those of the fleet, from a midnight on.

    Attributes:
        population: The devices.
        start_s: When the rollout starts, from which absences count; None if it has not yet.
        rolling: The new release, whose fate the profile decides; empty as long as there is none.
        running: How many devices really run the new release.
    """

    def __init__(
        self, population: Population, seed: int, *, start_s: int | None = None, rolling: str = ""
    ) -> None:
        """Takes over the devices.

        Args:
            population: The devices.
            seed: Decides all that is left to chance.
            start_s: When the rollout starts; None if that is not known yet.
            rolling: The new release; empty if that is not known yet.
        """
        self.population = population
        self.start_s = start_s
        self.rolling = rolling
        self.running = 0
        self._chance = random.Random(f"events {seed}")

    def first_check(self, number: int) -> int:
        """Returns when a device checks in for the first time."""
        return int(self._chance.random() * self.population.periods[number])

    def gone(self, number: int, second: int) -> bool:
        """Returns whether a device has gone silent for good."""
        vanish = self.population.vanish
        if not vanish or self.start_s is None:
            return False
        after = vanish.get(number)
        return after is not None and second >= self.start_s + after

    def back_on(self, kind: Kind, second: int) -> int | None:
        """Returns when a device whose plug is off is back; None if the plug is on."""
        if kind.off is None or not kind.off.is_open(second % DAY_S):
            return None
        until = (kind.off.end_s - second) % DAY_S
        return second + until + 1 + int(self._chance.random() * _SWITCHED_ON_S)

    def interval(self, number: int) -> float:
        """Returns how long a device waits until its next check-in, in seconds."""
        jitter = self.population.kinds[number].jitter
        return self.population.periods[number] * (1 + jitter * (self._chance.random() - 0.5) / 50)

    def nap(self, kind: Kind) -> int:
        """Returns how much longer a device sleeps after a check-in, in seconds."""
        return DAY_S if kind.naps and self._chance.random() * 100 < kind.naps else 0

    def connected(self, kind: Kind, second: int) -> bool:
        """Returns whether the network of a device is there."""
        away = kind.away
        if away is None or self.start_s is None:
            return True
        return not 0 <= second - self.start_s - away.after < away.lasts

    def whole(self, kind: Kind) -> bool:
        """Returns whether a download that begins now is going to be whole."""
        return self._chance.random() * 100 >= kind.breaks

    def comes_back(self, number: int, version: str) -> bool:
        """Lets a device boot what it has received; returns whether it comes back."""
        population = self.population
        fate = Fate(population.fates[number]) if version == self.rolling else Fate.BOOTS
        before, claim = population.runs[number], ""
        if fate is Fate.DIES:
            return False
        if fate is Fate.ROLLS_BACK:
            return True
        if fate is Fate.LIES:
            version, claim = before, version
        elif fate is Fate.FLASHED:
            version = FLASHED
            # Nobody does that again and again.
            population.fates[number] = Fate.BOOTS
        population.runs[number] = version
        population.reports[number] = population.report(number, version, claim=claim)
        self.running += (version == self.rolling) - (before == self.rolling)
        return True
