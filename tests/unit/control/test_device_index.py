"""An index of devices: it shows what looking at all of them shows, also after they have changed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from acpublish.control.device_index import Changed, DeviceIndex
from acpublish.control.device_query import TROUBLES, DeviceFilter
from acpublish.control.device_table import COLUMNS, Order, in_order
from acpublish.control.operations import run_here
from acpublish.fleet.known_device import Device
from acpublish.fleet.moments import Moment
from tests.unit.control.asking import Asking, mac

NOW = 1_000_000.0
MOMENT = Moment(NOW, NOW)
FILTERS = [
    DeviceFilter.of(),
    DeviceFilter.of(product="door"),
    DeviceFilter.of(board="c3", version="1.9.0"),
    DeviceFilter.of(version="1.10.0"),
    DeviceFilter.of(version="3.0.0"),
    DeviceFilter.of(tag="canary"),
    DeviceFilter.of(tag="nobody"),
    DeviceFilter.of(group="house", flagged=True),
    DeviceFilter.of(not_seen_s=250.0),
    DeviceFilter.of(not_seen_s=490.0, tag="canary"),
    DeviceFilter.of(flagged=True),
    DeviceFilter.of(stuck=True),
    *(DeviceFilter.of(trouble=trouble) for trouble in TROUBLES),
    DeviceFilter.of(trouble="silent", product="lamp"),
    DeviceFilter.of(text="00:01"),
    DeviceFilter.of(text="kitchen 7"),
    DeviceFilter.of(text="10.0.0.9"),
    DeviceFilter.of(text="lamp/"),
    DeviceFilter.of(text="00:07 10."),
    DeviceFilter.of(text="nowhere"),
]


def device(number: int, chance: random.Random) -> Device:
    product = "door" if number % 10 == 0 else "lamp"
    return Device(
        id=f"{product}/{mac(number)}",
        product=product,
        mac=mac(number),
        address=f"10.0.0.{number % 32}",
        board=chance.choice(["d1", "d1", "c3"]),
        runs=chance.choice(["1.10.0", "1.10.0", "1.9.0", None]),
        # Never the same, so that an order leaves nothing open.
        first_seen=number + chance.random(),
        last_seen=NOW - chance.random() * 500,
        name=f"Kitchen {number}" if number % 7 == 0 else "",
        tags=frozenset(chance.sample(["canary", "lab"], 1)) if number % 20 == 0 else frozenset(),
        groups=frozenset({"house"} if number % 15 == 0 else ()),
        obstacle={0: "does-not-fit", 15: "failed"}.get(number % 30, ""),
        visits=10,
        last_heard=NOW - (10_000_000 if number % 9 == 0 else 0),
        unverified=number % 8 == 0,
    )


def changed(devices: dict[str, Device], chance: random.Random) -> dict[str, Device | None]:
    """Lets a few devices change, some be forgotten and some be new; returns those."""
    some: dict[str, Device | None] = {}
    for own in chance.sample(list(devices.values()), 12):
        own.name, own.runs, own.last_seen = "Kitchen 7", "3.0.0", NOW - chance.random()
        own.tags, own.obstacle = frozenset({"canary"}), "other-chip"
        some[own.id] = own
    for key in chance.sample(sorted(devices), 5):
        del devices[key]
        some[key] = None
    for number in range(200, 205):
        new = device(number, chance)
        some[new.id] = devices[new.id] = new
    return some


@pytest.mark.parametrize("wanted", FILTERS, ids=str)
def test_it_shows_what_looking_at_all_devices_shows(wanted: DeviceFilter) -> None:
    chance = random.Random(7)
    devices = {own.id: own for own in (device(number, chance) for number in range(1, 121))}
    index = DeviceIndex(list(devices.values()), MOMENT, {})
    for turn in range(2):
        some: Changed = changed(devices, chance) if turn else {}
        right = {own.id for own in wanted.select(devices.values(), MOMENT)}
        assert right or not wanted.trouble
        for column in COLUMNS:
            for descending in (False, True):
                order = Order(column, descending)
                shown = index.matching(wanted, order, some, MOMENT)
                assert len(shown) == len(right), order
                assert {own.id for own in shown} == right, order
                # Those that are equal may be in any order.
                assert in_order(shown, order) == shown, order


def test_what_changes_later_counts_at_once(tmp_path: Path) -> None:
    fleet = Asking(tmp_path)
    fleet.put("1.0.0", "1.1.0")
    with fleet.stored():

        def ask(number: int, runs: str = "1.0.0") -> None:
            fleet.now += 1
            fleet.ask(number, runs)

        for number in (1, 2, 3):
            ask(number)
        index = run_here(fleet.devices.index())

        def shown(**fields: object) -> list[str]:
            wanted = DeviceFilter.of(**fields)  # type: ignore[arg-type]
            operation = fleet.devices.matching(index, wanted, Order())
            return [own.id.partition("/")[2] for own in run_here(operation)]

        assert shown() == [mac(3), mac(2), mac(1)]
        ask(1)
        assert shown() == [mac(1), mac(3), mac(2)]
        ask(2, "1.1.0")
        assert shown(version="1.1.0") == [mac(2)]
        ask(4)
        assert shown(version="1.0.0") == [mac(4), mac(1), mac(3)]
        run_here(fleet.devices.forget(mac(3)))
        assert shown(text="24:0a") == [mac(4), mac(2), mac(1)]
        # Another index is begun, and the one before is used as long as that takes.
        begun = fleet.devices.index()
        make = next(begun)
        ask(5)
        assert shown(text=mac(5)) == [mac(5)]
        run_here(fleet.devices.retry(mac(4)))
        assert callable(make)
        index = make()
        ask(6)
        assert shown() == [mac(6), mac(5), mac(4), mac(2), mac(1)]


def test_nothing_is_noted_once_nobody_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = Asking(tmp_path)
    fleet.put("1.0.0")
    with fleet.stored():
        fleet.ask(1)
        assert fleet.state.lately is None
        run_here(fleet.devices.index())
        fleet.ask(1)
        fleet.ask(2)
        assert len(fleet.state.lately or ()) == 2
        monkeypatch.setattr("acpublish.control.fleet_state._MAX_CHANGED", 1)
        fleet.state.look_at_store()
        fleet.ask(3)
        assert fleet.state.lately is None
