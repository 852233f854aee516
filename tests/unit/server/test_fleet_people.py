"""Operations in an event loop: what is slow is in a thread, what is stored is awaited."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from pathlib import Path

import pytest

from acpublish.control.operations import Operation
from acpublish.errors import NotFoundError, StoreError
from acpublish.fleet.device_changes import DeviceChange
from acpublish.server import fleet_people
from acpublish.server.fleet_people import FleetPeople
from acpublish.store.fleet_store import FleetStore
from tests.unit.control.asking import Asking, mac


def people(fleet: Asking) -> FleetPeople:
    return FleetPeople(fleet.state, fleet.catalog, lambda: None)


def test_steps_are_in_a_thread_and_the_rest_is_not(tmp_path: Path) -> None:
    fleet = Asking(tmp_path)
    here = threading.get_ident()

    def operation() -> Operation[tuple[int, int]]:
        before = threading.get_ident()
        there = yield threading.get_ident
        assert before == threading.get_ident() == here
        stored: Future[None] = Future()
        stored.set_result(None)
        yield stored
        return there, before

    there, before = asyncio.run(people(fleet).show(operation()))
    assert there != before


def test_an_error_of_a_step_is_the_operations(tmp_path: Path) -> None:
    def missing() -> None:
        raise NotFoundError("there is nothing", hint="Look elsewhere.")

    def operation() -> Operation[str]:
        try:
            yield missing
        except NotFoundError as error:
            return error.problem
        return ""

    fleet = Asking(tmp_path)
    assert asyncio.run(people(fleet).show(operation())) == "there is nothing"


def test_what_is_not_stored_in_time_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acpublish.store.fleet_store.COMMIT_WAIT_S", 0.05)
    fleet = Asking(tmp_path)
    fleet.put("1.0.0")
    with fleet.stored() as store:
        device = fleet.ask(1)
        monkeypatch.setattr(store, "keep", lambda *_: Future())
        change = fleet.devices.change(device.id, DeviceChange(name="kitchen"))
        with pytest.raises(StoreError, match="nothing was changed"):
            asyncio.run(people(fleet).make(change))
        assert device.name == ""


def test_a_change_waits_for_a_store_that_is_about_to_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = Asking(tmp_path)
    fleet.put("1.0.0")
    device = fleet.ask(1)
    opened: list[FleetStore] = []

    def need_store() -> None:
        opened.append(FleetStore.open(fleet.folder))
        fleet.state.use(opened[-1], opened[-1].load())

    own = FleetPeople(fleet.state, fleet.catalog, need_store)
    try:
        change = fleet.devices.change(mac(1), DeviceChange(name="kitchen"))
        assert asyncio.run(own.make(change))["name"] == "kitchen"
        assert len(opened) == 1
    finally:
        fleet.state.store = None
        opened[0].close()
    monkeypatch.setattr(fleet_people, "_OPEN_S", 0.1)
    change = fleet.devices.change(mac(1), DeviceChange(name="hall"))
    fleet.state._read = None
    with pytest.raises(StoreError, match="not open yet"):
        asyncio.run(people(fleet).make(change))
    assert device.name == "kitchen"
