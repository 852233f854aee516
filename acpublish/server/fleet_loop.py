"""What keeps the fleet going beside the requests of devices: one task of the event loop.

1. The store is opened before the server listens if there is one already, and otherwise when the
   first device asks; in a thread, because its libraries take long to import. One that cannot be
   opened is tried again and again, and meanwhile nothing is offered that has to be counted.
2. Every second rollouts advance, wait, pause or halt by their evidence. Walks through all devices,
   and whatever reads or changes the catalog, are in threads.
3. Every minute the store gets to know what devices run.
4. What this task cannot do now, it tries again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from acpublish.bounded import BoundedDict
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.catalog.snapshot import ProductSnapshot
from acpublish.control.fleet_news import FleetNews
from acpublish.control.fleet_state import STORE_FILE, FleetState
from acpublish.control.fleet_summary import all_devices, running
from acpublish.control.following import (
    Due,
    due,
    follow_snapshot,
    go_on,
    lives,
    needs_survey,
    rolling_snapshots,
    surveyed,
    with_rollouts,
)
from acpublish.control.pacing import paced
from acpublish.control.serving import FleetServing
from acpublish.errors import AcpublishError, StoreError, StoreInUseError
from acpublish.fleet.adoption_history import version_counts
from acpublish.fleet.advancing import look
from acpublish.fleet.moments import DAY_S, HOUR_S
from acpublish.release.version import Version
from acpublish.server.fleet_updates import FleetUpdates

if TYPE_CHECKING:
    from acpublish.store.fleet_store import FleetStore
    from acpublish.store.stored import Stored

_log = logging.getLogger("acpublish.fleet")

_TICK_S = 1.0
#: How often the catalog is looked at for what nobody has asked for, in seconds.
_CATALOG_S = 5.0
#: When a store that could not be opened is tried again, in seconds.
_AGAIN_S = 2.0
_ROOM_S = 60.0
#: A thousand at once would keep devices waiting for 50 ms.
_FORGOTTEN_AT_ONCE = 200
#: How long rollouts that are over are shown, in seconds.
_ROLLOUTS_KEPT_S = 90 * DAY_S
#: How often the log has the same error, in seconds.
_LOG_EVERY_S = 60.0
_MAX_LOGGED = 100


class FleetLoop:
    """Keeps the fleet going.

    Attributes:
        updates: Decides for the device path.
    """

    def __init__(
        self,
        catalog: DirectoryCatalog,
        folder: Path,
        max_offers: int,
        announce: Callable[[], None] = lambda: None,
        news: FleetNews | None = None,
    ) -> None:
        """Prepares to run.

        Args:
            catalog: Where releases are.
            folder: The state folder.
            max_offers: How many images may be on their way at a time.
            announce: Says where commands of this machine reach the server.
            news: Tells listeners what happens; by default there are none.
        """
        self._announce = announce
        self._catalog = catalog
        self._folder = folder
        self.state = FleetState(news=news)
        self.updates = FleetUpdates(FleetServing(self.state, max_offers), self._need_store)
        self._wake = asyncio.Event()
        self._store_needed = False
        self._next_try = 0.0
        #: When the log had each error last.
        self._logged: BoundedDict[str, float] = BoundedDict(_MAX_LOGGED)
        self._opening = threading.Lock()
        self._opened: tuple[FleetStore, Stored] | None = None

    def open_existing(self) -> None:
        """Opens the store if there is one; one that cannot be opened is tried again later.

        Raises:
            StoreInUseError: Another server has it.
        """
        if self._folder.joinpath(*STORE_FILE).exists():
            self._open_now()

    def _open_now(self) -> None:
        try:
            self.state.use(*_opened(self._folder))
        except StoreInUseError:
            raise
        except StoreError as error:
            self._note(error)
            self.updates.not_opened = str(error)
            self.state.unread = f"the fleet's store cannot be read: {error}"
            self._store_needed = True
            self._next_try = time.monotonic() + _AGAIN_S

    def _note(self, error: AcpublishError) -> None:
        """Logs what cannot be done now, but not at every turn."""
        text, now = str(error), time.monotonic()
        if now - self._logged.get(text, -_LOG_EVERY_S) >= _LOG_EVERY_S:
            self._logged[text] = now
            _log.error("the fleet: %s", text)

    def _need_store(self) -> None:
        self._store_needed = True
        self._wake.set()

    async def run(self) -> None:
        """Runs until it is cancelled."""
        loop = asyncio.get_running_loop()
        catalog_at = room_at = prune_at = 0.0
        while True:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wake.wait(), _TICK_S)
            self._wake.clear()
            self.state.turned_at = time.time()
            try:
                if self._store_needed and self.state.store is None:
                    await self._open_in_thread()
                self.state.look_at_store()
                await self._go_on()
                if self.state.ended or loop.time() >= catalog_at:
                    catalog_at, self.state.ended = loop.time() + _CATALOG_S, False
                    await self._follow_catalog()
                if loop.time() >= room_at:
                    room_at = loop.time() + _ROOM_S
                    await self._make_room()
                    await self._note_versions()
                if loop.time() >= prune_at:
                    prune_at = loop.time() + HOUR_S
                    self.state.prune(self.state.clock.now().at - _ROLLOUTS_KEPT_S)
            except AcpublishError as error:
                self._note(error)
            except Exception:
                # Devices are served all the same, and the next turn may succeed.
                _log.exception("the fleet's task failed")

    async def _make_room(self) -> None:
        now = self.state.clock.now()
        unmissed = await asyncio.to_thread(self.state.unmissed, now)
        gone = 0
        for at in range(0, len(unmissed), _FORGOTTEN_AT_ONCE):
            gone += len(self.state.make_room(unmissed[at : at + _FORGOTTEN_AT_ONCE], now))
            # Others have their turn in between.
            await asyncio.sleep(0)
        if gone:
            _log.warning(
                "to make room, devices that asked only once or not for long were forgotten: %d",
                gone,
            )
        elif self.state.is_full:
            _log.warning("there are %d devices, and no further one is remembered", len(self.state))

    async def _note_versions(self) -> None:
        """Lets the store have what devices run now."""
        store, devices = self.state.store, all_devices(self.state)
        if store is not None and devices:
            counts = await asyncio.to_thread(version_counts, running(paced(devices)))
            store.note_versions(self.state.clock.now().at, counts)

    async def _open_in_thread(self) -> None:
        now = time.monotonic()
        if now < self._next_try:
            return
        self._next_try = now + _AGAIN_S
        try:
            opened = await asyncio.to_thread(self._open)
        except StoreError as error:
            self._note(error)
            self.updates.not_opened = str(error)
        else:
            self.state.use(*opened)
            # A server without a store may have written it meanwhile.
            await asyncio.to_thread(self._announce)

    def _open(self) -> tuple[FleetStore, Stored]:
        """Opens the store once, in whichever thread."""
        with self._opening:
            if self._opened is None:
                self._opened = _opened(self._folder)
            return self._opened

    async def _follow_catalog(self) -> None:
        """Looks at all products that have anything to do with rollouts, and writes what is due."""
        snapshots = await asyncio.to_thread(self._read, with_rollouts(self.state))
        for product, snapshot in snapshots.items():
            # What was read in a thread may be old by now; a newer one comes with the next turn.
            if self._catalog.snapshots.current(product) is snapshot:
                follow_snapshot(self.state, product, snapshot, is_current=True)
        await self._write_due(snapshots)

    def _read(self, products: frozenset[str]) -> dict[str, ProductSnapshot]:
        snapshots = self._catalog.snapshots
        return rolling_snapshots(snapshots, snapshots.products(), products)

    async def _write_due(self, snapshots: Mapping[str, ProductSnapshot]) -> None:
        """Tells the catalog which rollouts are complete or have halted."""
        for product, snapshot in snapshots.items():
            for change in due(self.state, product, snapshot.channels):
                try:
                    await asyncio.to_thread(self._write, change)
                except AcpublishError as error:
                    # Another product's may succeed, and this one is tried again.
                    self._note(error)

    def _write(self, change: Due) -> None:
        rollouts, version = self._catalog.rollouts, Version.parse(change.version)
        where = change.product, change.channel, version
        if change.action == "settle":
            rollouts.settle(*where, rollout=change.number, reason=change.reason)
        else:
            rollouts.halt(*where, change.reason, rollout=change.number)

    async def _go_on(self) -> None:
        """Lets every rollout go on."""
        state = self.state
        for live in list(lives(state)):
            now = state.clock.now()
            known = state.product(live.rollout.product).devices
            if needs_survey(live, len(known), now):
                devices = list(known.values())
                surveyed(state, live, await asyncio.to_thread(look, live, devices, now, paced))
            go_on(state, live)

    def close(self) -> None:
        """Writes what waits, and lets another server have the store."""
        if self._store_needed and self.state.store is None and not self.state.unread:
            # It ends just after the first device has asked, which must not be lost.
            with contextlib.suppress(StoreError):
                self.state.use(*self._open())
        store, self.state.store = self.state.store, None
        if store is not None:
            store.note_listening(self.state.clock.listening(), self.state.clock.now().at)
            store.close()


def _opened(folder: Path) -> tuple[FleetStore, Stored]:
    """Opens a store and loads it; may be called from a thread."""
    from acpublish.store.fleet_store import FleetStore

    store = FleetStore.open(folder)
    try:
        return store, store.load()
    except BaseException:
        store.close()
        raise
