"""Devices as a start loads them from their rows: 100,000 of them in two seconds.

The work on each is as little as can be. A story is decoded when somebody asks for it, and texts
that very many devices share are in memory once.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, select

from acpublish.fleet.known_device import Device, OfferNote, Pin
from acpublish.fleet.penalty import EMPTY_BOX, Box
from acpublish.release.received import Received
from acpublish.store.schema import check_ins, devices, marks
from acpublish.wire import Mode, Report

_log = logging.getLogger(__name__)
_decode_first = json.JSONDecoder().raw_decode
_NONE: frozenset[str] = frozenset()
#: What became of a device's offers, by the names of its fields.
_Story = tuple[Received | None, Received | None, Box, tuple[OfferNote, ...]]
_TOLD = {"firmware": 0, "filesystem": 1, "box": 2, "offers": 3}


class StoredDevice(Device):
    """A device as it was loaded, whose story is decoded when somebody asks for it.

    That halves the start with very many devices, most of which are not asked. It never fills a
    field that is empty: another thread could be setting it. So what was set since counts, and what
    was not is in the decoded story.
    """

    __slots__ = ("_told",)
    _told: str | _Story | None

    def __getattr__(self, name: str) -> Any:
        """Returns a field of the story that nobody has set since it was loaded."""
        if name not in _TOLD:
            raise AttributeError(name)
        told = self._told
        if told is None or isinstance(told, str):
            told = self._told = _read_story(told, self.id)
        return told[_TOLD[name]]

    def __eq__(self, other: object) -> bool:
        """Compares it as the device that it is."""
        if not isinstance(other, Device):
            return NotImplemented
        return _compared(self) == _compared(other)

    __hash__ = None  # type: ignore[assignment]


_compared = attrgetter(*(field.name for field in fields(Device) if field.compare))


def _read_story(text: str | None, device_id: str) -> _Story:
    """Returns a story; one that is damaged counts as none, because the device must be served."""
    if text:
        try:
            return _decoded(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            _log.error("the story of %s in the store is damaged: %r", device_id, error)
    return None, None, EMPTY_BOX, ()


def _decoded(story: dict[str, Any]) -> _Story:
    firmware, filesystem, box = map(story.get, ("firmware", "filesystem", "box"))
    return (
        Received(**firmware) if firmware else None,
        Received(**filesystem) if filesystem else None,
        Box(tuple(box[0]), *box[1:]) if box else EMPTY_BOX,
        tuple(OfferNote(*offer) for offer in story.get("offers", ())),
    )


def load_devices(connection: Connection) -> dict[str, Device]:
    """Returns all devices by id."""
    tags: dict[str, frozenset[str]] = {}
    groups: dict[str, frozenset[str]] = {}
    for device_id, kind, name in connection.execute(select(marks)):
        names = tags if kind == "tag" else groups
        names[device_id] = names.get(device_id, _NONE) | {name}
    query = (
        select(*(_COLUMNS[name] for name in _READ))
        .join_from(devices, check_ins, devices.c.id == check_ins.c.device_id)
        .compile(dialect=connection.dialect)
    )
    # SQLAlchemy's rows would take as long again as the database.
    rows: Any = connection.exec_driver_sql(str(query)).cursor
    same = _Same()
    return {row[0]: _device(row, tags, groups, same) for row in rows}


class _Same(dict[Any, Any]):
    """Returns the first of equal texts for all of them: most devices say the same."""

    def __missing__(self, text: str | None) -> str | None:
        self[text] = text
        return text


_COLUMNS = {**check_ins.c, **devices.c}
#: The columns in the order in which :func:`_device` unpacks them.
_READ = (
    *("id", "product", "mac", "address", "address_heard", "board", "channel"),
    *("chip", "runs", "unverified", "first_seen", "last_seen", "first_heard", "last_heard"),
    *("visit_heard", "visits", "name", "note", "hold", "obstacle", "story"),
    *("gaps", "pin", "pin_order_back", "family", "updater", "claims", "sketch_md5"),
    *("sketch_sha256", "sketch_size", "free_space", "chip_size", "sdk_version"),
    *("reported_mac", "ap_mac"),
)


def _device(
    row: Iterable[Any],
    tags: Mapping[str, frozenset[str]],
    groups: Mapping[str, frozenset[str]],
    same: _Same,
) -> Device:
    # A server starts with very many: its own constructor takes twice as long as this unpacking.
    made = StoredDevice.__new__(StoredDevice)
    # fmt: off
    (
        made.id, product, made.mac, made.address, made.address_heard, board, channel,
        chip, runs, unverified, made.first_seen, made.last_seen, made.first_heard,
        made.last_heard, made.visit_heard, made.visits, made.name, made.note, hold,
        made.obstacle, made._told, gaps, pin, order_back, family, updater, claims, md5,
        sha256, size, free_space, chip_size, sdk, own_mac, ap_mac,
    ) = row
    # fmt: on
    made.product, made.board, made.channel = same[product], same[board], same[channel]
    made.chip, made.runs = same[chip], same[runs]
    made.unverified, made.hold = bool(unverified), bool(hold)
    # It is stored as if the device had requested firmware.
    made.report = Report(
        *(same[family], bool(updater), Mode.SKETCH, same[claims], same[md5], sha256),
        *(size, free_space, chip_size, same[sdk], own_mac, ap_mac),
    )
    # What json.loads does besides is a search for blanks, which takes as long again.
    made.gaps = _decode_first(gaps)[0] if gaps else []
    made.__post_init__()
    made.epoch = 0
    made.tags = tags.get(made.id, _NONE)
    made.groups = groups.get(made.id, _NONE)
    made.pin = None if pin is None else Pin(pin, bool(order_back))
    return made
