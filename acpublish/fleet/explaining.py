"""Why a device gets what it gets: what it would get now, and what each rule says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from acpublish.fleet import penalty
from acpublish.fleet.advancing import Live, closed_until, reach
from acpublish.fleet.choosing import why_kept_back, why_reached
from acpublish.fleet.deciding import FleetDecision, decide
from acpublish.fleet.fleet_rules import FLEET_RULES, FleetRule, too_large, wrong_chip
from acpublish.fleet.known_device import Device
from acpublish.fleet.moments import Moment
from acpublish.fleet.progress import FAILURES, Outcome, Part
from acpublish.fleet.rollout import OFFERING
from acpublish.fleet.targets import Targets
from acpublish.release.decision import Target, Verdict, decide_update

Result = Literal["allows", "prevents", "does not apply"]


class RuleWord(NamedTuple):
    """What one rule says of a device.

    Attributes:
        rule: The rule.
        result: Whether it keeps the device from an offer.
        reason: Why, for a person.
    """

    rule: FleetRule
    result: Result
    reason: str


class Explanation(NamedTuple):
    """What a device would get now, and why.

    Attributes:
        device: Its id.
        verdict: ``offer``, ``up-to-date``, ``nothing`` or ``refuse``.
        rule: The rule that decides.
        reason: Why, for a person.
        version: The release that it is about, None if there is none.
        rules: What each rule says.
    """

    device: str
    verdict: str
    rule: FleetRule
    reason: str
    version: str | None
    rules: tuple[RuleWord, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON types."""
        return {
            "device": self.device,
            "verdict": self.verdict,
            "rule": self.rule.value,
            "reason": self.reason,
            "version": self.version,
            "rules": [
                {"rule": word.rule.value, "result": word.result, "reason": word.reason}
                for word in self.rules
            ],
        }


def explain(
    device: Device,
    targets: Targets,
    rollouts: Sequence[Live],
    now: Moment,
    *,
    store_away: bool = False,
) -> Explanation:
    """Explains what a device would get if it sent its last report again.

    Args:
        device: The device.
        targets: What its product can offer.
        rollouts: As for :func:`acpublish.fleet.choosing.choose`.
        now: The present.
        store_away: Whether the store cannot be written.
    """
    decided = decide(
        device,
        device.report,
        targets,
        device.board,
        device.channel,
        rollouts,
        now,
        store_away=store_away,
    )
    case = _Case(device, targets, rollouts, now, store_away, decided)
    release = decided.decision.release or (
        decided.choice.target.release if decided.choice.target else None
    )
    verdict = decided.decision.verdict
    words = tuple(RuleWord(rule, *_WORDS[rule](case)) for rule in FleetRule)
    return Explanation(
        device=device.id,
        verdict=verdict.value.replace(" ", "-"),
        rule=decided.rule,
        reason=decided.reason,
        version=None if release is None else str(release.version),
        rules=words,
    )


def is_kept_back(explained: Mapping[str, Any]) -> bool:
    """Returns whether the verdict ``up-to-date`` of an explanation only means that nothing comes.

    A device that is kept from its update may run something else than the version of the verdict.
    If only the rule ``newest`` prevents an offer, it runs what it should run.

    Args:
        explained: What :meth:`Explanation.to_dict` returns.
    """
    prevents = any(
        word["result"] == _PREVENTS and word["rule"] != FleetRule.NEWEST.value
        for word in explained["rules"]
    )
    return prevents and explained["verdict"] == "up-to-date"


_Said = tuple[Result, str]
_ALLOWS: Result = "allows"
_PREVENTS: Result = "prevents"
_NO_ROLLOUT: _Said = "does not apply", "no rollout is on its way to it"
_NO_IMAGE: _Said = "does not apply", "there is no image for it"


@dataclass(frozen=True, slots=True)
class _Case:
    """What the rules are asked about."""

    device: Device
    targets: Targets
    rollouts: Sequence[Live]
    now: Moment
    store_away: bool
    decided: FleetDecision

    @property
    def live(self) -> Live | None:
        """The rollout on its way to the device, an open one first."""
        if self.device.pin is not None or self.device.hold:
            # Such devices belong to no stage.
            return None
        own = [
            live
            for live in self.rollouts
            if live.rollout.channel == self.device.channel
            and live.rollout.track_of(self.device.board) is not None
        ]
        return max(own, key=lambda live: live.rollout.is_open, default=None)

    @property
    def part(self) -> Part | None:
        """Its part in that rollout."""
        return None if self.live is None else self.live.progress.get(self.device.id)

    @property
    def target(self) -> Target | None:
        """The release that it should run."""
        return self.decided.choice.target


def _store_away(case: _Case) -> _Said:
    if not case.store_away:
        return _ALLOWS, "the store can be written"
    if case.decided.rule is FleetRule.STORE_AWAY:
        return _PREVENTS, case.decided.choice.reason
    return _ALLOWS, "the store cannot be written, but nothing of this device has to be counted"


def _hold(case: _Case) -> _Said:
    return (_PREVENTS, "it is on hold") if case.device.hold else (_ALLOWS, "it is not on hold")


def _pin(case: _Case) -> _Said:
    pin = case.device.pin
    if pin is None:
        return "does not apply", "it is not pinned"
    if case.decided.choice.rule is FleetRule.PIN and case.decided.choice.withheld:
        return _PREVENTS, case.decided.choice.reason
    return _ALLOWS, f"it is pinned to {pin.version}"


