"""What came of a rehearsal, for people and for scripts. Nothing in it comes from a clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from acpublish.fleet.advancing import Live
from acpublish.fleet.describing import rollout_document
from acpublish.fleet.rollout import Rollout, State


class Turn(NamedTuple):
    """The rollout came to another state or stage.

    Attributes:
        after_s: Seconds after its start.
        state: Its state.
        stage: Its stage, from 0.
        reason: Why, for a person.
    """

    after_s: int
    state: State
    stage: int
    reason: str


class Sample(NamedTuple):
    """How many devices really ran the new release, so many seconds after the start."""

    after_s: int
    running: int


@dataclass(slots=True, kw_only=True)
class Rehearsed:
    """What has come of a rehearsal.

    Attributes:
        profile: The profile.
        devices: How many devices there were.
        seed: What decided all that is left to chance.
        checks: How many check-ins reached the server.
        offers: How many offers it made.
        downloads: How many of them were downloaded whole.
        adoption: How that came about.
        turns: How the rollout went on.
        rollout: The rollout at the end, as ``acpublish rollout status --json`` shows it.
        runs: What the devices really run at the end.
        lasted_s: How long it lasted, in seconds after the start of the rollout.
    """

    profile: str
    devices: int
    seed: int
    checks: int = 0
    offers: int = 0
    downloads: int = 0
    adoption: list[Sample] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    rollout: dict[str, Any] = field(default_factory=dict)
    runs: dict[str, int] = field(default_factory=dict)
    lasted_s: int = 0

    def noted(self, after_s: int, rollout: Rollout) -> None:
        """Notes the state of the rollout, if it is another one than before."""
        last = self.turns[-1] if self.turns else None
        if last is None or (last.state, last.stage) != (rollout.state, rollout.stage):
            self.turns.append(Turn(after_s, rollout.state, rollout.stage, rollout.reason))

    def sampled(self, after_s: int, running: int) -> None:
        """Takes a sample of how many devices really run the new release."""
        self.adoption.append(Sample(after_s, running))

    def conclude(self, live: Live | None, runs: Iterable[str], lasted_s: int) -> None:
        """Takes in how it ended."""
        if live is not None:
            self.rollout = rollout_document(live)
        self.runs = dict(sorted(Counter(runs).items()))
        self.lasted_s = lasted_s

    def to_dict(self) -> dict[str, Any]:
        """Returns all of it as JSON types."""
        return {
            "profile": self.profile,
            "devices": self.devices,
            "seed": self.seed,
            "rollout": self.rollout,
            "turns": [turn._asdict() for turn in self.turns],
            "adoption": [sample._asdict() for sample in self.adoption],
            "runs": self.runs,
            "checks": self.checks,
            "offers": self.offers,
            "downloads": self.downloads,
            "lasted_s": self.lasted_s,
        }
