from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from acpublish.control.told import Told as Memory
from acpublish.fleet.fleet_events import FleetEvent
from acpublish.fleet.rollout import advanced
from acpublish.store.fleet_store import FleetStore
from acpublish.wire import Mode
from tests.unit.control.making import PRODUCT, Fleet, document
from tests.unit.fleet.making import mac, report
from tests.unit.store.making import opened

KEY = f"{PRODUCT}/{mac(1)}"


class Told(list[FleetEvent]):
    """What a listener was told."""

    def kinds(self) -> list[str]:
        """Returns the kinds of what was told since the last call."""
        kinds = [event.kind for event in self]
        self.clear()
        return kinds


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FleetStore]:
    with opened(tmp_path) as store:
        yield store


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def fleet(store: FleetStore, told: Told) -> Fleet:
    fleet = Fleet()
    fleet.state.use(store, store.load())
    fleet.state.listeners.append(told.append)
    return fleet


def test_a_new_device_is_told_once(fleet: Fleet, told: Told) -> None:
    fleet.known(1)
    (event,) = told
    assert event.kind == "new-device"
    assert (event.product, event.data) == (PRODUCT, {"device": KEY, "board": "d1"})
    fleet.clocks.pass_(600)
    fleet.known(1)
    fleet.serving.seen(fleet.known(1).request, PRODUCT, ())
    assert told.kinds() == ["new-device"]


def test_a_device_that_runs_another_release_is_told_with_both(fleet: Fleet, told: Told) -> None:
    fleet.known(1, "1.0.0")
    told.clear()
    fleet.clocks.pass_(600)
    fleet.known(1, "2.0.0")
    (event,) = told
    assert event.kind == "updated"
    assert event.data == {"device": KEY, "version": "2.0.0", "before": "1.0.0"}


