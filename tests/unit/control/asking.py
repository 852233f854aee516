"""A catalog, the fleet of its devices in a real store, and devices that ask."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.control.fleet_clock import FleetClock
from acpublish.control.fleet_state import FleetState
from acpublish.control.following import follow
from acpublish.control.operations import DeviceOperations
from acpublish.control.rollout_operations import RolloutOperations
from acpublish.control.serving import DeviceRequest, FleetServing
from acpublish.fleet.known_device import Device
from acpublish.fleet.policy import Policy
from acpublish.release.decision import Verdict
from acpublish.release.manifest import Release
from acpublish.release.rollout_changes import RolloutChange
from acpublish.store.fleet_store import FleetStore
from acpublish.wire import Report
from tests.unit.catalog.holding import put

MAX_OFFERS = 1000
NOTHING_KNOWN = "0" * 32


def mac(number: int) -> str:
    return f"24:0a:c4:00:00:{number:02x}"


def asks(
    serving: FleetServing,
    releases: tuple[Release, ...],
    number: int,
    runs: str | None = "1.0.0",
    *,
    product: str = "lamp",
    board: str = "d1",
    claims: str | None = None,
    takes: bool = False,
) -> Device:
    """Lets a device ask, and take what it is offered whole; returns what is known of it."""
    md5s = {str(own.version): image.md5 for own in releases for image in own.images}
    report = Report(
        family="esp8266",
        updater=True,
        version=claims or runs,
        sketch_md5=md5s[runs] if runs else NOTHING_KNOWN,
        free_space=1_000_000,
        chip_size=4 * 1024 * 1024,
        mac=mac(number).upper(),
    )
    request = DeviceRequest(report, "10.0.0.1", "", board, "stable", True)
    case = serving.checked_in(request, product, releases)
    assert case is not None
    if takes:
        assert case.decision.verdict is Verdict.OFFER
        serving.offered(case)
        serving.ended(case, file_sha256="f" * 64, file_bytes=9, sent_bytes=9, drained=True)
    return case.device


class Asking:
    """A fleet.

    Attributes:
        catalog: Where its releases are.
        folder: The state folder.
        now: The time of day, which tests may set.
    """

    def __init__(self, folder: Path) -> None:
        (folder / "catalog").mkdir(parents=True, exist_ok=True)
        self.catalog, self.folder = DirectoryCatalog(folder / "catalog"), folder / "state"
        self.now = time.time()
        self.state = FleetState(FleetClock(wall=lambda: self.now, monotonic=lambda: self.now))
        self.serving = FleetServing(self.state, MAX_OFFERS)
        snapshots = self.catalog.snapshots
        self.devices = DeviceOperations(self.state, snapshots)
        self.rollouts = RolloutOperations(self.state, snapshots, self.catalog.rollouts)

    @contextmanager
    def stored(self) -> Iterator[FleetStore]:
        """Opens the store, for as long as the block lasts."""
        store = FleetStore.open(self.folder)
        try:
            self.state.use(store, store.load())
            yield store
            store.written().result(20)
        finally:
            self.state.store = None
            store.close()

    def put(self, *versions: str, product: str = "lamp", board: str = "d1") -> None:
        """Publishes versions, and lets the fleet follow."""
        for version in versions:
            put(self.catalog, version, product=product, board=board)
        self.follow(product)

    def follow(self, product: str = "lamp") -> None:
        snapshot = self.catalog.snapshots.product(product)
        follow(self.state, product, snapshot.channels)
        self.state.using(product, snapshot.releases)

    def policy(self, stages: str, channel: str = "stable") -> None:
        """Sets the policy of a channel."""
        policy = Policy.parse(stages, soak="0s").to_dict()
        self.catalog.changes.make(
            "lamp", RolloutChange(action="policy", channel=channel, policy=policy)
        )

    def ask(
        self,
        number: int,
        runs: str | None = "1.0.0",
        *,
        product: str = "lamp",
        board: str = "d1",
        claims: str | None = None,
        takes: bool = False,
    ) -> Device:
        """Lets a device ask, and take what it is offered whole."""
        releases = self.catalog.snapshots.product(product).releases
        return asks(
            self.serving,
            releases,
            number,
            runs,
            product=product,
            board=board,
            claims=claims,
            takes=takes,
        )
