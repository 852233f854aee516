"""Devices and rollouts as JSON documents for people and scripts, and plans of rollouts."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from typing import Any

from acpublish.errors import SettingsError
from acpublish.fleet.advancing import Live, stage_sizes
from acpublish.fleet.known_device import Device, flags
from acpublish.fleet.moments import Moment
from acpublish.fleet.policy import Policy, Stage
from acpublish.fleet.progress import Progress
from acpublish.fleet.rings import marks_of
from acpublish.fleet.rollout import moved, started


def rollout_document(live: Live) -> dict[str, Any]:
    """Returns a rollout as JSON types; ``devices`` is what the last survey has counted."""
    rollout, progress = live.rollout, live.progress
    seen = progress.survey
    return {
        "id": rollout.id,
        "product": rollout.product,
        "version": rollout.version,
        "channel": rollout.channel,
        "state": rollout.state,
        "reason": rollout.reason,
        "stage": rollout.stage,
        "stages": [
            _stage_document(live, at, 0 if seen is None else seen.holds[at])
            for at in range(progress.stages)
        ],
    }


def _stage_document(live: Live, at: int, devices: int) -> dict[str, Any]:
    counts = live.progress.of_stage(at)
    return {
        "target": live.rollout.policy.stages[at].text,
        "devices": devices,
        "offered": counts.offered,
        "delivered": counts.delivered,
        "running": counts.running,
        "failed": counts.failed,
        "unrecognised": counts.unrecognised,
        "pending": counts.pending,
    }


def device_document(device: Device) -> dict[str, Any]:
    """Returns a device as JSON types; times are in seconds since 1970."""
    return {
        "id": device.id,
        "mac": device.mac,
        "name": device.name,
        "product": device.product,
        "board": device.board,
        "family": device.report.family,
        "runs": device.runs,
        "claims": device.report.version,
        "first_seen": device.first_seen,
        "last_seen": device.last_seen,
        "flags": list(flags(device)),
        "tags": sorted(device.tags),
        "groups": sorted(device.groups),
    }


def plan(
    policy: Policy,
    *,
    product: str,
    channel: str,
    boards: Iterable[str],
    devices: Collection[Device],
    seed: str,
    now: Moment,
) -> tuple[int, ...]:
    """Returns how many devices each stage of a rollout would reach, with those before it.

    Args:
        policy: The policy.
        product: The product.
        channel: The channel.
        boards: The boards of the release.
        devices: The devices of the product.
        seed: The seed of the rollout; without the same seed it reaches others.
        now: The present.

    Raises:
        SettingsError: A stage is for a tag or group that no device of the channel has.
    """
    rollout = started(
        "plan",
        product=product,
        version="0.0.0",
        channel=channel,
        boards=boards,
        policy=policy,
        now=now,
        seed=seed,
    )
    while rollout.stage < len(policy.stages) - 1:
        rollout = moved(rollout, rollout.tracks[0], now)
    live = Live(rollout, Progress(len(policy.stages)))
    holds = stage_sizes(live, devices, now)
    for at, stage in enumerate(policy.stages):
        before = holds[at - 1] if at else 0
        if stage.name and holds[at] == before:
            known = {mark for device in devices for mark in marks_of(stage, device)}
            unknown = unknown_mark(stage, known)
            raise SettingsError(
                f"the stage {stage.text} reaches nobody" + (f": {unknown}" if unknown else ""),
                hint=f"Give a device the {stage.kind} first, or leave the stage out.",
            )
    return holds


def unknown_mark(stage: Stage, known: Collection[str]) -> str:
    """Returns a line on the tag or group of a stage that no device has; empty if one has it.

    Args:
        stage: The stage.
        known: The tags or groups of the devices of the product.
    """
    if not stage.name or stage.name in known:
        return ""
    similar = difflib.get_close_matches(stage.name, sorted(known), 1)
    meant = f"; did you mean {stage.kind}:{similar[0]}?" if similar else ""
    return f"no device has the {stage.kind} {stage.name}{meant}"
