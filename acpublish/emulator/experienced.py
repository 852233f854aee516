"""What a simulated fleet has experienced with a server, for people and for scripts."""

from __future__ import annotations

from collections import Counter
from typing import Any

from acpublish.simulation.behaviour import Behaviour
from acpublish.simulation.population import FLASHED, Fate, Population
from acpublish.simulation.rehearsed import Sample

_FAILED = frozenset({Fate.ROLLS_BACK, Fate.DIES, Fate.LIES})


class Experienced:
    """What the devices have experienced. Only they know it: a server sees less.

    Attributes:
        profile: The name of the profile.
        product: The product.
        seed: What decided all that is left to chance to devices.
        version: The new release; empty if no device has received one.
        checks: How many requests there were.
        offers: To how many of them the server sent an image.
        downloads: How many images were downloaded whole.
        broken: How many downloads the devices broke off.
        failures: Why requests failed, in the words of a device, and how often.
        boards: For each board, what became of its devices with the new release.
        adoption: How many devices really ran the new release, whenever that changed.
        runs: What the devices really run at the end.
        lasted_s: How long it lasted, in seconds of the fleet after the first offer.
    """

    def __init__(self, population: Population, profile: str, product: str, seed: int) -> None:
        """Begins with nothing.

        Args:
            population: The devices.
            profile: The name of the profile.
            product: The product.
            seed: What decides all that is left to chance to devices.
        """
        self.profile, self.product, self.seed = profile, product, seed
        self.version = ""
        self.checks = self.offers = self.downloads = self.broken = self.lasted_s = 0
        self.failures: Counter[str] = Counter()
        self.boards: list[dict[str, Any]] = []
        self.adoption: list[Sample] = [Sample(0, 0)]
        self.runs: dict[str, int] = {}
        self._population = population
        self._offered: set[int] = set()
        self._received: set[int] = set()

    @property
    def devices(self) -> int:
        """How many devices there are."""
        return len(self._population)

    def offered(self, number: int) -> None:
        """Notes that the server began to send an image to a device."""
        self.offers += 1
        self._offered.add(number)

    def received(self, number: int, *, new: bool) -> None:
        """Notes that a device has an image whole, and whether it is that of the new release."""
        self.downloads += 1
        if new:
            self._received.add(number)

    def sampled(self, behaviour: Behaviour, second: int) -> None:
        """Notes how many devices run the new release, if it is another number than before."""
        if self.adoption[-1].running != behaviour.running:
            after_s = second - (behaviour.start_s or 0)
            self.adoption.append(Sample(after_s, behaviour.running))

    def conclude(self, behaviour: Behaviour, second: int) -> None:
        """Takes in how it ended, and counts the devices."""
        self.version = behaviour.rolling
        if behaviour.start_s is not None:
            self.lasted_s = second - behaviour.start_s
        self.runs = dict(sorted(Counter(self._population.runs).items()))
        rows: dict[str, Counter[str]] = {}
        for number, kind in enumerate(self._population.kinds):
            rows.setdefault(kind.board, Counter()).update(self._columns(number))
        self.boards = [
            {"board": board, **{column: rows[board][column] for column in COLUMNS}}
            for board in sorted(rows)
        ]

    def _columns(self, number: int) -> list[str]:
        """Returns the columns in which a device is counted."""
        columns = ["devices"]
        if number in self._offered:
            columns += ["offered"] if number in self._received else ["offered", "pending"]
        if number in self._received:
            columns.append("delivered")
            runs = self._population.runs[number]
            if runs == self.version:
                columns.append("running")
            elif runs == FLASHED:
                columns.append("unrecognised")
            elif self._population.fates[number] in _FAILED:
                columns.append("failed")
        return columns

    def to_dict(self) -> dict[str, Any]:
        """Returns all of it as JSON types."""
        return {
            "profile": self.profile,
            "devices": self.devices,
            "seed": self.seed,
            "product": self.product,
            "version": self.version or None,
            "boards": self.boards,
            "adoption": [sample._asdict() for sample in self.adoption],
            "runs": self.runs,
            "checks": self.checks,
            "offers": self.offers,
            "downloads": self.downloads,
            "broken": self.broken,
            "failures": dict(self.failures),
            "lasted_s": self.lasted_s,
        }


#: The columns of a board, as in the stages of a rollout.
COLUMNS = ("devices", "offered", "delivered", "running", "failed", "unrecognised", "pending")
