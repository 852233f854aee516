"""The health of a release, from stock headers alone: what a device runs after a whole delivery.

1. It *runs* the release: by its digest; or its digest differs from before, no release has it, and
   it claims exactly this release, as with flash encryption. Then it counts as running, unverified.
2. It *runs the old one*: the same digest as before; without digests, the same claim. This, and
   silence for four times its longest gap, are the only failures.
3. Anything else is *unrecognised*: it is shown, does not count, and is not offered the release.
4. A failure counts only if it comes from a device that was known before the stage, at the address
   that it had then, and if the image was delivered there. So whoever knows a MAC address can delay
   that device, but cannot stop a rollout.
5. Where devices of a board were known before the stage, at their addresses, one of them has to run
   the release before the stage ends: what newcomers claim does not count.
6. Where more than half of the devices are silent, with or without the image, it is the network that
   is away, and silence is no failure.
"""

from __future__ import annotations

from collections.abc import Iterable

from acpublish.fleet.known_device import SILENT_GAPS, Device, is_silent, shows_silence
from acpublish.fleet.policy import MILLION, Policy
from acpublish.fleet.progress import Before, Counts, Outcome, Part, Progress
from acpublish.release.manifest import ReleaseImage
from acpublish.release.running import reports_version, runs
from acpublish.wire import Report

#: Of those that are to be judged, in percent.
JUDGED_PERCENT = 90


def outcome_of(
    report: Report, before: Before, image: ReleaseImage, version: str, *, known: bool
) -> tuple[Outcome, bool]:
    """Returns what a device runs after a whole delivery, and whether its digest shows that.

    Args:
        report: What it reports now.
        before: What it reported when it was made the offer.
        image: The firmware that was delivered.
        version: Its release.
        known: Whether a release has the digest that the device reports.
    """
    if runs(report, image.running, version):
        return Outcome.RUNNING, bool(report.sketch_md5 or report.sketch_sha256)
    if report.sketch_md5 or report.sketch_sha256:
        same_md5 = report.sketch_md5 is not None and report.sketch_md5 == before.md5
        same_sha256 = report.sketch_sha256 is not None and report.sketch_sha256 == before.sha256
        if same_md5 or same_sha256:
            return Outcome.OLD, True
        if not known and reports_version(report, version):
            return Outcome.RUNNING, False
        return Outcome.UNRECOGNISED, True
    if report.version is not None and report.version == before.claim:
        return Outcome.OLD, False
    return Outcome.UNRECOGNISED, False


def is_known(device: Device, since: float) -> bool:
    """Returns whether a device is where it was known to be before a time of listening."""
    return device.mac is not None and device.first_heard < since and device.address_heard < since


def known_before(device: Device, part: Part) -> bool:
    """Returns whether a device is where it was known to be before the stage of its offer."""
    return is_known(device, part.stage_heard) and device.address == part.address


def judged(part: Part, device: Device, outcome: Outcome, *, verified: bool = True) -> Part:
    """Returns a part with its outcome, and with whether that counts."""
    counts = known_before(device, part)
    return part._replace(outcome=outcome, verified=verified, counts=counts)


def is_lost(device: Device, part: Part, heard: float, silence_from: float) -> bool:
    """Returns whether a device that received the release whole has been silent for too long.

    Args:
        device: The device.
        part: Its part in the rollout.
        heard: The present, on the clock of listening.
        silence_from: Silence before this does not count.
    """
    return part.awaited and known_before(device, part) and is_silent(device, heard, silence_from)


def silence(devices: Iterable[Device], before: float, heard: float) -> tuple[int, int]:
    """Returns how many devices show whether the network is there, and how many of them are silent.

    Only devices count that can be judged by silence, were known before the stage and were there
    when it began. One that is not silent counts if it was heard after the last word of those that
    are: a device that asks once a day says nothing about the last hour. This walks them all.

    Args:
        devices: The devices of the channel.
        before: When the stage began, on the clock of listening.
        heard: The present, likewise.
    """
    silent = 0
    last_word = 0.0
    others: list[float] = []
    for device in devices:
        if device.first_heard >= before or not shows_silence(device):
            continue
        # As is_silent has it, written out because a survey asks it of each device twice.
        word, patience = device.last_heard, SILENT_GAPS * device.longest_gap_s
        if before - word > patience:
            continue
        if heard - word > patience:
            silent += 1
            last_word = max(last_word, word)
        else:
            others.append(word)
    return silent + sum(word > last_word for word in others) if silent else len(others), silent


def halt_reason(policy: Policy, progress: Progress, stage: int) -> str:
    """Returns why a rollout halts, by its counts in a stage and in all; empty if it does not."""
    for counts, where in (
        (progress.of_stage(stage), f"stage {stage + 1}"),
        (progress.in_all, "all stages"),
    ):
        reason = _over(policy, counts)
        if reason:
            return f"{reason} in {where}"
    return ""


def _over(policy: Policy, counts: Counts) -> str:
    failed, judged = counts.failed, counts.judged
    if not failed:
        return ""
    if failed >= policy.halt_count:
        return f"{failed} device{'' if failed == 1 else 's'} failed"
    if policy.halt_share is None or judged < policy.halt_count:
        return ""
    if failed * MILLION >= policy.halt_share * judged:
        return f"{failed} of {judged} judged devices failed"
    return ""


def enough_judged(counts: Counts) -> bool:
    """Returns whether enough of those that took the image whole are judged."""
    return counts.judged * 100 >= JUDGED_PERCENT * (counts.judged + counts.awaited)