def _halted(case: _Case) -> _Said:
    if case.live is None:
        return _NO_ROLLOUT
    rollout = case.live.rollout
    if rollout.state in OFFERING:
        return _ALLOWS, f"{rollout} is {rollout.state}"
    return _PREVENTS, f"{rollout} is {rollout.state}: {rollout.reason}"


def _ring(case: _Case) -> _Said:
    live, device = case.live, case.device
    if case.decided.choice.rule is FleetRule.RING:
        return _PREVENTS, case.decided.choice.reason
    if live is None or not live.rollout.is_open:
        return _NO_ROLLOUT
    if reach(live, device, device.board) is None:
        return _PREVENTS, why_kept_back(live.rollout, FleetRule.RING, device.board)
    return _ALLOWS, why_reached(live.rollout, device.board)


def _window(case: _Case) -> _Said:
    if case.live is None or not case.live.rollout.is_open:
        return _NO_ROLLOUT
    closed = closed_until(case.live.rollout, case.now)
    return (_PREVENTS, closed) if closed else (_ALLOWS, "it may be offered at this time of the day")


def _penalty_box(case: _Case) -> _Said:
    part, target = case.part, case.target
    if part is not None and part.outcome in FAILURES:
        return _PREVENTS, f"it failed in the rollout: {part.outcome.value}"
    if target is None:
        return _NO_IMAGE
    device = case.device
    reason = penalty.keeps_back(
        device.box,
        device.report,
        target.image.sha256,
        case.now.at,
        has_mac=device.mac is not None,
    )
    return (_PREVENTS, reason) if reason else (_ALLOWS, "no delivery counts against it")


def _requires(case: _Case) -> _Said:
    if case.decided.choice.rule is FleetRule.REQUIRES:
        return _PREVENTS, case.decided.choice.reason
    if case.target is None or case.target.image.requires is None:
        return "does not apply", "the release requires nothing"
    return _ALLOWS, f"it satisfies {case.target.image.requires}"


def _withdrawn(case: _Case) -> _Said:
    if case.decided.choice.rule is FleetRule.WITHDRAWN:
        return _PREVENTS, case.decided.choice.reason
    return (_ALLOWS, "the release was not taken back") if case.target else _NO_IMAGE


def _chip(case: _Case) -> _Said:
    if case.target is None:
        return _NO_IMAGE
    word = wrong_chip(case.device.report, case.device, case.target)
    return (_PREVENTS, word[1]) if word else (_ALLOWS, "the image is for its chip")


def _fits(rule: FleetRule, allowed: str) -> Callable[[_Case], _Said]:
    def said(case: _Case) -> _Said:
        if case.target is None:
            return _NO_IMAGE
        device, targets = case.device, case.targets
        releases = targets.relevant(device.report, device.board, device.channel)
        compressed = case.decided.decision.compressed
        word = too_large(device.report, releases, case.target, compressed)
        return (_PREVENTS, word[1]) if word and word[0] is rule else (_ALLOWS, allowed)

    return said


def _downgrade(case: _Case) -> _Said:
    device, choice = case.device, case.decided.choice
    if choice.target is None:
        return _NO_IMAGE
    if choice.ordered:
        return _ALLOWS, choice.reason
    if choice.rule is FleetRule.DOWNGRADE:
        return _PREVENTS, choice.reason
    releases = case.targets.relevant(device.report, device.board, device.channel)
    decision = decide_update(
        device.report, releases, choice.target, board=device.board, channel=device.channel
    )
    if FLEET_RULES.get(decision.rule) is FleetRule.DOWNGRADE:
        return _PREVENTS, decision.reason
    return _ALLOWS, "the release is not lower than what it runs or claims"


def _unverified(case: _Case) -> _Said:
    if case.part is not None and case.part.outcome is Outcome.UNRECOGNISED:
        return _PREVENTS, "it came back from the release with something else"
    if case.decided.rule is FleetRule.UNVERIFIED:
        return _PREVENTS, case.decided.decision.reason
    if case.device.runs is None:
        return _ALLOWS, f"what it runs is not known; it claims {case.device.report.version}"
    return _ALLOWS, f"its digest shows that it runs {case.device.runs}"


def _newest(case: _Case) -> _Said:
    if case.target is None:
        device = case.device
        return _PREVENTS, f"no release for {device.board} is on {device.channel}"
    version = case.target.release.version
    if case.decided.decision.verdict is Verdict.OFFER:
        return _ALLOWS, f"{version} is what it should run"
    if case.decided.rule is FleetRule.NEWEST:
        return _PREVENTS, f"{version} is what it should run: {case.decided.decision.reason}"
    return _ALLOWS, f"{version} is what it should run"


_WORDS: Mapping[FleetRule, Callable[[_Case], _Said]] = {
    FleetRule.STORE_AWAY: _store_away,
    FleetRule.HOLD: _hold,
    FleetRule.PIN: _pin,
    FleetRule.HALTED: _halted,
    FleetRule.RING: _ring,
    FleetRule.WINDOW: _window,
    FleetRule.PENALTY_BOX: _penalty_box,
    FleetRule.REQUIRES: _requires,
    FleetRule.WITHDRAWN: _withdrawn,
    FleetRule.CHIP: _chip,
    FleetRule.FLASH_SIZE: _fits(FleetRule.FLASH_SIZE, "the image is for its flash"),
    FleetRule.SPACE: _fits(FleetRule.SPACE, "the image is not known to need more than it has"),
    FleetRule.FORM: _fits(FleetRule.FORM, "it can take the form of the image"),
    FleetRule.DOWNGRADE: _downgrade,
    FleetRule.UNVERIFIED: _unverified,
    FleetRule.NEWEST: _newest,
}
