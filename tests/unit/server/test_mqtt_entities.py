"""What an entity shows is what its device would get, and an order is that and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from acpublish.control.following import lives, surveyed
from acpublish.control.operations import run_here
from acpublish.fleet.advancing import look
from acpublish.fleet.device_changes import DeviceChange
from acpublish.fleet.known_device import Device
from acpublish.release.change_request import ChangeRequest
from acpublish.release.version import Version
from acpublish.server.fleet_people import FleetPeople
from acpublish.server.fleet_updates import FleetUpdates
from acpublish.server.mqtt_entities import ORDERED, MqttEntities
from acpublish.server.pages.page_links import PageLinks
from tests.unit.control.asking import Asking


class Shown:
    """A fleet with entities."""

    def __init__(self, fleet: Asking) -> None:
        self.fleet = fleet
        updates = FleetUpdates(fleet.serving, lambda: None)
        people = FleetPeople(fleet.state, fleet.catalog, lambda: None)
        self.entities = MqttEntities(updates, people, PageLinks("http://192.168.1.10:8000"))

    def change(self, device: Device, change: DeviceChange) -> None:
        run_here(self.fleet.devices.change(device.id, change))

    def versions(self, device: Device) -> tuple[str, str]:
        """Returns what an entity shows, which has to agree with what the device would get."""
        entity = self.entities.entity(device)
        explained = run_here(self.fleet.devices.explain(device.id))
        if explained["verdict"] == "offer":
            assert entity.latest == explained["version"]
        else:
            assert entity.latest == entity.installed
        return entity.installed, entity.latest

    def order(self, device: Device, version: str, announced: str | None = None) -> None:
        wanted = version if announced is None else announced
        asyncio.run(self.entities.order(device, version, wanted))

    def end_orders(self) -> None:
        for device in list(self.entities.ended(iter(list(self.fleet.state.devices())))):
            asyncio.run(self.entities.end(device))


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Shown]:
    fleet = Asking(tmp_path)
    fleet.put("1.0.0")
    with fleet.stored():
        yield Shown(fleet)


def test_what_is_newest_and_what_people_want(shown: Shown) -> None:
    device = shown.fleet.ask(1)
    assert shown.versions(device) == ("1.0.0", "1.0.0")
    shown.fleet.put("1.1.0")
    assert shown.versions(device) == ("1.0.0", "1.1.0")
    shown.change(device, DeviceChange.to_nothing())
    assert shown.versions(device) == ("1.0.0", "1.0.0")
    assert "on hold" in shown.entities.entity(device).summary
    shown.change(device, DeviceChange.to_version("1.0.0"))
    assert shown.versions(device) == ("1.0.0", "1.0.0")
    shown.change(device, DeviceChange.to_anything())
    assert shown.versions(device) == ("1.0.0", "1.1.0")
    assert shown.entities.entity(device).summary.startswith("lamp 1.1.0 for d1, published ")


def test_only_the_devices_that_a_rollout_has_reached_are_shown_an_update(shown: Shown) -> None:
    devices = [shown.fleet.ask(number) for number in range(20)]
    shown.fleet.policy("3, 100%")
    shown.fleet.put("1.1.0")
    state = shown.fleet.state
    for live in lives(state):
        surveyed(state, live, look(live, list(state.devices()), state.clock.now()))
    versions = [shown.versions(device) for device in devices]
    assert versions.count(("1.0.0", "1.1.0")) == 3
    assert versions.count(("1.0.0", "1.0.0")) == 17


def test_nothing_is_shown_while_nobody_knows_who_is_pinned(shown: Shown) -> None:
    device = shown.fleet.ask(1)
    shown.fleet.put("1.1.0")
    shown.fleet.state.unread = "the store cannot be read"
    assert not shown.entities.entity(device).has_update


def test_a_device_with_its_own_build(shown: Shown) -> None:
    device = shown.fleet.ask(1, None, claims="0.9.0")
    assert shown.versions(device) == ("0.9.0", "1.0.0")


def test_the_pages_of_a_device_and_of_what_it_would_get(shown: Shown) -> None:
    releases = "http://192.168.1.10:8000/_/products/lamp"
    device, own_build = shown.fleet.ask(1), shown.fleet.ask(2, None, claims="1.0.0")
    entity = shown.entities.entity(device)
    assert entity.page == "http://192.168.1.10:8000/_/devices/lamp/24:0a:c4:00:00:01"
    assert entity.release_page == f"{releases}/1.0.0"
    shown.fleet.put("1.1.0")
    for each in (device, own_build):
        assert shown.entities.entity(each).release_page == f"{releases}/1.1.0"
    shown.change(own_build, DeviceChange.to_nothing())
    assert shown.entities.entity(own_build).release_page == releases


def test_a_device_is_under_way_until_it_comes_back(shown: Shown) -> None:
    device = shown.fleet.ask(1)
    shown.fleet.put("1.1.0")
    assert not shown.entities.entity(device).in_progress
    shown.fleet.ask(1, takes=True)
    assert shown.entities.entity(device).in_progress
    shown.fleet.now += 3600
    assert not shown.entities.entity(device).in_progress
    shown.fleet.ask(1, "1.1.0")
    assert not shown.entities.entity(device).in_progress


def test_an_order_pins_until_the_device_runs_it(shown: Shown) -> None:
    device = shown.fleet.ask(1)
    shown.fleet.put("1.1.0")
    shown.order(device, "1.1.0")
    assert device.pin is not None
    assert device.pin.version == "1.1.0"
    assert ORDERED in device.tags
    assert shown.entities.entity(device).in_progress
    # It is that version and no newer one.
    shown.fleet.put("1.2.0")
    assert shown.versions(device) == ("1.0.0", "1.1.0")
    shown.end_orders()
    assert device.pin is not None
    shown.fleet.ask(1, "1.1.0")
    shown.end_orders()
    assert (device.pin, device.tags) == (None, frozenset())
    assert shown.versions(device) == ("1.1.0", "1.2.0")


@pytest.mark.parametrize(
    ("version", "announced"),
    [("1.0.0", "1.1.0"), ("1.1.0", ""), ("1.1.0", "1.2.0"), ("", ""), ("9.9.9", "9.9.9")],
)
def test_anything_but_the_announced_update_is_ignored(
    shown: Shown, version: str, announced: str
) -> None:
    device = shown.fleet.ask(1)
    shown.fleet.put("1.1.0")
    shown.order(device, version, announced)
    assert (device.pin, device.tags) == (None, frozenset())


def test_an_order_for_what_is_no_longer_offered_is_ignored(shown: Shown) -> None:
    device = shown.fleet.ask(1)
    shown.fleet.put("1.1.0")
    shown.change(device, DeviceChange.to_nothing())
    shown.order(device, "1.1.0")
    assert device.pin is None
    assert device.hold


def test_an_order_takes_no_device_out_of_the_health_of_its_rollout(shown: Shown) -> None:
    device = shown.fleet.ask(1)
    shown.fleet.policy("100%")
    shown.fleet.put("1.1.0")
    assert shown.versions(device) == ("1.0.0", "1.1.0")
    shown.order(device, "1.1.0")
    assert (device.pin, device.tags) == (None, frozenset())


def test_an_order_ends_if_the_release_is_taken_back(shown: Shown) -> None:
    device = shown.fleet.ask(1)
    shown.fleet.put("1.1.0")
    shown.order(device, "1.1.0")
    withdrawal = ChangeRequest(action="withdraw", version=Version.parse("1.1.0"), why="it hangs")
    shown.fleet.catalog.changes.make("lamp", withdrawal)
    shown.fleet.follow()
    shown.end_orders()
    assert (device.pin, device.tags) == (None, frozenset())


def test_a_pin_that_a_person_changed_meanwhile_stays_until_it_is_reached(shown: Shown) -> None:
    device = shown.fleet.ask(1)
    shown.fleet.put("1.1.0")
    shown.order(device, "1.1.0")
    shown.change(device, DeviceChange.to_anything())
    shown.end_orders()
    assert (device.pin, device.tags) == (None, frozenset())
