"""What a server tells by MQTT: one task of the event loop.

1. Events go out as they come. While the broker is away the last of them wait.
2. Devices are looked at again every second, a few at a time, because what they get also depends on
   the time of the day; only what has changed is sent. With many devices that is less often.
3. The end of an order does not wait for that, because somebody looks at it.
4. Everything about devices is sent again after each connection, and when Home Assistant starts.
5. The broker itself remembers which devices it has been told of. Those that are no longer known
   are removed, which needs the store: without it nobody knows which devices there are.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from importlib import metadata
from typing import Any

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.control.following import follow_snapshot
from acpublish.errors import AcpublishError
from acpublish.fleet.fleet_events import UPDATED, FleetEvent
from acpublish.fleet.known_device import Device
from acpublish.notices.home_assistant import (
    BIRTH,
    BIRTH_TOPIC,
    Entity,
    Topics,
    entity_config,
    entity_state,
)
from acpublish.notices.mqtt_address import MqttAddress
from acpublish.notices.mqtt_link import MqttLink
from acpublish.server.fleet_people import FleetPeople
from acpublish.server.fleet_updates import FleetUpdates
from acpublish.server.mqtt_entities import ORDERED, MqttEntities
from acpublish.server.pages.page_links import PageLinks

_log = logging.getLogger("acpublish.mqtt")

#: Events that wait for the broker; of more, the oldest are forgotten.
_MAX_EVENTS = 1000
#: Entities; Home Assistant is made for homes, and strangers can invent devices.
MAX_ENTITIES = 5000
#: Orders that wait; one is a press of a button.
_MAX_ORDERS = 20
#: A version is shorter.
_MAX_ORDER_BYTES = 64
#: No device has a longer topic; that of its description is longer, and MQTT has a limit.
_MAX_TOPIC = 1000
#: How often devices are looked at, in seconds.
_LOOK_EVERY_S = 1.0
#: How long the task rests after each turn, at least, and in proportion to the turn: whatever the
#: broker sends, the task takes a tenth of the time at most.
_REST_S = 0.2
_REST_PER_TURN = 10
#: How many devices or messages are handled before requests get their turn: about a millisecond.
_AT_ONCE = 20


class MqttLoop:
    """Tells a broker what happens, and takes orders from it."""

    def __init__(
        self,
        address: MqttAddress,
        catalog: DirectoryCatalog,
        fleet: FleetUpdates | None = None,
        links: PageLinks | None = None,
        *,
        install: bool = False,
    ) -> None:
        """Prepares to run.

        Args:
            address: The broker.
            catalog: Where releases are.
            fleet: The fleet; None for events of the catalog only.
            links: The URLs of pages; None to name none.
            install: Whether anyone on the broker may order the update of a device.
        """
        self._topics = topics = Topics(address.prefix)
        self._catalog = catalog
        self._fleet = fleet
        self._install = install and fleet is not None
        listens = [BIRTH_TOPIC, topics.state("+")] if fleet is not None else []
        listens += [topics.install("+")] if self._install else []
        self._link = MqttLink(address, listens, self._on_message, self._begin)
        if fleet is not None:
            people = FleetPeople(fleet.state, catalog, fleet.need_store)
            self._entities = MqttEntities(fleet, people, links or PageLinks(""))
        self._server = metadata.version("acpublish")
        self._wake = asyncio.Event()
        self._events: deque[FleetEvent] = deque(maxlen=_MAX_EVENTS)
        self._orders: deque[tuple[str, str]] = deque(maxlen=_MAX_ORDERS)
        #: Devices that run another release after an order; any further ones wait for their turn.
        self._updated: deque[str] = deque(maxlen=_AT_ONCE)
        self._hurry = asyncio.Event()
        #: By key, what was sent last: the description and the state of an entity.
        self._sent: dict[str, tuple[bytes, bytes]] = {}
        #: The keys that the broker has anything of.
        self._announced: set[str] = set()
        #: By key, the device, and the update that was announced; empty for none.
        self._known: dict[str, tuple[str, str]] = {}
        self._is_full = False

    def is_connected(self) -> bool:
        """Returns whether there is a connection to the broker; may be called from a thread."""
        return self._link.is_connected

    def note(self, event: FleetEvent) -> None:
        """Takes an event; a listener of :class:`~acpublish.control.fleet_news.FleetNews`."""
        self._events.append(event)
        self._wake.set()
        if self._fleet is not None and event.kind == UPDATED:
            device = self._fleet.state.device(event.data["device"])
            if device is not None and ORDERED in device.tags:
                self._updated.append(device.id)
                self._hurry.set()

    def _begin(self) -> None:
        """Sends everything again."""
        self._sent.clear()
        self._wake.set()

    def _on_message(self, topic: str, payload: bytes, retained: bool) -> None:
        if topic == BIRTH_TOPIC:
            if payload == BIRTH:
                self._begin()
            return
        if len(topic) > _MAX_TOPIC:
            return
        key = self._topics.key_in(topic)
        if topic == self._topics.state(key):
            if retained and payload and len(self._announced) < 2 * MAX_ENTITIES:
                self._announced.add(key)
        elif self._install and topic == self._topics.install(key):
            if retained:
                _log.warning("ignored an order by MQTT that was retained: %a", topic)
            elif len(payload) <= _MAX_ORDER_BYTES:
                self._orders.append((key, payload.decode("utf-8", "replace")))
                self._wake.set()

    async def run(self) -> None:
        """Runs until it is cancelled, and then says that the server ends."""
        self._link.start()
        try:
            await self._turns()
        finally:
            await asyncio.to_thread(self._link.close)

    async def _turns(self) -> None:
        while True:
            self._wake.clear()
            begin = time.monotonic()
            if not await self._guarded(self._turn):
                self._wake.set()
            await self._rest(begin)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wake.wait(), _LOOK_EVERY_S)

    async def _guarded(self, step: Callable[[], Awaitable[bool]]) -> bool:
        """Takes a step, and logs what goes wrong; returns False only if the step does."""
        try:
            return await step()
        except AcpublishError as error:
            _log.error("MQTT: %s", error)
        except Exception:
            # Devices are served all the same, and the next turn may succeed.
            _log.exception("the task for MQTT failed")
        return True

    async def _rest(self, begin: float) -> None:
        """Lets devices go first after a turn, and meanwhile only ends orders, a few at a time."""
        end = _rested(begin)
        while (left := end - time.monotonic()) > 0:
            try:
                await asyncio.wait_for(self._hurry.wait(), left)
            except asyncio.TimeoutError:
                return
            begin = time.monotonic()
            await self._guarded(self._end_orders)
            await asyncio.sleep(_rested(begin) - time.monotonic())

    async def _turn(self) -> bool:
        """Sends what is to be sent; returns whether that was all."""
        if not self._link.is_connected:
            return True
        if not await self._tell():
            return False
        if self._fleet is None or self._fleet.state.store is None:
            return True
        await self._take_orders(self._fleet)
        return await self._look(self._fleet)

    async def _tell(self) -> bool:
        """Sends the events that wait; returns whether that was possible."""
        for count in itertools.count(1):
            if not self._events:
                break
            event = self._events[0]
            document = {"id": event.id, **event._asdict(), "data": dict(event.data)}
            if not self._link.publish(self._topics.event(event.kind), _json(document)):
                return False
            self._events.popleft()
            await _give_way(count)
        return True

    async def _take_orders(self, fleet: FleetUpdates) -> None:
        while self._orders:
            key, version = self._orders.popleft()
            device_id, announced = self._known.get(key, ("", ""))
            device = fleet.state.device(device_id)
            if device is None:
                _log.warning("ignored an order by MQTT for an unknown device: %a", key)
                continue
            await self._entities.order(device, version, announced)

    async def _end_orders(self) -> bool:
        """Ends the orders of devices that run another release, and shows it."""
        self._hurry.clear()
        keys = [self._updated.popleft() for _ in range(len(self._updated))]
        fleet = self._fleet
        if fleet is None or fleet.state.store is None or not self._link.is_connected:
            return True
        devices = [device for key in keys if (device := fleet.state.device(key)) is not None]
        for ended in list(self._entities.ended(iter(devices))):
            await self._entities.end(ended)
        for device in devices:
            if self._is_forgotten(device):
                continue
            entity = self._entities.entity(device)
            # What the broker has no room for now is sent in the next turn.
            if entity.key in self._known and not self._show(device, entity):
                return False
        return True

    async def _look(self, fleet: FleetUpdates) -> bool:
        """Sends what has changed about devices; returns whether all of it could be sent."""
        seen: set[str] = set()
        for own in list(fleet.state.products.values()):
            if not own.devices:
                continue
            snapshot = await asyncio.to_thread(self._catalog.snapshots.product, own.name)
            follow_snapshot(fleet.state, own.name, snapshot)
            fleet.state.using(own.name, snapshot.releases)
            devices = iter(list(own.devices.values()))
            while some := list(itertools.islice(devices, _AT_ONCE)):
                for ended in list(self._entities.ended(iter(some))):
                    await self._entities.end(ended)
                for device in self._within_limit(some, seen):
                    entity = self._entities.entity(device)
                    seen.add(entity.key)
                    if not self._show(device, entity):
                        return False
                await _give_way(_AT_ONCE)
        return await self._remove(self._announced - seen)

    def _within_limit(self, devices: list[Device], seen: set[str]) -> Iterator[Device]:
        for device in devices:
            if self._is_forgotten(device):
                continue
            if len(seen) < MAX_ENTITIES:
                yield device
            elif not self._is_full:
                self._is_full = True
                _log.warning("MQTT shows %d devices, and no further one", MAX_ENTITIES)

    def _is_forgotten(self, device: Device) -> bool:
        """Returns whether a device was forgotten while the requests of others had their turn."""
        return self._fleet is None or self._fleet.state.device(device.id) is not device

    def _show(self, device: Device, entity: Entity) -> bool:
        """Sends what has changed about an entity; returns whether that was possible."""
        config = _json(entity_config(entity, self._topics, self._server, install=self._install))
        state = _json(entity_state(entity))
        key = entity.key
        before = self._sent.get(key, (b"", b""))
        if config != before[0]:
            if not self._link.publish(self._topics.config(key), config, retain=True):
                return False
            self._announced.add(key)
            self._sent[key] = (config, before[1])
        if state != before[1]:
            if not self._link.publish(self._topics.state(key), state, retain=True):
                return False
            self._sent[key] = (config, state)
        self._known[key] = (device.id, entity.latest if entity.has_update else "")
        return True

    async def _remove(self, keys: set[str]) -> bool:
        """Removes entities; returns whether that was possible."""
        for count, key in enumerate(keys, 1):
            for topic in (self._topics.config(key), self._topics.state(key)):
                if not self._link.publish(topic, b"", retain=True):
                    return False
            self._announced.discard(key)
            self._sent.pop(key, None)
            self._known.pop(key, None)
            await _give_way(count)
        return True


def _rested(begin: float) -> float:
    """Returns until when the task rests that was busy since then, on the monotonic clock."""
    now = time.monotonic()
    return now + max(_REST_S, _REST_PER_TURN * (now - begin))


async def _give_way(count: int) -> None:
    """Lets requests of devices go first, after some of many steps."""
    if count % _AT_ONCE == 0:
        await asyncio.sleep(0.001)


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
