"""Devices as rows: everything that is known of one, and back.

A device is changed in place by the thread that serves it. So that thread takes a snapshot, which
costs a microsecond, and the thread that writes makes the row of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, select

from acpublish.fleet.known_device import Device, OfferNote, Pin
from acpublish.fleet.penalty import EMPTY_BOX, Box
from acpublish.release.received import Received
from acpublish.store.schema import devices, marks
from acpublish.wire import Mode, Report

Row = Mapping[str, Any]
#: The fields of a device that its row has; the others follow from them, or are marks.
_FIELDS = (
    "id",
    "product",
    "mac",
    "address",
    "address_heard",
    "board",
    "channel",
    "report",
    "chip",
    "runs",
    "unverified",
    "first_seen",
    "last_seen",
    "first_heard",
    "last_heard",
    "visit_heard",
    "visits",
    "gaps",
    "name",
    "note",
    "pin",
    "hold",
    "firmware",
    "filesystem",
    "box",
    "offers",
    "obstacle",
)
#: Takes a snapshot of a device.
snapshot: Callable[[Device], tuple[Any, ...]] = attrgetter(*_FIELDS)
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_decode_first = json.JSONDecoder().raw_decode
_NONE: frozenset[str] = frozenset()


def row_of(fields: tuple[Any, ...]) -> dict[str, Any]:
    """Returns the row of a device by its snapshot."""
    # fmt: off
    (
        key, product, mac, address, address_heard, board, channel, report, chip, runs, unverified,
        first_seen, last_seen, first_heard, last_heard, visit_heard, visits, gaps, name, note,
        pin, hold, firmware, filesystem, box, offers, obstacle,
    ) = fields
    # fmt: on
    family, updater, _, claims, md5, sha256, size, free_space, chip_size, sdk, own_mac, ap = report
    return {
        "id": key,
        "product": product,
        "mac": mac,
        "address": address,
        "address_heard": address_heard,
        "board": board,
        "channel": channel,
        "family": family,
        "updater": updater,
        "claims": claims,
        "sketch_md5": md5,
        "sketch_sha256": sha256,
        "sketch_size": size,
        "free_space": free_space,
        "chip_size": chip_size,
        "sdk_version": sdk,
        "reported_mac": own_mac,
        "ap_mac": ap,
        "chip": chip,
        "runs": runs,
        "unverified": unverified,
        "first_seen": first_seen,
        "last_seen": last_seen,
        "first_heard": first_heard,
        "last_heard": last_heard,
        "visit_heard": visit_heard,
        "visits": visits,
        # Python writes a list of integers as JSON does, and ten times as fast.
        "gaps": str(gaps) if gaps else None,
        "name": name,
        "note": note,
        "pin": pin and pin.version,
        "pin_order_back": pin is not None and pin.order_back,
        "hold": hold,
        "story": _story(firmware, filesystem, box, offers),
        "obstacle": obstacle,
    }


def _story(
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


def load_devices(connection: Connection) -> dict[str, Device]:
    """Returns all devices by id."""
    tags: dict[str, frozenset[str]] = {}
    groups: dict[str, frozenset[str]] = {}
    for device_id, kind, name in connection.execute(select(marks)):
        names = tags if kind == "tag" else groups
        names[device_id] = names.get(device_id, _NONE) | {name}
    rows = connection.execute(select(*(devices.c[name] for name in _READ)))
    made = (_device(row, tags, groups) for row in rows)
    return {device.id: device for device in made}


def _decode(text: str) -> Any:
    # What json.loads does besides is a search for blanks, which takes as long again.
    return _decode_first(text)[0]


#: The columns in the order in which :func:`_device` unpacks them.
_READ = (
    *("id", "product", "mac", "address", "address_heard", "board", "channel"),
    *("family", "updater", "claims", "sketch_md5", "sketch_sha256", "sketch_size"),
    *("free_space", "chip_size", "sdk_version", "reported_mac", "ap_mac"),
    *("chip", "runs", "unverified", "first_seen", "last_seen", "first_heard", "last_heard"),
    *("visit_heard", "visits", "gaps", "name", "note", "pin", "pin_order_back", "hold"),
    *("story", "obstacle"),
)


def _device(
    row: Iterable[Any], tags: Mapping[str, frozenset[str]], groups: Mapping[str, frozenset[str]]
) -> Device:
    # One unpacking is faster than access by name, and a server starts with very many devices.
    # fmt: off
    (
        key, product, mac, address, address_heard, board, channel,
        family, updater, claims, md5, sha256, size,
        free_space, chip_size, sdk_version, reported_mac, ap_mac,
        chip, runs, unverified, first_seen, last_seen, first_heard, last_heard,
        visit_heard, visits, gaps, name, note, pin, order_back, hold,
        story, obstacle,
    ) = row
    # fmt: on
    last = _decode(story) if story else {}
    firmware, filesystem, box = map(last.get, ("firmware", "filesystem", "box"))
    return Device(
        id=key,
        product=product,
        mac=mac,
        address=address,
        address_heard=address_heard,
        board=board,
        channel=channel,
        # It is stored as if the device had requested firmware.
        report=Report(
            *(family, updater, Mode.SKETCH, claims, md5, sha256, size),
            *(free_space, chip_size, sdk_version, reported_mac, ap_mac),
        ),
        chip=chip,
        runs=runs,
        unverified=unverified,
        first_seen=first_seen,
        last_seen=last_seen,
        first_heard=first_heard,
        last_heard=last_heard,
        visit_heard=visit_heard,
        visits=visits,
        gaps=_decode(gaps) if gaps else [],
        name=name,
        note=note,
        tags=tags.get(key, _NONE),
        groups=groups.get(key, _NONE),
        pin=None if pin is None else Pin(pin, order_back),
        hold=hold,
        firmware=Received(**firmware) if firmware else None,
        filesystem=Received(**filesystem) if filesystem else None,
        box=Box(tuple(box[0]), *box[1:]) if box else EMPTY_BOX,
        offers=tuple(OfferNote(*offer) for offer in last.get("offers", ())),
        obstacle=obstacle,
    )
