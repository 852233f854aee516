"""What must not be offered, by what the simulated devices really are.

It shares no code with the rules that it watches.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field

from acpublish.fleet.deciding import FleetDecision
from acpublish.fleet.moments import DAY_S, Moment
from acpublish.fleet.progress import Outcome
from acpublish.simulation.simulated_releases import PRODUCT, ROLLING
from acpublish.simulation.simulator import Simulation


def order(version: str | None) -> tuple[int, ...]:
    """Returns what versions without pre-releases are ordered by."""
    match = re.match(r"(\d+)\.(\d+)\.(\d+)\Z", version or "")
    return tuple(map(int, match.groups())) if match else ()


@dataclass
class Referee:
    """Watches the offers of a simulation.

    Attributes:
        withdrawn: The versions that are withdrawn by now.
        pinned: The versions that devices are pinned to; an empty one for those on hold.
        least: What a device must run before it gets the rolling release.
        inflating: The versions whose bootloader can inflate a gzip.
        unfit: What must not have happened.
        offers: How many offers each device got from the rollout.
        others: How many it got otherwise.
    """

    withdrawn: set[str] = field(default_factory=set)
    pinned: dict[int, str] = field(default_factory=dict)
    least: str = ""
    inflating: frozenset[str] = frozenset()
    unfit: list[str] = field(default_factory=list)
    offers: Counter[int] = field(default_factory=Counter)
    others: Counter[int] = field(default_factory=Counter)
    simulation: Simulation | None = None

    def __call__(self, number: int, decided: FleetDecision, now: Moment) -> None:
        """Judges one offer."""
        for judge in (self._device, self._order, self._rollout):
            fault = judge(number, decided, now)
            if fault:
                self.unfit.append(f"{number} at {now.heard}: {fault}")
        counted = self.offers if decided.choice.live is not None else self.others
        counted[number] += 1

    def _device(self, number: int, decided: FleetDecision, now: Moment) -> str:
        """Judges whether the device can take it."""
        assert self.simulation is not None
        population, image = self.simulation.population, decided.decision.image
        assert image is not None
        kind, compressed = population.kinds[number], decided.decision.compressed
        if image.board != kind.board:
            return "an image for another board"
        if (image.chip, image.family) != (kind.chip, kind.family):
            return "an image for another chip"
        size = compressed.size if compressed else image.size
        if kind.free_space is not None and size > kind.free_space:
            return "too big"
        if kind.chip_size is not None and image.size > kind.chip_size:
            return "larger than the flash"
        if compressed and (
            kind.family != "esp8266" or population.runs[number] not in self.inflating
        ):
            return "a form that it cannot take"
        return ""

    def _order(self, number: int, decided: FleetDecision, now: Moment) -> str:
        """Judges whether the device should go there from where it is."""
        assert self.simulation is not None
        assert decided.decision.release is not None
        population, version = self.simulation.population, str(decided.decision.release.version)
        runs, claims = population.runs[number], population.reports[number].version
        if not decided.choice.back and order(version) < max(order(runs), order(claims)):
            return f"{version} is lower than {runs} or {claims}"
        if version in self.withdrawn:
            return f"{version} is withdrawn"
        if self.pinned.get(number, version) != version:
            return f"{version}, but it is pinned"
        if self.least and version == ROLLING and order(runs) < order(self.least):
            return f"{version} needs {self.least}, and it runs {runs}"
        return ""

    def _rollout(self, number: int, decided: FleetDecision, now: Moment) -> str:
        """Judges whether the rollout may reach it now."""
        live = decided.choice.live
        if live is None or decided.choice.back:
            return ""
        assert self.simulation is not None
        rollout, part = live.rollout, live.progress.get(f"{PRODUCT}/{self._mac(number)}")
        if rollout.state not in ("running", "waiting"):
            return f"the rollout is {rollout.state}"
        if (
            part is not None
            and part.delivered_at is not None
            and part.outcome is not Outcome.PENDING
        ):
            return f"once more, although it is {part.outcome.value}"
        window = self.simulation.policy.window
        if window is not None:
            second = now.at % DAY_S
            if not window.start_s <= second < window.end_s:
                return f"at second {second} of the day"
        stage = rollout.policy.stages[rollout.stage]
        if stage.kind == "share" and self._ring(number, rollout.seed) >= stage.amount / 1_000_000:
            return f"its ring is not in {stage.text}"
        return ""

    def _mac(self, number: int) -> str:
        assert self.simulation is not None
        return str(self.simulation.population.reports[number].mac)

    def _ring(self, number: int, seed: str) -> float:
        text = "\0".join((PRODUCT, seed, self._mac(number))).encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") / 2**64
