"""The order of a table of devices, what is counted above it, and what it is filtered by."""

from __future__ import annotations

import pytest

from acpublish.control.device_index import DeviceIndex
from acpublish.control.device_query import DeviceFilter
from acpublish.control.device_table import COLUMNS, MAX_CHOICES, Order, Totals, in_order
from acpublish.fleet.known_device import Device, Pin, flags, has_flags
from acpublish.fleet.moments import Moment
from acpublish.fleet.penalty import Box
from acpublish.wire import Report

NOW = 1_000_000.0
MOMENT = Moment(NOW, NOW)
AGES = (30, 100_000, 10)


def device(number: int, **fields: object) -> Device:
    values: dict[str, object] = {
        "id": f"lamp/24:0a:c4:00:00:{number:02x}",
        "product": "lamp",
        "mac": f"24:0a:c4:00:00:{number:02x}",
        "board": "d1",
        "first_seen": float(number),
        "last_seen": NOW,
    }
    return Device(**{**values, **fields})  # type: ignore[arg-type]


def total(devices: list[Device]) -> Totals:
    return DeviceIndex(devices, MOMENT, {}).totals


DEVICES = [
    device(1, runs="1.10.0", name="porch", last_seen=NOW - AGES[0], tags=frozenset({"a", "b"})),
    device(2, runs="1.9.0", name="attic", board="c3", last_seen=NOW - AGES[1], product="door"),
    device(3, name="hall", last_seen=NOW - AGES[2], groups=frozenset({"house"}), obstacle="failed"),
]


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("device", ["attic", "hall", "porch"]),
        ("-device", ["porch", "hall", "attic"]),
        ("product", ["attic", "porch", "hall"]),
        ("board", ["attic", "porch", "hall"]),
        # By precedence, not by text; what is not known comes first.
        ("runs", ["hall", "attic", "porch"]),
        ("-runs", ["porch", "attic", "hall"]),
        ("first_seen", ["porch", "attic", "hall"]),
        ("last_seen", ["attic", "porch", "hall"]),
        ("-last_seen", ["hall", "porch", "attic"]),
        # Whatever else an address has is the usual order.
        ("", ["hall", "porch", "attic"]),
        ("note", ["hall", "porch", "attic"]),
        ("--device", ["hall", "porch", "attic"]),
    ],
)
def test_orders(order: str, names: list[str]) -> None:
    assert [own.name for own in in_order(DEVICES, Order.parse(order))] == names


def test_an_order_is_read_as_it_is_written() -> None:
    for column in COLUMNS:
        for descending in (False, True):
            order = Order(column, descending)
            assert Order.parse(str(order)) == order


def test_totals_and_choices() -> None:
    totals = total(DEVICES)
    assert (totals.flagged, totals.stuck, totals.away) == (1, 1, 1)
    assert totals.choices == {
        "product": ("door", "lamp"),
        "board": ("c3", "d1"),
        "version": ("1.10.0", "1.9.0"),
        "tag": ("a", "b"),
        "group": ("house",),
    }


def test_what_most_devices_have_is_proposed() -> None:
    devices = [device(n % 250, tags=frozenset({f"t{n}", "all"})) for n in range(MAX_CHOICES + 9)]
    tags = total(devices).choices["tag"]
    assert len(tags) == MAX_CHOICES
    assert "all" in tags


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"mac": None},
        {"hold": True},
        {"pin": Pin("1.0.0")},
        {"unverified": True},
        {"obstacle": "does-not-fit"},
        {"box": Box(whole=2, broken=9)},
        {"box": Box(whole=3)},
        {"box": Box(broken=10)},
    ],
)
def test_whether_there_is_any_flag(fields: dict[str, object]) -> None:
    own = device(1, **fields)
    assert has_flags(own) == bool(flags(own))
    assert bool(DeviceFilter.of(flagged=True).select([own], MOMENT)) == bool(flags(own))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ["porch", "attic", "hall"]),
        ("TTI", ["attic"]),
        ("door/", []),
        ("24-0A-C4-00-00-02", ["attic"]),
        ("lamp/240ac4000003", ["hall"]),
        ("00:00:0", ["porch", "attic", "hall"]),
        ("10.0.0", ["porch"]),
        ("  hall ", ["hall"]),
        ("nowhere", []),
    ],
)
def test_a_search_finds_names_addresses_and_ids(text: str, names: list[str]) -> None:
    DEVICES[0].address = "10.0.0.7"
    wanted = DeviceFilter.of(text=text)
    assert [own.name for own in wanted.select(DEVICES, MOMENT)] == names
    assert [own.name for own in DEVICES if wanted.applies(own, MOMENT)] == names


def test_what_is_believed_is_a_version_too() -> None:
    own = device(1, unverified=True, report=Report(version="2.0.0"))
    assert total([own]).choices["version"] == ("2.0.0",)
