"""Which release a device should run.

The first rule that applies chooses it:

1. A held device gets nothing, and a pinned one gets its version only.
2. A device that a halt ordered back gets the settled release, though it is lower.
3. A device that a rollout has reached gets the rolling release.
4. Everybody else gets the settled release: what the channel points at.
5. A device that does not run what the release requires gets the newest earlier release of the
   channel that it can take.

Whether it is offered that now is decided afterwards (:mod:`acpublish.fleet.deciding`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from acpublish.fleet.advancing import Live, closed_until, reach
from acpublish.fleet.fleet_rules import FleetRule, unfit
from acpublish.fleet.known_device import Device, Pin
from acpublish.fleet.moments import Moment
from acpublish.fleet.progress import FAILURES, Outcome
from acpublish.fleet.rollout import OFFERING, Rollout
from acpublish.fleet.targets import Targets
from acpublish.release.decision import (
    Target,
    kind_wanted,
)
from acpublish.release.running import reports_version, runs
from acpublish.release.version import Version
from acpublish.wire import Mode, Report


class Choice(NamedTuple):
    """Which release a device should run.

    Attributes:
        target: The release and its image, None if there is none.
        rule: The rule that chose it, or that keeps the device from a newer one.
        reason: Why, for a person.
        withheld: Whether it is offered nothing new, whatever it runs.
        ordered: Why it goes to the target though that is lower; empty if it does not.
        live: The rollout that offers the release or orders it back; None without one.
        back: Whether the rollout orders the device back.
    """

    target: Target | None
    rule: FleetRule
    reason: str
    withheld: bool = False
    ordered: str = ""
    live: Live | None = None
    back: bool = False


def choose(
    device: Device | None,
    report: Report,
    targets: Targets,
    board: str,
    channel: str,
    rollouts: Sequence[Live],
    now: Moment,
    *,
    store_away: bool = False,
) -> Choice:
    """Chooses the release that a device should run.

    Args:
        device: What is known of it; None for a client that is not a device.
        report: What it reports now.
        targets: What the product can offer.
        board: The board in the URL.
        channel: The channel in the URL.
        rollouts: The product's rollouts that are open or halted, or that order devices back.
        now: The present.
        store_away: Whether the store cannot be written.
    """
    settled = targets.settled(board, channel, kind_wanted(report))
    choice = Choice(settled, FleetRule.NEWEST, "")
    if settled is None and targets.withdrawn(board, channel, kind_wanted(report)):
        reason = f"what {channel} had for {board} was taken back"
        choice = Choice(None, FleetRule.WITHDRAWN, reason)
    own = [
        live
        for live in rollouts
        if live.rollout.channel == channel and live.rollout.track_of(board) is not None
    ]
    if device is not None and (own or device.hold or device.pin is not None):
        choice = _for_device(device, report, targets, board, own, now, choice)
        if store_away:
            reason = (
                "the fleet's store cannot be used now, so nothing is offered that has to be counted"
            )
            return choice._replace(rule=FleetRule.STORE_AWAY, reason=reason, withheld=True)
    target = choice.target
    if target is None or target.image.requires is None or choice.withheld or choice.ordered:
        return choice
    return _that_it_can_take(choice, target, device, report, targets, channel)


def _for_device(
    device: Device,
    report: Report,
    targets: Targets,
    board: str,
    rollouts: Sequence[Live],
    now: Moment,
    settled: Choice,
) -> Choice:
    """Chooses by what people want for the device, and by the rollouts of its channel."""
    if device.hold:
        reason = "it is on hold"
        return settled._replace(rule=FleetRule.HOLD, reason=reason, withheld=True)
    if device.pin is not None:
        return _pinned(device.pin, device, report, targets, board, settled)
    for live in rollouts:
        rollout = live.rollout
        if rollout.way_back is not None:
            ordered = _ordered_back(live, device, report, targets, board, settled)
            if ordered is not None:
                return ordered
        if rollout.state == "halted":
            settled = _staying(live, FleetRule.HALTED, board, settled)
        if not rollout.is_open:
            continue
        target = targets.of(rollout.version, board, kind_wanted(report))
        if target is None:
            continue
        rule = keeps_back(live, device, report, board, target, now)
        if rule is None:
            return _rolling(live, board, target)
        settled = _staying(live, rule, board, settled)
    return settled


def keeps_back(
    live: Live, device: Device, report: Report, board: str, target: Target, now: Moment
) -> FleetRule | None:
    """Returns the rule by which an open rollout offers a device nothing; None if it does.

    Args:
        live: The rollout.
        device: The device.
        report: What it reports now.
        board: The board that it requested.
        target: The image of the rollout's release for it.
        now: The present.
    """
    rollout, part = live.rollout, live.progress.get(device.id)
    if target.image.withdrawn:
        return FleetRule.WITHDRAWN
    runs_it = (
        part is not None
        and part.outcome is Outcome.RUNNING
        and (
            runs(report, target.image.running, rollout.version)
            or reports_version(report, rollout.version)
        )
    )
    if runs_it and report.mode is not Mode.FILESYSTEM:
        return None
    if rollout.state not in OFFERING:
        return FleetRule.HALTED
    if part is not None and part.outcome in FAILURES:
        return FleetRule.PENALTY_BOX
    if part is not None and part.outcome is Outcome.UNRECOGNISED:
        return FleetRule.UNVERIFIED
    if not runs_it and reach(live, device, board) is None:
        return FleetRule.RING
    return FleetRule.WINDOW if closed_until(rollout, now) else None


def why_kept_back(rollout: Rollout, rule: FleetRule, board: str) -> str:
    """Returns why a rollout offers nothing to a device, in words (:func:`keeps_back`)."""
    stage = _stage_text(rollout, board)
    window = rollout.policy.window
    return {
        FleetRule.WITHDRAWN: f"{rollout.version} was taken back",
        FleetRule.HALTED: f"{rollout} is {rollout.state}: {rollout.reason}",
        FleetRule.PENALTY_BOX: (
            f"it failed in {rollout}, so it is offered the release again only after a retry"
        ),
        FleetRule.UNVERIFIED: f"it received {rollout.version} and came back with something else",
        FleetRule.RING: f"{rollout} is at {stage} and has not reached it",
        FleetRule.WINDOW: (
            f"{rollout} offers nothing now: "
            f"{f'its window is {window.text}' if window else 'its start time has not come'}"
        ),
    }[rule]


def why_reached(rollout: Rollout, board: str) -> str:
    """Returns why a rollout offers its release to a device, in words."""
    return f"{rollout}, at {_stage_text(rollout, board)}, has reached it"


def _stage_text(rollout: Rollout, board: str) -> str:
    """Returns which stage the devices of a board are at."""
    track, stages = rollout.track_of(board), rollout.policy.stages
    at = rollout.stage if track is None else track.stage
    return f"stage {at + 1} of {len(stages)} ({stages[at].text})"


def _staying(live: Live, rule: FleetRule, board: str, settled: Choice) -> Choice:
    """Returns the settled release, and why it is not the rolling one.

    Devices in the same place get the same object, so a decision on it can be remembered.
    """
    remembered = live.remembered()
    key = rule, board, id(settled.target)
    choice: Choice | None = remembered.get(key)
    if choice is None:
        choice = settled._replace(rule=rule, reason=why_kept_back(live.rollout, rule, board))
        remembered[key] = choice
    return choice


def _rolling(live: Live, board: str, target: Target) -> Choice:
    """Returns the release of a rollout, as the same object for all devices of a board."""
    remembered = live.remembered()
    choice: Choice | None = remembered.get((board, id(target)))
    if choice is None:
        choice = Choice(target, FleetRule.NEWEST, why_reached(live.rollout, board), live=live)
        remembered[board, id(target)] = choice
    return choice


def _ordered_back(
    live: Live, device: Device, report: Report, targets: Targets, board: str, settled: Choice
) -> Choice | None:
    """Chooses the settled release for a device that a rollout orders back; None if it does not."""
    rollout, target, back = live.rollout, settled.target, live.rollout.way_back
    version = Version.or_none(rollout.version)
    if back is None or target is None or version is None:
        return None
    running = targets.running(report, board)
    if report.mode is Mode.FILESYSTEM:
        # A filesystem follows its firmware, if the device reports exactly the one of the rollout.
        runs_it = Version.or_none(report.version) == version and version not in running
    else:
        runs_it = version in running and target.release.version not in running
    got_it = device.mac is None or live.progress.get(device.id) is not None
    if not runs_it or not got_it:
        return None
    if target.release.version.precedence >= version.precedence:
        return None
    fault = targets.forbids_return(version, target)
    if fault:
        reason = f"it stays at {version}: {fault}"
        return settled._replace(rule=FleetRule.DOWNGRADE, reason=reason, withheld=True)
    everybody = back.stage == len(rollout.policy.stages) - 1
    if not everybody and reach(live, device, board, back.stage) is None:
        stage = rollout.policy.stages[back.stage].text
        reason = f"{rollout} orders its devices back in stages, and has reached {stage}"
        return settled._replace(rule=FleetRule.RING, reason=reason)
    reason = f"{rollout} was {rollout.state}; its devices go back to {target.release.version}"
    return Choice(target, FleetRule.HALTED, reason, ordered=reason, live=live, back=True)


def _pinned(
    pin: Pin, device: Device, report: Report, targets: Targets, board: str, settled: Choice
) -> Choice:
    """Chooses the version that a device is pinned to."""
    target = targets.of(pin.version, board, kind_wanted(report))
    reason = f"it is pinned to {pin.version}"
    if target is None:
        reason += f", which has no {kind_wanted(report)} for {board}"
        return settled._replace(rule=FleetRule.PIN, reason=reason, withheld=True)
    if target.image.withdrawn:
        reason += f", which was {target.image.withdrawn}"
        return settled._replace(rule=FleetRule.WITHDRAWN, reason=reason, withheld=True)
    choice = Choice(target, FleetRule.PIN, reason)
    if not pin.order_back:
        return choice
    for version in targets.running(report, board):
        if version.precedence > target.release.version.precedence:
            fault = targets.forbids_return(version, target)
            if fault:
                reason += f", but stays at {version}: {fault}"
                return Choice(target, FleetRule.DOWNGRADE, reason, withheld=True)
    return choice._replace(ordered=reason)


def _that_it_can_take(
    choice: Choice,
    target: Target,
    device: Device | None,
    report: Report,
    targets: Targets,
    channel: str,
) -> Choice:
    """Returns the choice, or the newest earlier release that the device can take."""
    board = target.image.board
    running = targets.running(report, board)
    requirement = targets.requirement(target)
    unmet = requirement.unmet(running, report.version) if requirement else ""
    if not unmet or target.release.version in running or not report.updater:
        return choice
    reason = f"{target.release.version} is not for it yet: {unmet}"
    if choice.rule is FleetRule.PIN:
        return choice._replace(rule=FleetRule.REQUIRES, reason=reason, withheld=True)
    releases = targets.relevant(report, board, channel)
    for earlier in targets.earlier(target, channel):
        requirement = targets.requirement(earlier)
        if requirement is not None and requirement.unmet(running, report.version):
            continue
        if unfit(report, device, releases, earlier, None) is None:
            return choice._replace(
                target=earlier, rule=FleetRule.REQUIRES, reason=reason, live=None
            )
    return choice._replace(rule=FleetRule.REQUIRES, reason=reason, withheld=True)
