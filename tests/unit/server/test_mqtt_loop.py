"""What is sent to a broker, by a link that notes it; a real one is in tests/integration."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from acpublish.control.operations import run_here
from acpublish.fleet.fleet_events import NEW_DEVICE, FleetEvent
from acpublish.notices.mqtt_address import MqttAddress
from acpublish.server import mqtt_loop
from acpublish.server.fleet_updates import FleetUpdates
from acpublish.server.mqtt_loop import MqttLoop
from tests.unit.control.asking import Asking

CONFIG = "homeassistant/update/home/lamp_240ac40000{:02x}/config"
STATE = "home/devices/lamp_240ac40000{:02x}/state"


class NotingLink:
    """Takes the place of a link: a connection with room for some messages.

    Mirrors acpublish/notices/mqtt_link.py of this version: what cannot be sent is refused.
    """

    def __init__(self, address: Any, topics: Any, heard: Any, connected: Any) -> None:
        self.topics, self.hears, self.connects = topics, heard, connected
        self.is_connected = True
        self.room = 1_000_000
        self.sent: list[tuple[str, bytes]] = []

    def start(self) -> None:
        self.connects()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        if not self.is_connected or not self.room:
            return False
        self.room -= 1
        self.sent.append((topic, payload))
        return True

    def take(self) -> list[str]:
        """Returns the topics of what was sent since this was last asked."""
        topics = [topic for topic, _ in self.sent]
        self.sent.clear()
        return topics


class Told:
    def __init__(self, fleet: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(mqtt_loop, "MqttLink", NotingLink)
        self.fleet = fleet
        updates = FleetUpdates(fleet.serving, lambda: None)
        address = MqttAddress(host="h", port=1, prefix="home")
        self.loop = MqttLoop(address, fleet.catalog, updates, install=True)
        self.link: NotingLink = self.loop._link  # type: ignore[assignment]

    def turn(self) -> bool:
        return asyncio.run(self.loop._turn())


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    fleet = Asking(tmp_path)
    fleet.put("1.0.0")
    with fleet.stored():
        yield Told(fleet, monkeypatch)


def test_only_what_has_changed_is_sent(told: Told) -> None:
    for number in (1, 2):
        told.fleet.ask(number)
    assert told.turn()
    both = [CONFIG, STATE]
    assert sorted(told.link.take()) == sorted(t.format(n) for t in both for n in (1, 2))
    assert told.turn()
    assert told.link.take() == []
    told.fleet.put("1.1.0")
    told.turn()
    # The description has the version that the button orders.
    assert len(told.link.take()) == 4
    told.fleet.ask(1, "1.1.0")
    told.turn()
    assert told.link.take() == [CONFIG.format(1), STATE.format(1)]


def test_a_broker_without_room_gets_the_rest_later(told: Told) -> None:
    for number in range(10):
        told.fleet.ask(number)
    told.link.room = 7
    assert not told.turn()
    told.link.room = 100
    assert told.turn()
    topics = told.link.take()
    assert len(topics) == len(set(topics)) == 20


def test_events_wait_for_the_broker_and_are_bounded(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.link.is_connected = False
    for number in range(3000):
        told.loop.note(FleetEvent(NEW_DEVICE, float(number), "lamp", {"device": "x"}))
    assert told.turn()
    told.link.is_connected = True
    told.turn()
    sent = [json.loads(payload) for topic, payload in told.link.sent]
    assert [event["at"] for event in sent] == [float(number) for number in range(2000, 3000)]
    assert {topic for topic, _ in told.link.sent} == {"home/events/new-device"}


def test_requests_get_their_turn_between_many_messages(told: Told) -> None:
    for number in range(1000):
        told.loop.note(FleetEvent(NEW_DEVICE, float(number), "lamp", {"device": "x"}))
        told.link.hears(f"home/devices/gone_{number}/state", b"{}", True)
    turns: list[int] = []

    async def main() -> None:
        async def others() -> None:
            while True:
                turns.append(len(told.link.sent))
                await asyncio.sleep(0)

        task = asyncio.create_task(others())
        assert await told.loop._turn()
        task.cancel()

    asyncio.run(main())
    assert len(told.link.sent) == 3000
    at_once = [after - before for before, after in itertools.pairwise(turns)]
    assert max(at_once) <= 2 * mqtt_loop._AT_ONCE


def test_a_device_that_is_gone_is_removed(told: Told) -> None:
    device = told.fleet.ask(1)
    told.turn()
    told.link.take()
    run_here(told.fleet.devices.forget(device.id))
    told.turn()
    assert told.link.sent == [(CONFIG.format(1), b""), (STATE.format(1), b"")]
    told.link.take()
    told.turn()
    assert told.link.take() == []


def test_what_a_broker_has_of_an_unknown_device_is_removed(told: Told) -> None:
    told.fleet.ask(1)
    told.link.hears(STATE.format(1), b"{}", True)
    told.link.hears(STATE.format(9), b"{}", True)
    # Our own messages come back, and an empty one is what was removed.
    told.link.hears(STATE.format(8), b"{}", False)
    told.link.hears(STATE.format(7), b"", True)
    # The topic of its description would be longer than MQTT allows.
    told.link.hears(f"home/devices/{'x' * 65_500}/state", b"{}", True)
    told.turn()
    removed = [topic for topic, payload in told.link.sent if not payload]
    assert removed == [CONFIG.format(9), STATE.format(9)]


def test_without_a_store_nothing_is_removed(told: Told) -> None:
    told.link.hears(STATE.format(9), b"{}", True)
    store, told.fleet.state.store = told.fleet.state.store, None
    assert told.turn()
    assert told.link.take() == []
    told.fleet.state.store = store
    told.turn()
    assert len(told.link.take()) == 2


def test_no_more_devices_than_home_assistant_can_show(
    told: Told, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(mqtt_loop, "MAX_ENTITIES", 3)
    for number in range(30):
        told.fleet.ask(number)
    told.turn()
    assert len(told.link.take()) == 6
    told.turn()
    assert told.link.take() == []
    assert len(told.loop._sent) == 3


@pytest.mark.parametrize(
    ("begin", "again"),
    [
        (lambda link: link.hears("homeassistant/status", b"online", False), True),
        (lambda link: link.hears("homeassistant/status", b"offline", False), False),
        (lambda link: link.connects(), True),
    ],
)
def test_when_all_of_it_is_sent_again(
    told: Told, begin: Callable[[NotingLink], None], again: bool
) -> None:
    told.fleet.ask(1)
    told.turn()
    told.link.take()
    begin(told.link)
    told.turn()
    assert len(told.link.take()) == (2 if again else 0)


def test_orders_are_taken_only_live_and_not_too_many(told: Told) -> None:
    told.fleet.ask(1)
    told.fleet.put("1.1.0")
    told.turn()
    topic = "home/devices/lamp_240ac4000001/install"
    told.link.hears(topic, b"1.1.0", True)
    told.link.hears(topic, b"x" * 1000, False)
    assert not told.loop._orders
    for _ in range(1000):
        told.link.hears(topic, b"\xff", False)
    assert len(told.loop._orders) == 20
    told.link.hears(topic, b"1.1.0", False)
    told.turn()
    device = told.fleet.state.device("lamp/24:0a:c4:00:00:01")
    assert device is not None
    assert device.pin is not None
    assert device.pin.version == "1.1.0"


def test_the_end_of_an_order_does_not_wait_for_the_next_turn(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.fleet.ask(1)
    told.fleet.put("1.1.0")
    told.turn()
    told.link.hears("home/devices/lamp_240ac4000001/install", b"1.1.0", False)
    told.turn()
    told.fleet.state.news.listeners.append(told.loop.note)
    # After its first turn the task rests for good.
    monkeypatch.setattr(mqtt_loop, "_REST_PER_TURN", 1_000_000)
    turn, turned = told.loop._turn, asyncio.Event()

    async def noted() -> bool:
        was_all = await turn()
        turned.set()
        return was_all

    monkeypatch.setattr(told.loop, "_turn", noted)

    async def main() -> list[dict[str, Any]]:
        task = asyncio.create_task(told.loop._turns())
        await turned.wait()
        assert json.loads(told.loop._sent["lamp_240ac4000001"][1])["in_progress"]
        told.link.take()
        told.fleet.ask(1, "1.1.0")
        while STATE.format(1) not in {topic for topic, _ in told.link.sent}:
            await asyncio.sleep(0.01)
        task.cancel()
        return [json.loads(own) for topic, own in told.link.sent if topic == STATE.format(1)]

    (state,) = asyncio.run(asyncio.wait_for(main(), 30))
    assert (state["installed_version"], state["in_progress"]) == ("1.1.0", False)
    device = told.fleet.state.device("lamp/24:0a:c4:00:00:01")
    assert device is not None
    assert (device.pin, device.tags) == (None, frozenset())


def test_without_the_button_there_are_no_orders(told: Told) -> None:
    """A broker can also send what nobody has subscribed to."""
    told.loop._install = False
    told.fleet.ask(1)
    told.fleet.put("1.1.0")
    told.turn()
    told.link.hears("home/devices/lamp_240ac4000001/install", b"1.1.0", False)
    told.turn()
    device = told.fleet.state.device("lamp/24:0a:c4:00:00:01")
    assert device is not None
    assert device.pin is None


def test_without_a_fleet_there_are_only_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt_loop, "MqttLink", NotingLink)
    fleet = Asking(tmp_path)
    loop = MqttLoop(MqttAddress(host="h", port=1), fleet.catalog, None, install=True)
    link: Any = loop._link
    assert link.topics == []
    loop.note(FleetEvent("published", 1.0, "lamp", {"version": "1.0.0"}))
    assert asyncio.run(loop._turn())
    assert link.take() == ["acpublish/events/published"]
