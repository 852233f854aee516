"""A fleet with a clock that tests move, its catalog's documents, and requests of its devices."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

from acpublish.control.fleet_clock import FleetClock
from acpublish.control.fleet_state import FleetState
from acpublish.control.following import follow
from acpublish.control.serving import Case, DeviceRequest, FleetServing
from acpublish.errors import StoreError
from acpublish.fleet.advancing import Live, survey
from acpublish.fleet.policy import Policy
from acpublish.release.channels import Author, Channels, Place, Pointer, Rolling
from acpublish.release.manifest import Release
from acpublish.release.version import Version
from acpublish.wire import Report
from tests.unit.fleet.making import BOARD, ONE, START, TWO, report

PRODUCT = "lamp"
HOME = "10.0.0.1"
RELEASES = (ONE, TWO)
#: The images of the releases, as a server names them in what became of an offer.
SHA256 = {str(release.version): release.images[0].sha256 for release in RELEASES}
_AUTHOR = Author("2026-01-01T00:00:00Z")


class Clocks:
    """A wall clock that somebody may set, and one that nobody can."""

    def __init__(self) -> None:
        self.wall: float = START
        self.monotonic = 0.0

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds

    def clock(self) -> FleetClock:
        return FleetClock(lambda: self.wall, lambda: self.monotonic)


def document(
    serial: int,
    version: str = "",
    *,
    stages: str = "100%",
    boards: Iterable[str] = (BOARD,),
    rollout: int = 0,
    settled: str = "1.0.0",
    **fields: Any,
) -> Channels:
    """Returns what a catalog says: that a version is on its way to ``stable``, or nothing is."""
    policy = (
        fields.pop("policy", None)
        or Policy.parse(stages, **{"soak": "0s", **fields.pop("of_policy", {})}).to_dict()
    )
    entries = {
        Place(board, "firmware"): Rolling(
            version=Version.parse(version),
            serial=serial,
            rollout=rollout or serial,
            author=_AUTHOR,
            policy=policy,
            **fields,
        )
        for board in boards
        if version
    }
    pointers = {
        Place(board, "firmware"): (
            Pointer(version=Version.parse(settled), serial=1, author=_AUTHOR),
        )
        for board in boards
    }
    return Channels(
        serial=serial,
        pointers={"stable": pointers},
        rolling={"stable": entries} if entries else {},
        stored=True,
    )


class ForgetfulStore:
    """A store that keeps nothing, or cannot be written; mirrors ``store/fleet_store.py``."""

    def __init__(self, error: StoreError | None = None) -> None:
        self.away = ""
        self._error = error

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._done

    def _done(self, *_: object) -> Future[None]:
        future: Future[None] = Future()
        if self._error is None:
            future.set_result(None)
        else:
            future.set_exception(self._error)
        return future


class Fleet:
    """A fleet without a server: its state, and what its devices request."""

    def __init__(self, *, max_offers: int = 100, capacity: int = 100_000) -> None:
        self.clocks = Clocks()
        self.state = FleetState(self.clocks.clock(), capacity=capacity)
        self.serving = FleetServing(self.state, max_offers)

    def follow(self, channels: Channels) -> None:
        follow(self.state, PRODUCT, channels)

    @property
    def live(self) -> Live:
        """The one rollout that counts."""
        (live,) = self.state.product(PRODUCT).lives
        return live

    def survey(self) -> None:
        """Walks the devices for the one rollout."""
        survey(self.live, list(self.state.devices()), self.state.clock.now())

    def ask(
        self,
        said: Report | int,
        version: str = "1.0.0",
        *,
        address: str | None = HOME,
        board: str = BOARD,
        channel: str = "stable",
        installs: bool = True,
        releases: tuple[Release, ...] = RELEASES,
    ) -> Case | None:
        """Lets a device check in; by its number, and what it runs, or by all that it reports."""
        if isinstance(said, int):
            said = report(version, number=said)
        request = DeviceRequest(said, address, "agent", board, channel, installs)
        return self.serving.checked_in(request, PRODUCT, releases)

    def known(self, said: Report | int, version: str = "1.0.0", **request: Any) -> Case:
        case = self.ask(said, version, **request)
        assert case is not None
        return case

    def end(self, case: Case, sent_bytes: int = 1000, **became: Any) -> None:
        """Tells what became of an offer of 1000 bytes; by default all of it was sent."""
        release = case.decision.release
        assert release is not None
        sha256 = release.images[0].sha256
        values = {"file_sha256": sha256, "file_bytes": 1000, "drained": True, **became}
        self.serving.ended(case, sent_bytes=sent_bytes, **values)
