"""The fleet as it is now: its devices and rollouts in memory, and what has to be stored of them.

One thread changes all of this: the event loop of a server, or a command where no server runs. The
rules are those of :mod:`acpublish.fleet`; here is only what they are applied to.

1. Everything is in memory, and the store is only written (:mod:`acpublish.store.fleet_store`).
2. While the store is away, the clock of listening stands still, and nothing is offered that has to
   be counted.
3. Anyone can send check-ins: the devices of all products have a limit, and so has each address.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import TYPE_CHECKING

from acpublish.control.fleet_clock import FleetClock
from acpublish.control.fleet_news import FleetNews
from acpublish.control.fleet_product import FleetProduct
from acpublish.control.newcomers import Newcomers
from acpublish.control.pacing import paced
from acpublish.control.product_targets import ProductTargets
from acpublish.errors import StoreError
from acpublish.fleet.advancing import Live
from acpublish.fleet.fleet_events import Listener
from acpublish.fleet.known_device import Device, new_device, recalled
from acpublish.fleet.moments import Moment
from acpublish.fleet.progress import Part
from acpublish.fleet.rollout import OFFERING, OPEN, Rollout
from acpublish.fleet.targets import recognise
from acpublish.release.manifest import Release

if TYPE_CHECKING:
    # The libraries of a store take long to import, and many servers never have one.
    from acpublish.store.fleet_store import FleetStore
    from acpublish.store.stored import Stored

_log = logging.getLogger("acpublish.fleet")

#: Where a store is in the state folder, for whoever looks without loading its libraries
#: (:func:`acpublish.store.database.path_of`).
STORE_FILE = ("fleet", "fleet.db")
#: What a store is made for. Room is made from 95 % on, so a fleet of 100,000 keeps all its devices.
MAX_DEVICES = 120_000
#: Of so many devices it is remembered that they have changed; then nobody looks any more.
_MAX_CHANGED = 20_000
#: Why nothing counts yet, before the store is there.
NOT_OPEN = "the fleet's store is not open yet"


class FleetState:
    """All devices and rollouts.

    Attributes:
        products: What is known of each product, by its name.
        rollouts: All rollouts by id, the oldest first, also those that have ended.
        clock: The present.
        store: Where all of it is stored; None as long as nothing has to be.
        targets: What the products can offer.
        capacity: The most devices that are remembered.
        newcomers: Limits how many devices an address may add.
        took_it: By product and channel, the devices that took the release whose rollout was
            superseded last, until the next one begins, to whose first stage they belong.
        closed: By rollout, whether nothing could be offered when it was last looked at.
        ended: Whether a rollout has halted or is complete, which its catalog has to be told.
        unread: Why a store that is there could not be read; empty if it could. Nobody is offered
            anything then, because nobody knows who is pinned or on hold.
        unreadable: The rollouts whose policies cannot be read.
        news: Tells listeners what happens.
        lately: By id, the devices that have changed since somebody made an index of them, and None
            for those that were forgotten; None while no index needs them.
        turned_at: When the task that keeps the fleet going last began a turn, in seconds since
            1970; 0 if it has not.
    """

    def __init__(
        self,
        clock: FleetClock | None = None,
        *,
        capacity: int = MAX_DEVICES,
        news: FleetNews | None = None,
    ) -> None:
        """Starts without devices.

        Args:
            clock: The present; by default that of the machine.
            capacity: The most devices that are remembered.
            news: Tells listeners what happens; by default there are none.
        """
        self.products: dict[str, FleetProduct] = {}
        self.rollouts: dict[str, Rollout] = {}
        self.clock = clock or FleetClock()
        self.news = news or FleetNews()
        self.store: FleetStore | None = None
        self.targets = ProductTargets()
        self.newcomers = Newcomers(capacity)
        self.took_it: dict[tuple[str, str], frozenset[str]] = {}
        self.closed: dict[str, bool] = {}
        self.ended = False
        self.unread = ""
        self.unreadable: set[str] = set()
        self.lately: dict[str, Device | None] | None = None
        self.turned_at = 0.0
        self.capacity = capacity
        self._count = 0
        self._away = ""
        self._read: Callable[[Rollout], Live] | None = None

    def __len__(self) -> int:
        """Returns how many devices there are."""
        return self._count

    @property
    def listeners(self) -> list[Listener]:
        """Who is told what happens."""
        return self.news.listeners

    @property
    def is_full(self) -> bool:
        """Whether no further device is remembered."""
        return self._count >= self.capacity

    @property
    def away(self) -> str:
        """Why the store cannot be written; empty if it can."""
        if self.store is not None:
            return self.store.away
        return NOT_OPEN if self._read is None else ""

    def product(self, name: str) -> FleetProduct:
        """Returns what is known of a product."""
        own = self.products.get(name)
        if own is None:
            own = self.products[name] = FleetProduct(name)
        return own

    def using(self, product: str, releases: tuple[Release, ...]) -> FleetProduct:
        """Returns what is known of a product, which can offer these releases."""
        return self.product(product).using(self.targets.of(product, releases))

    def device(self, device_id: str) -> Device | None:
        """Returns a device, None if there is none with this id."""
        own = self.products.get(device_id.partition("/")[0])
        return None if own is None else own.devices.get(device_id)

    def devices(self) -> Iterable[Device]:
        """Yields all devices."""
        for own in list(self.products.values()):
            yield from list(own.devices.values())

    def use(self, store: FleetStore, stored: Stored) -> None:
        """Goes on with what a store has, and stores there what was heard before.

        Nothing was offered in rollouts before, so those that it does not have start anew once they
        follow the catalog again.
        """
        before = list(self.devices())
        self.show(stored, store.live)
        self.store, self.unread = store, ""
        self.news.knows_devices = True
        at = self.clock.now().at
        self.news.rollouts_found(stored.rollouts, stored.ended, at)
        for device in before:
            store.note(device)
            seen = self.news.before(stored.devices.get(device.id))
            self.news.device_changed(device, seen, at)

    def show(self, stored: Stored, read: Callable[[Rollout], Live]) -> None:
        """Takes in what a store has; alone, for a command that only shows it.

        Args:
            stored: What it has.
            read: Reads a rollout that has ended long ago.
        """
        later_s = self.clock.go_on_from(stored.listening, stored.listened_at, stored.latest_heard)
        for device in self.devices():
            device.first_heard += later_s
            device.last_heard += later_s
            device.visit_heard += later_s
            device.address_heard += later_s
        heard = {device.id: device for device in self.devices()}
        for device in stored.devices.values():
            known = heard.get(device.id)
            if known is None:
                self.product(device.product).devices[device.id] = device
            elif recalled(known, device):
                recognise(known, self.product(known.product).targets)
        self._count, self.lately = sum(len(own.devices) for own in self.products.values()), None
        self._read = read
        self.rollouts = {rollout.id: rollout for rollout in stored.rollouts}
        for own in self.products.values():
            own.lives, own.followed = (), None
            own.changed()
        for live in stored.lives:
            if counts(live.rollout):
                own = self.product(live.rollout.product)
                own.lives = (*own.lives, live)

    def remember(self, device: Device) -> None:
        """Takes in a device that was forgotten, because that could not be stored."""
        self._add(device)
        self.changed(device.product)

    def _add(self, device: Device) -> None:
        devices = self.product(device.product).devices
        self._count += device.id not in devices
        devices[device.id] = device
        if self.lately is not None:
            self.lately[device.id] = device

    def admitted(self, device_id: str, address: str | None, now: Moment) -> Device | None:
        """Returns a new device.

        Returns:
            None if there is no room for it, or its address has added too many of late.
        """
        if self.is_full or not self.newcomers.admits(address, now.at):
            return None
        device = new_device(device_id, now)
        self._add(device)
        return device

    def unmissed(self, now: Moment) -> list[Device]:
        """Returns the devices that nobody would miss, once there is hardly any room.

        Those seen only once come first, and then those that were not seen for the longest time. It
        walks all devices and changes nothing, so it may be called from a thread.
        """
        if self._count < self.capacity * 0.95:
            return []
        idle = [device for device in paced(self.devices()) if self._is_unmissed(device, now)]
        idle.sort(key=lambda device: (device.visits > 1, device.last_seen))
        return idle[: self.capacity // 20]

    def _is_unmissed(self, device: Device, now: Moment) -> bool:
        own = self.product(device.product)
        if own.devices.get(device.id) is not device or not self.newcomers.may_forget(device, now):
            return False
        return not any(live.progress.get(device.id) for live in own.lives)

    def make_room(self, unmissed: Iterable[Device], now: Moment) -> list[str]:
        """Forgets devices unless somebody would miss them by now; returns the ids of those gone."""
        gone = [device.id for device in unmissed if self._is_unmissed(device, now)]
        if gone:
            self.forget(*gone)
        return gone

    def changed(self, product: str) -> None:
        """Lets nobody rely on earlier decisions on devices of a product."""
        self.product(product).changed()

    def keep(self, *devices: Device) -> Future[None]:
        """Stores devices that a person has changed; returns when that is done."""
        for device in devices:
            self.changed(device.product)
            if self.lately is not None:
                self.lately[device.id] = device
        return _done() if self.store is None else self.store.keep(*devices)

    def note(self, device: Device) -> None:
        """Stores a device within a second."""
        if self.lately is not None:
            self.lately[device.id] = device
        if self.store is not None:
            self.store.note(device)

    def note_check_in(self, device: Device) -> None:
        """Stores a check-in that has changed nothing else of a device, within a second."""
        if self.lately is not None:
            self.lately[device.id] = device
        if self.store is not None:
            self.store.note_check_in(device)

    def note_part(self, live: Live, device: Device, part: Part | None) -> None:
        """Stores the part of a device in a rollout within a second."""
        device.epoch += 1
        if self.store is not None:
            self.store.note_part(live.rollout.id, device.id, part)

    def keep_part(self, live: Live, device: Device, part: Part) -> Future[None]:
        """Stores a device and its part in a rollout; returns when that is done."""
        device.epoch += 1
        if self.store is None:
            return _done()
        return self.store.keep_offer(live.rollout.id, device, part)

    def keep_offer(self, live: Live, device: Device, part: Part) -> Future[None]:
        """Keeps an offer that a rollout makes; its first byte has to wait for the future."""
        if self.store is None:
            future: Future[None] = Future()
            future.set_exception(StoreError(NOT_OPEN, hint="Wait until it is."))
            return future
        return self.keep_part(live, device, part)

    def moved(self, live: Live) -> Future[None]:
        """Notes that a rollout is new or has changed; returns when that is stored."""
        rollout = live.rollout
        own = self.product(rollout.product)
        before = self.rollouts.get(rollout.id)
        self.rollouts[rollout.id] = rollout
        self.ended = self.ended or rollout.state in ("halted", "complete")
        if counts(rollout) != any(other is live for other in own.lives):
            others = tuple(other for other in own.lives if other.rollout.id != rollout.id)
            own.lives = (*others, live) if counts(rollout) else others
            own.changed()
        if before is None or _decides(before) != _decides(rollout):
            own.changed()
        self.news.rollout_moved(before, rollout, self.clock.now().at)
        return _done() if self.store is None else self.store.keep_rollout(live)

    def live(self, rollout_id: str) -> Live | None:
        """Returns a rollout with its progress, also if it has ended; None if there is none.

        Raises:
            StoreError: It has ended, and the store cannot be read.
        """
        rollout = self.rollouts.get(rollout_id)
        if rollout is None:
            return None
        for live in self.product(rollout.product).lives:
            if live.rollout.id == rollout_id:
                return live
        return None if self._read is None else self._read(rollout)

    def forget(self, *device_ids: str) -> Future[None]:
        """Forgets devices; returns when that is stored."""
        for device_id in device_ids:
            own = self.product(device_id.partition("/")[0])
            self._count -= own.devices.pop(device_id, None) is not None
            own.changed()
            if self.lately is not None:
                self.lately[device_id] = None
            for live in own.lives:
                live.progress.forget(device_id)
        return _done() if self.store is None else self.store.forget(*device_ids)

    def prune(self, before: float) -> None:
        """Forgets the rollouts that were over before a time, in seconds since 1970."""
        if self.store is not None:
            for rollout_id in self.store.over_before(before):
                self.rollouts.pop(rollout_id, None)
            self.store.prune(before)

    def look_at_store(self) -> None:
        """Lets the clock stand still while the store is away, and notes that time has passed."""
        if self.lately is not None and len(self.lately) > _MAX_CHANGED:
            self.lately = None
        away = self.away if self.store is not None else ""
        if away != self._away:
            self._away = away
            self.clock.listen(not away)
            for own in self.products.values():
                own.changed()
            if away:
                _log.error("%s; nothing is offered that has to be counted", away)
            else:
                _log.info("the fleet's store is back")
        if self.store is not None and not away:
            self.store.note_listening(self.clock.listening(), self.clock.now().at)


def counts(rollout: Rollout) -> bool:
    """Returns whether decisions depend on a rollout."""
    return rollout.state in OPEN or rollout.state == "halted" or rollout.way_back is not None


def _decides(rollout: Rollout) -> tuple[object, ...]:
    """Returns what decisions, and the reasons that devices' log lines have, depend on."""
    reason = "" if rollout.state in OFFERING else rollout.reason
    return rollout.state, reason, rollout.tracks, rollout.way_back


def _done() -> Future[None]:
    future: Future[None] = Future()
    future.set_result(None)
    return future
