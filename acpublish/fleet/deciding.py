"""What a device gets now: the decision on the release that it should run.

An offer stands only if the image fits the device, and if it has not received it already or too
often. All that the fleet decides goes through :func:`decide`, in the server as in a simulation; a
server that remembers decisions calls :func:`~acpublish.fleet.choosing.choose` and
:func:`concluded` around its memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from acpublish.fleet import penalty
from acpublish.fleet.advancing import Live
from acpublish.fleet.choosing import Choice, choose
from acpublish.fleet.fleet_rules import FLEET_RULES, FleetRule, unfit
from acpublish.fleet.known_device import Device
from acpublish.fleet.moments import Moment
from acpublish.fleet.targets import Targets
from acpublish.release.decision import Decision, Rule, Target, Verdict, decide_update
from acpublish.release.manifest import Release
from acpublish.release.received import after_receiving
from acpublish.wire import Mode, Report

#: The first fields of a report, up to its digests: whether a device is up to date depends on them.
_COMPARED = Report._fields.index("sketch_sha256") + 1
#: For each product: what strangers send must not fill the memory. A decision has less than 1.5 KB
#: with its key; all products together are limited by whoever has them.
_MAX_REMEMBERED = 1024


class FleetDecision(NamedTuple):
    """What a device gets, by which rule, and which rollout has to count it.

    Attributes:
        decision: The verdict with its image.
        rule: The rule of the fleet.
        choice: What it should run.
    """

    decision: Decision
    rule: FleetRule
    choice: Choice

    @property
    def reason(self) -> str:
        """Why, for a person: the reason of the decision, and that of the choice if it decides."""
        decides = self.rule is self.choice.rule and self.rule is not FleetRule.NEWEST
        if not decides or not self.choice.reason or self.choice.reason in self.decision.reason:
            return self.decision.reason
        return f"{self.decision.reason}; {self.choice.reason}"


def decide(
    device: Device | None,
    report: Report,
    targets: Targets,
    board: str,
    channel: str,
    rollouts: Sequence[Live],
    now: Moment,
    *,
    store_away: bool = False,
) -> FleetDecision:
    """Decides what a device gets now; the arguments are those of :func:`choose`."""
    choice = choose(device, report, targets, board, channel, rollouts, now, store_away=store_away)
    # Most devices of a fleet send the same report, and are up to date. An offer also depends on
    # the space that the device has, and an order on the device itself.
    key = None
    if choice.target is not None and not choice.ordered:
        key = id(choice.target), channel, report[:_COMPARED]
        decision = targets.remembered.get(key)
        if decision is not None:
            return _no_offer(choice, decision)
    relevant = targets.relevant(report, board, channel)
    # What a rollout brings, or a pin, need not be the newest on the channel.
    own_reason = choice.live is not None or choice.rule is FleetRule.PIN
    decision = decide_update(
        report,
        relevant,
        choice.target,
        board=board,
        channel=channel,
        ordered=choice.ordered,
        chosen=choice.reason if own_reason else "",
    )
    if key is not None and decision.verdict is not Verdict.OFFER:
        if len(targets.remembered) >= _MAX_REMEMBERED:
            targets.remembered.clear()
        targets.remembered[key] = decision
    return concluded(choice, decision, device, report, relevant, now)


def concluded(
    choice: Choice,
    decision: Decision,
    device: Device | None,
    report: Report,
    releases: tuple[Release, ...],
    now: Moment,
) -> FleetDecision:
    """Returns what a device gets, after the decision on the release that it should run.

    Args:
        choice: What it should run.
        decision: What :func:`~acpublish.release.decision.decide_update` decided on that.
        device: What is known of it.
        report: What it reports now.
        releases: The releases that it may run (:meth:`Targets.relevant`).
        now: The present.
    """
    if decision.verdict is not Verdict.OFFER:
        return _no_offer(choice, decision)
    target = choice.target
    if choice.withheld or target is None:
        return FleetDecision(_withheld(decision, choice.reason), choice.rule, choice)
    word = unfit(report, device, releases, target, decision.compressed)
    if word is not None:
        rule, reason = word
        code = _REFUSALS.get(rule, Rule.DOES_NOT_FIT)
        refused = replace(
            decision, verdict=Verdict.REFUSE, rule=code, reason=reason, compressed=None
        )
        return FleetDecision(replace(refused, release=None, image=None), rule, choice)
    if device is not None:
        received = device.filesystem if report.mode is Mode.FILESYSTEM else device.firmware
        after = after_receiving(decision, report, releases, received, now.at)
        if after is not decision:
            return FleetDecision(after, FLEET_RULES[after.rule], choice)
        reason = _too_often(choice, device, report, target, now)
        if reason:
            return FleetDecision(_withheld(decision, reason), FleetRule.PENALTY_BOX, choice)
    rule = choice.rule if choice.rule in _OFFERING_RULES or choice.back else FleetRule.NEWEST
    return FleetDecision(decision, rule, choice)


#: The rule of a refusal, for code that knows nothing of the fleet.
_REFUSALS = {FleetRule.CHIP: Rule.OTHER_FAMILY, FleetRule.FLASH_SIZE: Rule.FLASH_TOO_SMALL}
#: Rules that lead to an offer of another release than the newest.
_OFFERING_RULES = frozenset({FleetRule.PIN, FleetRule.REQUIRES})


def _no_offer(choice: Choice, decision: Decision) -> FleetDecision:
    """Names the rule by which a device gets nothing: that of the decision, or of the choice.

    A device that is kept from a newer release may run something higher than the one it would get.
    That is why it gets nothing, but not what a person asks about.
    """
    kept_back = choice.rule not in (FleetRule.NEWEST, FleetRule.PIN)
    if kept_back and decision.rule in (Rule.LOWER_THAN_REPORTED, Rule.LOWER_THAN_RUNNING):
        return FleetDecision(decision, choice.rule, choice)
    return FleetDecision(decision, FLEET_RULES.get(decision.rule, choice.rule), choice)


def withheld(decided: FleetDecision, rule: FleetRule, reason: str) -> FleetDecision:
    """Returns a decision in which a device gets nothing for now, though there is an image for it.

    Args:
        decided: The offer.
        rule: The rule that keeps the device from it.
        reason: Why, for a person.
    """
    return decided._replace(decision=_withheld(decided.decision, reason), rule=rule)


def _withheld(decision: Decision, reason: str) -> Decision:
    return replace(
        decision,
        verdict=Verdict.UP_TO_DATE,
        rule=Rule.WITHHELD,
        reason=reason,
        compressed=None,
    )


def _too_often(choice: Choice, device: Device, report: Report, target: Target, now: Moment) -> str:
    """Returns why the image was sent to the device too often; empty if it was not.

    In a rollout its health decides. For a filesystem and a version, nothing of this counts.
    """
    counted = choice.live is not None and not choice.back
    if report.mode is not Mode.SKETCH or (counted and device.mac is not None):
        return ""
    return penalty.keeps_back(
        device.box, report, target.image.sha256, now.at, has_mac=device.mac is not None
    )
