"""The fleet in the device path: each device that asks is known, and gets what the fleet decides.

An offer that a rollout makes is stored before its first byte is sent. What became of an offer is
noted when its response has ended, as a listener of check-ins (:mod:`acpublish.server.checkins`).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timezone

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.catalog.snapshot import ProductSnapshot
from acpublish.control.fleet_state import FleetState
from acpublish.control.following import follow_snapshot
from acpublish.control.serving import Case, DeviceRequest, FleetServing
from acpublish.fleet.evidence import NEVER_UPDATED
from acpublish.fleet.known_device import Device
from acpublish.release.decision import Rule
from acpublish.release.manifest import Release
from acpublish.release.version import Version
from acpublish.server import answer
from acpublish.server.answer import Answer, Request, Responding
from acpublish.server.checkins import Delivered, Event, Running, Versions
from acpublish.wire import Mode

_AGENT = b"user-agent"
_NOT_STORED = "the offer could not be stored in time; the device comes back"


class FleetUpdates:
    """Decides for the device path by what is known of each device.

    Attributes:
        serving: Takes in check-ins, and decides.
        need_store: Has the store opened soon.
        not_opened: Why the store could not be opened when that was last tried; empty if it could.
    """

    def __init__(self, serving: FleetServing, need_store: Callable[[], None]) -> None:
        """Prepares to decide.

        Args:
            serving: Takes in check-ins, and decides.
            need_store: Is called when a device asks while there is no store.
        """
        self.serving = serving
        self.need_store = need_store
        self.not_opened = ""

    @property
    def state(self) -> FleetState:
        """The fleet."""
        return self.serving.state

    @property
    def store_trouble(self) -> str:
        """Why the store cannot be read or written; empty if it can, or if nobody needs it yet."""
        store = self.state.store
        return self.not_opened if store is None else store.away

    def check_in(
        self, request: Request, product: str, board: str, channel: str, snapshot: ProductSnapshot
    ) -> Case | None:
        """Takes in a check-in, and decides; None for whoever is not known as a device."""
        # A board without any image is a mistake or a stranger's, and must not replace a real one.
        if not request.report.updater or board not in snapshot.boards:
            return None
        if self.state.store is None:
            self.need_store()
        # The device path looks at the catalog once in a few milliseconds, so this may be older.
        follow_snapshot(self.state, product, snapshot)
        asked = _asked(request, board, channel)
        return self.serving.checked_in(asked, product, snapshot.releases)

    def again(self, request: Request, product: str, remembered: object) -> bool:
        """Takes in a request that a device has sent before, if it gets the same for it.

        Returns:
            Whether it does; if not, :meth:`check_in` decides.
        """
        return self.serving.again(product, request.report, request.address, remembered)

    def remember(self, case: Case, remembered: object) -> None:
        """Notes that a device gets the same for the same request, until something changes."""
        self.serving.remember(case, remembered)

    def seen(
        self, request: Request, product: str, board: str, releases: tuple[Release, ...]
    ) -> None:
        """Takes in a request for a file by its name, on which the fleet has no say."""
        if self.state.store is None:
            self.need_store()
        self.serving.seen(_asked(request, board, ""), product, releases)

    def offer(self, case: Case, running: str, respond: Callable[[], Responding]) -> Responding:
        """Notes an offer, and responds once it is stored if it has to be.

        Args:
            case: The check-in, and the decision on it.
            running: The version that the device runs, if it is known.
            respond: Makes the offer.
        """
        before = self.serving.part(case)
        stored = self.serving.offered(case)
        part = self.serving.part(case)
        if stored is None:
            return respond()

        async def later() -> Answer:
            # There is a store, so this is imported already, and only where there is one.
            from acpublish.store.fleet_store import committed

            if not await committed(stored):
                self.serving.taken_back(case, before, part)
                return answer.not_modified(_NOT_STORED, running)
            return await answer.answered(respond())

        return later()

    def __call__(self, event: Event) -> None:
        """Notes what became of an offer."""
        if not isinstance(event, Delivered):
            return
        case = event.check_in.case
        if case is not None and case.request.installs:
            self.serving.ended(
                case,
                file_sha256=event.file_sha256,
                file_bytes=event.file_bytes,
                sent_bytes=event.sent_bytes,
                first_byte=event.first_byte,
                drained=event.drained,
                answered=event.status is not None,
            )


def _asked(request: Request, board: str, channel: str) -> DeviceRequest:
    report = request.report
    agent = "" if report.mac is not None else (request.header(_AGENT) or b"").decode("latin-1")
    installs = request.method == "GET" and report.mode is not Mode.VERSION
    return DeviceRequest(report, request.address, agent, board, channel, installs)


class FleetCounts:
    """What devices run, as far as the fleet knows."""

    def __init__(self, state: FleetState) -> None:
        """Prepares to look.

        Args:
            state: The fleet.
        """
        self._state = state

    @property
    def since(self) -> datetime:
        """When the first device was seen."""
        at = min((device.first_seen for device in self._state.devices()), default=time.time())
        return datetime.fromtimestamp(int(at), timezone.utc)

    def running(self, product: str) -> list[Running]:
        """Returns what each device of a product runs; may be called from another thread."""
        own = self._state.products.get(product)
        return [] if own is None else [_running(device) for device in list(own.devices.values())]

    def versions(self, catalog: DirectoryCatalog) -> Versions:
        """Counts the devices by product and version; for a thread, as it walks all of them."""
        return Counter((device.product, _version_of(device)) for device in self._state.devices())


def _running(device: Device) -> Running:
    report = device.report
    mark = None
    if device.unverified:
        mark = Rule.RECEIVED_UNVERIFIED
    elif device.obstacle == NEVER_UPDATED:
        mark = Rule.NEVER_UPDATED
    return device.board, report.sketch_md5, report.sketch_sha256, report.version, mark


def _version_of(device: Device) -> str | None:
    """Returns the version that a device runs; None if it is unknown."""
    if device.runs is None and device.unverified:
        return str(Version.or_none(device.report.version) or "") or None
    return device.runs
