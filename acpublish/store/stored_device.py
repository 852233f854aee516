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
from acpublish.fleet.progress import NOT_TAKEN
from acpublish.release.received import Received
from acpublish.store.schema import check_ins, devices, marks
from acpublish.wire import Mode, Report

_log = logging.getLogger(__name__)
_NONE: frozenset[str] = frozenset()
#: A story without any of these has no failure.
_FAILED = (*NOT_TAKEN, '"box"')
#: What became of a device's offers, by the names of its fields.
_Story = tuple[Received | None, Received | None, Box, tuple[OfferNote, ...]]


def _told(at: int) -> property:
    """Returns the property of a field of the story."""

    def read(device: StoredDevice) -> Any:
        return device.told()[at]

    def change(device: StoredDevice, value: Any) -> None:
        told = list(device.told())
        told[at] = value
        device._changed = tuple(told)  # type: ignore[assignment]

    return property(read, change)


class StoredDevice(Device):
    """A device as it was loaded, whose story is decoded when somebody asks for it.

    That halves the start with very many devices, most of which are not asked. What another thread
    decodes never replaces what was changed meanwhile, because each has a place of its own.
    """

    __slots__ = ("_changed", "_decoded", "_failed", "_text")
    _text: str | None
    _failed: bool | None
    _decoded: _Story | None
    _changed: _Story | None
    firmware = _told(0)
    filesystem = _told(1)
    box = _told(2)
    offers = _told(3)

    def __new__(cls, *_values: object, **_fields: object) -> StoredDevice:
        """Makes one without a story, for a copy with other fields."""
        made = object.__new__(cls)
        made._changed = made._decoded = made._failed = made._text = None
        return made

    def told(self) -> _Story:
        """Returns its story: firmware, filesystem, box and offers."""
        story = self._changed or self._decoded
        if story is None:
            story = self._decoded = _read_story(self._text, self.id)
        return story

    def may_have_failed(self) -> bool:
        """Returns whether its story may have a failure, without decoding it for that."""
        if self._changed is not None or self._decoded is not None:
            return True
        if self._failed is None:
            text = self._text or ""
            self._failed = any(word in text for word in _FAILED)
        return self._failed

    @property
    def story(self) -> _Story | str | None:
        """Its story, and as long as that is as it was loaded, its text."""
        return self._changed or self._text

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
            return _story_of(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            _log.error("the story of %s in the store is damaged: %r", device_id, error)
    return None, None, EMPTY_BOX, ()


def _story_of(story: dict[str, Any]) -> _Story:
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
    made = object.__new__(StoredDevice)
    made._changed = made._decoded = made._failed = None
    # fmt: off
    (
        made.id, product, made.mac, made.address, made.address_heard, board, channel,
        chip, runs, unverified, made.first_seen, made.last_seen, made.first_heard,
        made.last_heard, made.visit_heard, made.visits, made.name, made.note, hold,
        made.obstacle, made._text, gaps, pin, order_back, family, updater, claims, md5,
        sha256, size, free_space, chip_size, sdk, own_mac, ap_mac,
    ) = row
    # fmt: on
    made.product, made.board, made.channel = same[product], same[board], same[channel]
    made.chip, made.runs = same[chip], same[runs]
    made.unverified, made.hold = bool(unverified), bool(hold)
    # It is stored as if the device had requested firmware.
    made.report = Report(
        same[family],
        bool(updater),
        Mode.SKETCH,
        same[claims],
        same[md5],
        sha256,
        size,
        free_space,
        chip_size,
        same[sdk],
        own_mac,
        ap_mac,
    )
    # JSON all the same, and read in half the time.
    made.gaps = [*map(int, gaps[1:-1].split(","))] if gaps else []
    made.__post_init__()
    made.epoch = 0
    made.tags = tags.get(made.id, _NONE) if tags else _NONE
    made.groups = groups.get(made.id, _NONE) if groups else _NONE
    made.pin = None if pin is None else Pin(pin, bool(order_back))
    return made