def test_nobody_listens_and_nothing_is_compared(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.state.listeners.clear()
    monkeypatch.setattr("acpublish.control.fleet_news.troubles", None)
    monkeypatch.setattr("acpublish.control.fleet_news.Seen", None)
    fleet.known(1)
    fleet.known(1, "2.0.0")


def test_a_listener_that_fails_keeps_nobody_else_from_hearing(
    fleet: Fleet, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    fleet.state.listeners.insert(0, lambda event: event.data["no such key"])
    assert fleet.known(1).decision
    assert told.kinds() == ["new-device"]
    assert "a listener for events failed" in caplog.text


def test_a_device_that_does_not_come_back_with_the_image_is_flagged_once(
    fleet: Fleet, told: Told
) -> None:
    for _ in range(4):
        case = fleet.known(1, "0.5.0")
        if case.decision.image is not None:
            fleet.serving.offered(case)
            fleet.end(case)
        fleet.clocks.pass_(600)
    flagged = [event for event in told if event.kind == "flagged"]
    assert [event.data["flags"] for event in flagged] == [["boxed"]]
    reason = "it received the image 3 times and did not come back with it"
    assert flagged[0].data["reason"] == reason


def test_an_obstacle_is_told_with_the_reason_of_the_decision(fleet: Fleet, told: Told) -> None:
    said = report("0.5.0", number=1, family="esp32")
    case = fleet.known(said)
    flagged = [event for event in told if event.kind == "flagged"]
    assert [event.data["reason"] for event in flagged] == [case.decision.reason]
    told.clear()
    fleet.known(said._replace(mode=Mode.FILESYSTEM))
    fleet.known(said)
    assert told.kinds() == []


def test_a_flag_that_comes_and_goes_is_told_once_a_day(fleet: Fleet, told: Told) -> None:
    good, bad = report("0.5.0", number=1), report("0.5.0", number=1, family="esp32")
    fleet.known(good)
    told.clear()
    for _ in range(3):
        fleet.known(bad)
        fleet.known(good)
        fleet.clocks.pass_(600)
    assert told.kinds() == ["flagged"]
    # Another flag of the same device is news at once, and so is that of another device.
    device = fleet.known(good).device
    before = fleet.state.news.before(device)
    device.unverified = True
    fleet.state.news.device_changed(device, before, fleet.clocks.wall)
    fleet.known(bad._replace(mac=mac(2)))
    flagged = [event.data for event in told if event.kind == "flagged"]
    assert [data["flags"] for data in flagged] == [["unverified"], ["other-chip"]]
    told.clear()
    fleet.clocks.pass_(24 * 3600)
    fleet.known(bad)
    assert told.kinds() == ["flagged"]


def test_what_people_do_to_a_device_flags_nothing(fleet: Fleet, told: Told) -> None:
    fleet.known(report(number=None))
    device = fleet.known(1).device
    told.clear()
    device.hold = True
    fleet.known(1)
    assert told.kinds() == []


def test_stages_and_the_end_of_a_rollout_are_told(fleet: Fleet, told: Told) -> None:
    for number in (1, 2, 3):
        fleet.known(number)
    told.clear()
    fleet.follow(document(5, "2.0.0", stages="1,100%", of_policy={"halt": "1"}))
    (event,) = told
    about = {"rollout": "lamp-5", "version": "2.0.0", "channel": "stable"}
    assert event.data == {**about, "stage": 1, "stages": 2}
    told.clear()
    fleet.follow(document(5, "2.0.0", stages="1,100%", halted="people complain"))
    (event,) = told
    assert event.kind == "halted"
    assert event.data == {**about, "reason": "people complain"}
    told.clear()
    fleet.follow(document(6))
    assert told.kinds() == []


def test_a_complete_rollout_is_told_once(fleet: Fleet, told: Told) -> None:
    fleet.follow(document(5, "2.0.0"))
    fleet.follow(document(6, settled="2.0.0"))
    assert told.kinds() == ["stage", "completed"]


def test_a_restart_tells_nothing_again_even_if_no_store_has_the_rollout(told: Told) -> None:
    first = Fleet()
    first.state.listeners.append(told.append)
    first.follow(document(5, "2.0.0"))
    assert told.kinds() == ["stage"]
    again = Fleet()
    again.state.news.told = first.state.news.told
    again.state.listeners.append(told.append)
    again.follow(document(5, "2.0.0"))
    assert told.kinds() == []


def test_what_commands_did_to_rollouts_while_no_server_ran_is_told(
    tmp_path: Path, told: Told
) -> None:
    def serves(memory: Memory) -> Fleet:
        server = Fleet()
        server.state.news.told = memory
        server.state.listeners.append(told.append)
        server.state.use(store, store.load())
        # Those who listen are there only once the store is open.
        assert told == []
        server.state.news.tell_found()
        return server

    def ends(memory: Memory) -> None:
        store.written().result(20)
        memory.products = {PRODUCT: 5}
        memory.write(memory.unwritten() or {})

    def advances() -> None:
        command = Fleet()
        command.state.use(store, store.load())
        command.live.rollout = advanced(command.live.rollout, command.state.clock.now())
        command.state.moved(command.live).result(20)

    with opened(tmp_path / "fleet") as store:
        memory = Memory(tmp_path)
        serves(memory).follow(document(5, "2.0.0", stages="1,50%,100%"))
        ends(memory)
        assert told.kinds() == ["stage"]
        advances()
        # Where nothing was told before, what is found is where it begins.
        serves(Memory())
        assert told == []
        memory = Memory(tmp_path)
        serves(memory)
        assert [event.data["stage"] for event in told] == [2]
        ends(memory)
        told.clear()
        serves(Memory(tmp_path))
        assert told == []
        advances()
        advances()
        serves(Memory(tmp_path))
        assert told.kinds() == ["completed"]


def test_devices_that_were_heard_before_the_store_are_told_once_it_is_open(
    store: FleetStore, told: Told
) -> None:
    before = Fleet()
    before.state.use(store, store.load())
    before.known(1, "1.0.0")
    before.known(2, "1.0.0")
    store.written().result(20)
    fleet = Fleet()
    fleet.state.listeners.append(told.append)
    fleet.known(1, "1.0.0")
    fleet.known(2, "2.0.0")
    fleet.known(3, "1.0.0")
    assert told == []
    fleet.state.use(store, store.load())
    devices = [(event.kind, event.data["device"]) for event in told]
    assert devices == [("updated", f"{PRODUCT}/{mac(2)}"), ("new-device", f"{PRODUCT}/{mac(3)}")]
