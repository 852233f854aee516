"""What a check-in, an offer and a delivery change: the device's story, and the counts of a rollout.

Whoever serves devices, really or in a simulation, calls these in this order:

1. :func:`checked_in` before anything is decided on a request, so that the check-in that crosses the
   threshold gets no offer itself.
2. :func:`acpublish.fleet.deciding.decide`.
3. :func:`offered` before the first byte is sent, and :func:`delivered` once the response has ended.

A request for the version alone, and HEAD, are no offers. All ranges of one image are one delivery.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from acpublish.fleet import penalty
from acpublish.fleet.advancing import Live, reach, with_names
from acpublish.fleet.deciding import FleetDecision
from acpublish.fleet.fleet_rules import FleetRule
from acpublish.fleet.health import halt_reason, judged, known_before, outcome_of
from acpublish.fleet.known_device import (
    Device,
    OfferNote,
    became,
    heard,
    hindered,
    noted,
)
from acpublish.fleet.moments import Moment
from acpublish.fleet.progress import FAILURES, Before, Outcome, Part
from acpublish.fleet.rollout import halted
from acpublish.fleet.targets import Targets, recognise
from acpublish.release.decision import Rule, Target, Verdict, kind_wanted
from acpublish.release.received import Received, same_claim
from acpublish.release.running import runs
from acpublish.wire import Mode, Report


def checked_in(
    device: Device,
    report: Report,
    address: str | None,
    board: str,
    channel: str,
    targets: Targets,
    rollouts: Iterable[Live],
    devices: Mapping[str, Device],
    now: Moment,
) -> None:
    """Takes in a request of a device: updates it, and judges it in its rollouts, which may halt.

    Args:
        device: The device.
        report: What it reports now.
        address: The IP address that it comes from.
        board: The board that it requested.
        channel: The channel that it requested.
        targets: What the product can offer.
        rollouts: The product's rollouts that are open, or that order devices back.
        devices: The devices by id, for the names in a reason.
        now: The present.
    """
    if heard(device, report, address, board, channel, now):
        recognise(device, targets)
        device.unverified = False
        device.box = penalty.after_check_in(device.box, report)
        last = device.offers[-1] if device.offers else None
        if last and (last.kind, last.version, last.became) == ("firmware", device.runs, "whole"):
            # Rollouts judge their own devices below; here is nobody else who would say it.
            became(device, last.version, Outcome.RUNNING.value)
    for live in rollouts:
        _judge(live, device, report, board, targets, devices, now)


def _judge(
    live: Live,
    device: Device,
    report: Report,
    board: str,
    targets: Targets,
    devices: Mapping[str, Device],
    now: Moment,
) -> None:
    """Judges a device by what it reports, if the rollout has anything to do with it."""
    if report.mode is Mode.FILESYSTEM or device.mac is None:
        return
    part = live.progress.get(device.id)
    target = targets.of(live.rollout.version, board)
    if part is None:
        if target is not None:
            _runs_already(live, device, report, board, target)
    elif target is not None and part.firmware:
        _judge_firmware(live, device, report, target, part, targets, devices, now)
    elif part.delivered_at is not None and part.outcome in (Outcome.PENDING, Outcome.SILENT):
        # A filesystem does not show in a digest: its device is judged by coming back.
        after = judged(part, device, Outcome.RUNNING, verified=False)
        live.progress.put(device.id, after)


def _judge_firmware(
    live: Live,
    device: Device,
    report: Report,
    target: Target,
    part: Part,
    targets: Targets,
    devices: Mapping[str, Device],
    now: Moment,
) -> None:
    version, progress = live.rollout.version, live.progress
    if part.outcome is Outcome.RUNNING and runs(report, target.image.running, version):
        return
    known = targets.knows(report)
    outcome, verified = outcome_of(report, part.before, target.image, version, known=known)
    if part.delivered_at is None and outcome is not Outcome.RUNNING:
        if part.outcome is Outcome.RUNNING:
            # It ran the release without an offer, and somebody has flashed something else.
            progress.remove(device.id)
        return
    if part.delivered_at is None:
        # Its delivery was lost, as when the server crashed.
        part = part._replace(delivered_at=now.at, address=device.address)
        device.firmware = Received(
            at=now.at,
            kind="firmware",
            sha256=target.image.sha256,
            claim=same_claim(part.before.claim),
            sketch_md5=part.before.md5,
            sketch_sha256=part.before.sha256,
        )
    if part.back_at is not None and outcome is not Outcome.RUNNING:
        progress.put(device.id, part._replace(returned=True))
        return
    after = judged(part, device, outcome, verified=verified)
    if after.outcome is not part.outcome or after.verified != part.verified:
        _settle(live, device, after, devices, now)


def _settle(
    live: Live, device: Device, part: Part, devices: Mapping[str, Device], now: Moment
) -> None:
    """Puts the part of a device that was judged; the rollout halts if that is one too many."""
    live.progress.put(device.id, part)
    outcome = part.outcome
    device.unverified = outcome is Outcome.RUNNING and not part.verified
    became(device, live.rollout.version, outcome.value)
    reason = ""
    if outcome in FAILURES:
        reason = halt_reason(live.rollout.policy, live.progress, part.stage)
    if reason:
        reason = with_names(reason, live.progress, devices)
        live.rollout = halted(live.rollout, reason, now)


def _runs_already(live: Live, device: Device, report: Report, board: str, target: Target) -> None:
    """Notes a device that runs the release without an offer: evidence for its board, no more."""
    rollout = live.rollout
    track = rollout.track_of(board)
    if track is None or not rollout.is_open or rollout.channel != device.channel:
        return
    if not runs(report, target.image.running, None) or reach(live, device, board) is None:
        return
    part = Part(board=board, stage=track.stage, stage_heard=track.heard, address=device.address)
    live.progress.put(device.id, judged(part, device, Outcome.RUNNING))


def offered(decided: FleetDecision, device: Device, report: Report, now: Moment) -> Part | None:
    """Notes an offer that is about to be sent.

    Returns:
        The device's part in the rollout that makes the offer, which a store has to commit before
        the first byte is sent; None if no rollout makes it.
    """
    decision, choice = decided.decision, decided.choice
    release, image, live = decision.release, decision.image, choice.live
    if decision.verdict is not Verdict.OFFER or release is None or image is None:
        return None
    kind, version = kind_wanted(report), str(release.version)
    rollout_id = live.rollout.id if live is not None else None
    noted(device, OfferNote(now.at, version, kind, rollout_id))
    if report.mode is Mode.SKETCH:
        device.box = penalty.after_offer(device.box, report, image.sha256, now.at)
    track = live.rollout.track_of(image.board) if live is not None else None
    if live is None or track is None or device.mac is None:
        return None
    part = live.progress.get(device.id)
    if part is None or (part.offered_at is None and not choice.back):
        part = Part(
            board=image.board,
            stage=track.stage,
            stage_heard=track.heard,
            offered_at=now.at,
            before=Before.of(report),
        )
    if choice.back:
        part = part._replace(back_at=now.at)
    live.progress.put(device.id, part)
    return part


def delivered(
    decided: FleetDecision,
    device: Device,
    report: Report,
    address: str | None,
    targets: Targets,
    now: Moment,
    *,
    whole: bool,
) -> Part | None:
    """Notes how a delivery ended.

    Args:
        decided: What was offered.
        device: The device.
        report: What it reported when it was made the offer.
        address: The IP address to which it was sent.
        targets: What the product can offer.
        now: The present.
        whole: Whether all bytes of the image were sent.

    Returns:
        The device's part in the rollout that made the offer, None if no rollout did.
    """
    decision, choice = decided.decision, decided.choice
    release, image, live = decision.release, decision.image, choice.live
    if decision.verdict is not Verdict.OFFER or release is None or image is None:
        return None
    # Whoever takes bytes is not silent, however long the download took.
    device.last_seen, device.last_heard = now.at, now.heard
    became(device, str(release.version), "whole" if whole else "broken")
    filesystem = report.mode is Mode.FILESYSTEM
    if whole and filesystem:
        device.filesystem = Received.of(now.at, report, image.sha256)
    elif whole:
        device.firmware = Received.of(now.at, report, image.sha256)
    counted = live is not None and not choice.back
    if not filesystem and not counted and device.mac is not None:
        device.box = penalty.after_delivery(device.box, report, image.sha256, now.at, whole=whole)
    if live is None:
        return None
    part = live.progress.get(device.id)
    if part is None or choice.back or not whole:
        return part
    has_firmware = targets.of(live.rollout.version, image.board) is not None
    if filesystem and has_firmware:
        # The firmware that follows shows what became of the device.
        return part
    part = part._replace(
        delivered_at=now.at,
        address=address,
        before=Before.of(report),
        firmware=not filesystem,
        outcome=Outcome.PENDING,
    )
    part = part._replace(counts=known_before(device, part))
    live.progress.put(device.id, part)
    return part


def concluded_for(device: Device, decided: FleetDecision) -> bool:
    """Remembers what keeps a device from its update, by the decision on it.

    Returns:
        Whether that is news, which is said once.
    """
    rule = decided.decision.rule
    if rule is Rule.RECEIVED_UNVERIFIED:
        device.unverified = True
    if rule is Rule.WITHHELD and decided.choice.rule is FleetRule.PENALTY_BOX:
        return hindered(device, "failed")
    return hindered(device, _OBSTACLES.get(rule, ""))


#: The flag of a device that claims more than every release.
NEVER_UPDATED = "claims-above-every-release"
#: What keeps a device from its update until somebody does something, as a flag of it.
_OBSTACLES: Mapping[Rule, str] = {
    Rule.OTHER_FAMILY: "other-chip",
    Rule.FLASH_TOO_SMALL: "flash-too-small",
    Rule.DOES_NOT_FIT: "does-not-fit",
    Rule.NEVER_UPDATED: NEVER_UPDATED,
}


def retried(device: Device, rollouts: Iterable[Live]) -> bool:
    """Lets a device try again that was boxed, or that failed in a rollout.

    Returns:
        Whether anything stood against offering it a release.
    """
    box = device.box
    # Without a MAC address, the last offer alone keeps it waiting.
    waits = box.offered_at > 0 and device.mac is None
    against = bool(device.obstacle or box.whole or box.broken or waits)
    device.box = penalty.EMPTY_BOX
    hindered(device, "")
    for live in rollouts:
        part = live.progress.get(device.id)
        if part is not None and part.outcome not in (Outcome.RUNNING, Outcome.PENDING):
            again = part._replace(outcome=Outcome.PENDING, delivered_at=None, counts=False)
            live.progress.put(device.id, again)
            against = True
    return against
