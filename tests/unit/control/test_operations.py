"""What people want of devices: changed and stored, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from acpublish.control import operations
from acpublish.control.device_query import DeviceFilter
from acpublish.control.device_table import Order
from acpublish.control.fleet_state import FleetState
from acpublish.control.operations import Operation, run_here
from acpublish.errors import ConflictError, NotFoundError, SettingsError, StoreError
from acpublish.fleet.device_changes import DeviceChange
from acpublish.fleet.known_device import Pin
from acpublish.fleet.penalty import EMPTY_BOX, Box
from acpublish.store.stored import read
from tests.unit.control.asking import Asking, mac

LAMP = f"lamp/{mac(1)}"


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Asking]:
    fleet = Asking(tmp_path)
    fleet.put("1.0.0", "1.1.0")
    with fleet.stored():
        fleet.ask(1)
        yield fleet


def stored(fleet: Asking, key: str = LAMP) -> object:
    return read(fleet.folder).devices.get(key)


def test_what_people_say_is_stored_before_they_hear_of_it(fleet: Asking) -> None:
    change = DeviceChange(name="kitchen", note="above", add_tags=("a",), add_groups=("house",))
    document = run_here(fleet.devices.change(mac(1), change))
    assert (document["name"], document["note"]) == ("kitchen", "above")
    assert (document["tags"], document["groups"]) == (["a"], ["house"])
    assert stored(fleet) == fleet.state.device(LAMP)
    assert run_here(fleet.devices.show("kitchen")) == document


def test_two_devices_of_a_product_cannot_have_the_same_name(fleet: Asking) -> None:
    fleet.put("1.0.0", product="door")
    fleet.ask(2)
    fleet.ask(1, product="door")
    name = DeviceChange(name="kitchen")
    run_here(fleet.devices.change(LAMP, name))
    run_here(fleet.devices.change(LAMP, name))
    with pytest.raises(ConflictError, match=f"of lamp is called 'kitchen': {LAMP}.*devices name"):
        run_here(fleet.devices.change(mac(2), DeviceChange(name=" kitchen ", note="above")))
    assert run_here(fleet.devices.show(mac(2)))["note"] == ""
    # A device of another product may; then the name alone is not enough.
    run_here(fleet.devices.change(f"door/{mac(1)}", name))
    with pytest.raises(ConflictError, match=rf"Use the id of one of them: door/.*, {LAMP}\."):
        run_here(fleet.devices.show("kitchen"))


def test_two_who_give_the_same_name_at_the_same_time(fleet: Asking) -> None:
    fleet.ask(2)
    first, second = (
        fleet.devices.change(f"lamp/{mac(number)}", DeviceChange(name="kitchen"))
        for number in (1, 2)
    )
    steps = next(first), next(second)
    assert not any(isinstance(step, Future) for step in steps)
    for step in steps:
        step()  # type: ignore[operator]
    assert isinstance(first.send(None), Future)
    again = second.send(None)
    with pytest.raises(ConflictError):
        again()  # type: ignore[operator]


def test_a_pin_a_hold_and_their_end(fleet: Asking) -> None:
    def explained() -> tuple[str, str, str | None]:
        document = run_here(fleet.devices.explain(LAMP))
        return document["verdict"], document["rule"], document["version"]

    assert explained() == ("offer", "newest", "1.1.0")
    document = run_here(fleet.devices.change(LAMP, DeviceChange.to_version("1.0.0")))
    assert document["pin"] == {"version": "1.0.0", "order_back": False}
    assert explained()[0] == "up-to-date"
    assert document["flags"] == ["pinned"]
    document = run_here(fleet.devices.change(LAMP, DeviceChange.to_nothing()))
    assert (document["pin"], document["hold"]) == (None, True)
    assert explained()[:2] == ("up-to-date", "hold")
    run_here(fleet.devices.change(LAMP, DeviceChange.to_anything()))
    assert explained() == ("offer", "newest", "1.1.0")
    with pytest.raises(
        NotFoundError, match=r"lamp 9\.0\.0 has no firmware for d1\. There are 1\.1"
    ):
        run_here(fleet.devices.change(LAMP, DeviceChange.to_version("9.0.0")))


def test_the_story_says_that_a_device_came_back_with_what_it_took(fleet: Asking) -> None:
    def became() -> list[str]:
        return [offer["became"] for offer in run_here(fleet.devices.show(LAMP))["offers"]]

    fleet.ask(1, takes=True)
    assert became() == ["whole"]
    fleet.ask(1)
    assert became() == ["whole"]
    fleet.ask(1, "1.1.0")
    assert became() == ["running"]


def test_what_is_refused_changes_nothing(fleet: Asking) -> None:
    change = DeviceChange(note="fine", name="a\nb")
    with pytest.raises(SettingsError):
        run_here(fleet.devices.change(LAMP, change))
    assert run_here(fleet.devices.show(LAMP))["note"] == ""


def test_a_boxed_device_may_try_again(fleet: Asking) -> None:
    device = fleet.ask(1)
    device.box, device.obstacle = Box(whole=3, until=fleet.now + 60), "failed"
    fleet.ask(2)
    assert [one["id"] for one in run_here(fleet.devices.retry_flagged())] == [LAMP]
    assert (device.box, device.obstacle) == (EMPTY_BOX, "")
    assert stored(fleet) == device
    assert run_here(fleet.devices.retry_flagged()) == []
    device.box = Box(broken=10)
    document = run_here(fleet.devices.retry("240ac4000001"))
    assert (document["flags"], document["retried"]) == ([], True)
    assert run_here(fleet.devices.retry(LAMP))["retried"] is False


def test_a_device_that_failed_in_a_rollout_may_try_again(fleet: Asking) -> None:
    fleet.policy("1,100%")
    fleet.now += 60
    fleet.put("1.2.0")
    live = fleet.state.product("lamp").lives[0]
    live.progress.chosen[LAMP] = 0
    fleet.ask(1, "1.1.0", takes=True)
    fleet.now += 60
    fleet.ask(1, "1.1.0")
    part = live.progress.get(LAMP)
    assert part is not None
    assert part.outcome.value == "runs the old one"
    assert run_here(fleet.devices.explain(LAMP))["rule"] == "penalty-box"
    assert [one["id"] for one in run_here(fleet.devices.retry_flagged())] == [LAMP]
    assert run_here(fleet.devices.explain(LAMP))["verdict"] == "offer"
    after = read(fleet.folder).lives[0].progress.get(LAMP)
    assert after == live.progress.get(LAMP)
    assert after is not None
    assert after.outcome.value == "pending"


def test_a_forgotten_device_is_gone(fleet: Asking) -> None:
    document = run_here(fleet.devices.forget(LAMP))
    assert document["id"] == LAMP
    assert stored(fleet) is None
    with pytest.raises(NotFoundError):
        run_here(fleet.devices.show(LAMP))
    assert run_here(fleet.devices.status()) == {"devices": [], "omitted": 0}


def test_lists_come_in_pages(fleet: Asking) -> None:
    for number in range(2, 6):
        fleet.ask(number)
    first = run_here(fleet.devices.devices(DeviceFilter(), limit=3))
    rest = run_here(fleet.devices.devices(DeviceFilter(), first["next"], limit=3))
    assert len(first["devices"]) == 3
    assert [one["id"] for one in rest["devices"]] == [f"lamp/{mac(4)}", f"lamp/{mac(5)}"]
    assert rest["next"] is None


def refuse(operation: Operation[object]) -> None:
    """Runs an operation whose first future the store does not keep."""
    step = next(operation)
    while not isinstance(step, Future):
        step = operation.send(step())
    with pytest.raises(StoreError):
        operation.throw(StoreError("the disk is full", hint="Free some space."))


@pytest.mark.parametrize(
    "change",
    [DeviceChange(name="b", add_tags=("t",)), DeviceChange.to_nothing()],
)
def test_a_change_that_cannot_be_stored_is_taken_back(fleet: Asking, change: DeviceChange) -> None:
    device = fleet.ask(1)
    device.name, device.pin = "a", Pin("1.0.0")
    before = run_here(fleet.devices.show(LAMP))
    refuse(fleet.devices.change(LAMP, change))
    assert run_here(fleet.devices.show(LAMP)) == before


def test_a_retry_that_cannot_be_stored_is_taken_back(fleet: Asking) -> None:
    device = fleet.ask(1)
    device.box, device.obstacle = Box(whole=3), "failed"
    refuse(fleet.devices.retry(LAMP))
    assert (device.box, device.obstacle) == (Box(whole=3), "failed")


def test_nothing_is_changed_while_the_store_is_away(
    fleet: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = run_here(fleet.devices.show(LAMP))
    monkeypatch.setattr(FleetState, "away", property(lambda _: "the disk is full"))
    for operation in (
        fleet.devices.change(LAMP, DeviceChange(name="b")),
        fleet.devices.retry(LAMP),
        fleet.devices.forget(LAMP),
    ):
        with pytest.raises(StoreError, match=r"nothing was changed, because .* the disk is full"):
            run_here(operation)  # type: ignore[arg-type]
    assert run_here(fleet.devices.show(LAMP)) == before


def test_a_device_that_cannot_be_forgotten_stays(fleet: Asking) -> None:
    fleet.policy("1,100%")
    fleet.put("1.2.0")
    live = fleet.state.product("lamp").lives[0]
    live.progress.chosen[LAMP] = 0
    fleet.ask(1, takes=True)
    before, part = run_here(fleet.devices.show(LAMP)), live.progress.get(LAMP)
    assert part is not None
    refuse(fleet.devices.forget(LAMP))
    assert run_here(fleet.devices.show(LAMP)) == before
    assert live.progress.get(LAMP) == part
    assert len(fleet.state) == 1
    assert fleet.state.store is not None
    fleet.state.store.written().result(20)
    assert LAMP in read(fleet.folder).devices
    assert read(fleet.folder).lives[0].progress.get(LAMP) == part


def test_many_devices_are_changed_at_once(fleet: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "_AT_ONCE", 2)
    devices = [fleet.ask(number) for number in range(1, 6)]
    run_here(fleet.devices.change(devices[2].id, DeviceChange(add_tags=("a",))))
    gone = fleet.ask(6)
    run_here(fleet.devices.forget(gone.id))
    change = DeviceChange(add_tags=("a",))
    assert run_here(fleet.devices.change_all([*devices, gone], change)) == 4
    assert all(device.tags == {"a"} for device in devices)
    assert [stored(fleet, device.id) for device in devices] == devices
    assert run_here(fleet.devices.change_all(devices, change)) == 0


def test_none_of_many_is_changed_if_one_cannot_be(fleet: Asking) -> None:
    devices = [fleet.ask(number) for number in (1, 2)]
    devices[1].tags = frozenset(f"t{number}" for number in range(32))
    with pytest.raises(SettingsError, match="33 tags"):
        run_here(fleet.devices.change_all(devices, DeviceChange(add_tags=("a",))))
    assert devices[0].tags == frozenset()


def test_a_store_that_breaks_off_says_how_many_were_changed(
    fleet: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "_AT_ONCE", 1)
    devices = [fleet.ask(number) for number in (1, 2)]
    change = DeviceChange(add_groups=("house",))
    refuse(fleet.devices.change_all(devices, change))
    assert [device.groups for device in devices] == [frozenset(), frozenset()]
    operation = fleet.devices.change_all(devices, change)
    step = next(operation)
    step = operation.send(step())  # type: ignore[operator]
    step = operation.send(None)
    with pytest.raises(StoreError, match="only 1 device was changed"):
        operation.throw(StoreError("the disk is full", hint="Free some space."))
    assert [device.groups for device in devices] == [{"house"}, frozenset()]


def test_devices_in_an_order(fleet: Asking) -> None:
    for number in (3, 2):
        fleet.ask(number, "1.1.0")
    wanted = DeviceFilter.of(version="1.1.0")
    index = run_here(fleet.devices.index())
    matching = fleet.devices.matching(index, wanted, Order("device", True))
    assert [device.mac for device in run_here(matching)] == [mac(3), mac(2)]
    assert index.totals.choices["version"] == ("1.0.0", "1.1.0")
