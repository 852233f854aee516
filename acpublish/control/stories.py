"""A device's story and a rollout's details, as JSON types for people and scripts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from acpublish.control.fleet_access import MAX_NAMED
from acpublish.fleet.advancing import Live
from acpublish.fleet.describing import device_document, rollout_document
from acpublish.fleet.known_device import Device
from acpublish.fleet.progress import Outcome, Part
from acpublish.fleet.rollout import Rollout
from acpublish.release.received import Received
from acpublish.release.rollout_changes import RolloutOrder


def story(device: Device) -> dict[str, Any]:
    """Returns all that people may know of a device."""
    report, box = device.report, device.box
    return {
        **device_document(device),
        "channel": device.channel,
        "address": device.address,
        "chip": device.chip,
        "note": device.note,
        "pin": None if device.pin is None else device.pin._asdict(),
        "hold": device.hold,
        "obstacle": device.obstacle,
        "unverified": device.unverified,
        "visits": device.visits,
        "gaps": list(device.gaps),
        "longest_gap_s": device.longest_gap_s,
        "report": {
            "version": report.version,
            "sketch_md5": report.sketch_md5,
            "sketch_sha256": report.sketch_sha256,
            "sketch_size": report.sketch_size,
            "free_space": report.free_space,
            "chip_size": report.chip_size,
            "sdk_version": report.sdk_version,
            "ap_mac": report.ap_mac,
        },
        "box": {
            "whole": box.whole,
            "broken": box.broken,
            "until": box.until,
            "offered_at": box.offered_at,
        },
        "offers": [offer._asdict() for offer in device.offers],
        "received": {
            "firmware": _received(device.firmware),
            "filesystem": _received(device.filesystem),
        },
    }


def _received(received: Received | None) -> dict[str, Any] | None:
    return None if received is None else {"at": received.at, "sha256": received.sha256}


def details(live: Live, parts: Iterable[tuple[str, Part]]) -> dict[str, Any]:
    """Returns all that people may know of a rollout.

    Args:
        live: The rollout.
        parts: The parts of its devices; a copy, if others change them meanwhile.
    """
    rollout, progress, back = live.rollout, live.progress, live.rollout.way_back
    return {
        **rollout_document(live),
        "policy": rollout.policy.to_dict(),
        "started_at": rollout.started_at,
        "offers_from": rollout.offers_from,
        "boards": [
            {"boards": list(track.boards), "stage": track.stage, "done": track.done}
            for track in rollout.tracks
        ],
        "way_back": None
        if back is None
        else {
            "stage": back.stage,
            "ordered": progress.ordered_back,
            "returned": progress.returned,
        },
        "devices": _named(progress.stages, parts),
    }


def order_reason(order: RolloutOrder, rollout: Rollout) -> str:
    """Returns what the history says of an order: the reason of a pause, or how far it is now."""
    if order != "advance":
        return rollout.reason
    stages, at = rollout.policy.stages, rollout.stage
    complete = rollout.state == "complete"
    return rollout.reason if complete else f"stage {at + 1} of {len(stages)} ({stages[at].text})"


def _named(stages: int, parts: Iterable[tuple[str, Part]]) -> list[dict[str, list[str]]]:
    """Returns the first devices of each stage by what became of them, as they are counted."""
    named: list[dict[str, list[str]]] = [
        {"running": [], "failed": [], "unrecognised": [], "pending": []} for _ in range(stages)
    ]
    for key, part in parts:
        if part.offered_at is None:
            continue
        ids = named[part.stage][_became(part)]
        if len(ids) < MAX_NAMED:
            ids.append(key)
    return named


def _became(part: Part) -> str:
    if part.outcome is Outcome.RUNNING:
        return "running"
    if part.outcome is Outcome.UNRECOGNISED:
        return "unrecognised"
    return "failed" if part.failed else "pending"
