"""Devices as rows: everything that is known of one (:mod:`acpublish.store.stored_device` reads it).

A device is changed in place by the thread that serves it. So that thread takes a snapshot, which
costs a microsecond, and the thread that writes makes the row of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from acpublish.fleet.known_device import Device, OfferNote
from acpublish.fleet.penalty import EMPTY_BOX, Box
from acpublish.release.received import Received
from acpublish.store.stored_device import StoredDevice

Row = Mapping[str, Any]
#: The fields of a device that its row has; the others follow from them, are in the row of its last
#: check-in, or are marks.
_FIELDS = (
    "id",
    "product",
    "mac",
    "board",
    "channel",
    "report",
    "chip",
    "runs",
    "unverified",
    "first_seen",
    "first_heard",
    "name",
    "note",
    "pin",
    "hold",
    "obstacle",
)
_fields = attrgetter(*_FIELDS)
_fields_and_story: Callable[[Device], tuple[Any, ...]] = attrgetter(*_FIELDS, "story")
_story = attrgetter("firmware", "filesystem", "box", "offers")
#: Takes a snapshot of its last check-in.
check_in: Callable[[Device], tuple[Any, ...]] = attrgetter(
    *("id", "address", "address_heard", "last_seen", "last_heard", "visit_heard", "visits"),
    "gaps",
)
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def snapshot(device: Device) -> tuple[Any, ...]:
    """Takes a snapshot of a device, but for its last check-in."""
    if type(device) is StoredDevice:
        return _fields_and_story(device)
    return (*_fields(device), _story(device))


def values_of(taken: tuple[Any, ...]) -> tuple[Any, ...]:
    """Returns the row of a device by its snapshot, in the order of the columns."""
    # fmt: off
    (
        key, product, mac, board, channel, report, chip, runs, unverified, first_seen, first_heard,
        name, note, pin, hold, obstacle, story,
    ) = taken
    # fmt: on
    family, updater, _, claims, md5, sha256, size, free_space, chip_size, sdk, own_mac, ap = report
    return (
        key,
        product,
        mac,
        board,
        channel,
        family,
        updater,
        claims,
        md5,
        sha256,
        size,
        free_space,
        chip_size,
        sdk,
        own_mac,
        ap,
        chip,
        runs,
        unverified,
        first_seen,
        first_heard,
        name,
        note,
        pin and pin.version,
        pin is not None and pin.order_back,
        hold,
        story if story is None or isinstance(story, str) else _text_of(*story),
        obstacle,
    )


def check_in_values(taken: tuple[Any, ...]) -> tuple[Any, ...]:
    """Returns the row of a check-in by its snapshot, in the order of the columns."""
    *values, gaps = taken
    # Python writes a list of integers as JSON does, and ten times as fast.
    return (*values, str(gaps) if gaps else None)


def _text_of(
    firmware: Received | None,
    filesystem: Received | None,
    box: Box,
    offers: tuple[OfferNote, ...],
) -> str | None:
    """Returns what became of a device's offers as JSON, None if there were none."""
    story: dict[str, object] = {}
    if firmware is not None:
        story["firmware"] = _received(firmware)
    if filesystem is not None:
        story["filesystem"] = _received(filesystem)
    if box != EMPTY_BOX:
        story["box"] = box
    if offers:
        story["offers"] = offers
    return _encode(story) if story else None


def marks_of(device: Device) -> frozenset[tuple[str, str]]:
    """Returns the tags and groups of a device, each with its kind."""
    return frozenset(
        (kind, name)
        for kind, names in (("tag", device.tags), ("group", device.groups))
        for name in names
    )


def _received(received: Received) -> dict[str, object]:
    return {
        "at": received.at,
        "kind": received.kind,
        "sha256": received.sha256,
        "claim": received.claim,
        "sketch_md5": received.sketch_md5,
        "sketch_sha256": received.sketch_sha256,
    }
