"""Check-ins: what each updater requested, what was decided, and what became of an offer.

Every request of an updater is one :class:`CheckIn`. If its decision is an offer, exactly one
:class:`Delivered` follows, once the response has ended, whatever it was: a whole image, a part of
it, none of it (HEAD, version mode, an error), or one that broke off.

A listener is called in the event loop, so it must return quickly. One that raises is logged, and
the device gets its response all the same.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import NamedTuple, Protocol

from acpublish.bounded import SharedMemory
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.control.serving import Case
from acpublish.errors import AcpublishError
from acpublish.release.adoption import Adoption, RunningVersions
from acpublish.release.decision import Decision, Rule
from acpublish.release.manifest import Release
from acpublish.release.version import Version
from acpublish.wire import NO_MAC, Mode, Report

_log = logging.getLogger(__name__)


class CheckIn(NamedTuple):
    """One request of an updater, and the decision on it.

    Each up-to-date check waits for one of these, and a frozen dataclass takes six times as long.

    Attributes:
        at: Seconds since 1970.
        address: The IP address that it came from, None if that is not known.
        method: ``GET``, or ``HEAD``, which never delivers anything.
        report: What the device sent about itself.
        product: The product that it requested, None for a file that belongs to no release.
        board: The board that it requested, None likewise.
        channel: The channel that it requested, None if it requested a file by its name.
        decision: What was decided, with the rule and the reason.
        case: The same as the fleet has it, None if it has no say.
    """

    at: float
    address: str | None
    method: str
    report: Report
    product: str | None
    board: str | None
    channel: str | None
    decision: Decision
    case: Case | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What became of an offer.

    "Drained" is the operating system's word: it took all bytes. Up to its send buffer and the
    network's may still be on their way, so the proof of an update is the device's next check-in.

    Attributes:
        check_in: The check-in that the offer was made to.
        status: The HTTP status, None if there was no response with the file.
        file_bytes: The size of the file that was to be sent: the image, or its gzip.
        file_sha256: The SHA-256 of that file, None if it is too large to read.
        sent_bytes: How many bytes of it were sent. If the connection broke, at least so many
            reached the other side; 0 if the system does not count them.
        drained: Whether everything that the response was to carry has left the server. In a
            response to HEAD, in version mode and for a range, that is less than the file.
        first_byte: Where in the file the response began; more than 0 for a range only.
    """

    check_in: CheckIn
    status: int | None
    file_bytes: int
    file_sha256: str | None
    sent_bytes: int
    drained: bool
    first_byte: int = 0

    @property
    def whole(self) -> bool:
        """Whether this one response carried the whole file, so that it can have been installed."""
        return self.drained and self.sent_bytes == self.file_bytes


Event = CheckIn | Delivered
Listener = Callable[[Event], None]


class CheckIns:
    """Passes events on to every listener."""

    def __init__(self, listeners: Sequence[Listener] = ()) -> None:
        """Prepares to pass events on.

        Args:
            listeners: Who gets them, in this order.
        """
        self._listeners = tuple(listeners)

    def publish(self, event: Event) -> None:
        """Calls every listener."""
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                # A faulty listener must not keep a device from its update.
                _log.exception("a listener for check-ins failed")


#: About 25 MB in all. Those that checked in longest ago are forgotten: of a product that is beyond
#: its limit, or of the product with the most devices, if there are too many in all.
MAX_DEVICES = 40_000
MAX_DEVICES_OF_PRODUCT = 20_000
#: What a response lists: more than the boards times the versions that a fleet runs at a time.
MAX_ROWS = 1000
_FILESYSTEM = Mode.FILESYSTEM

#: What the last decision showed about a device whose image is in no release.
_MARKS = frozenset({Rule.RECEIVED_UNVERIFIED, Rule.NEVER_UPDATED})

#: What a device runs: its board, the MD5 and SHA-256 that it reports, the version it claims, and a
#: rule of ``_MARKS`` that applied.
Running = tuple[str | None, str | None, str | None, str | None, Rule | None]
#: How many devices run which version of which product; None for an unknown one.
Versions = Counter[tuple[str, str | None]]


class Counts(Protocol):
    """Knows what devices run."""

    @property
    def since(self) -> datetime:
        """Since when."""

    def running(self, product: str) -> list[Running]:
        """Returns what each device of a product runs; may be called from another thread."""

    def versions(self, catalog: DirectoryCatalog) -> Versions:
        """Counts the devices by product and version; for a thread, as it walks all of them."""


class DeviceCounts:
    """A listener that counts which versions devices run, by what they sent since start-up.

    Strangers can send anything, so little is kept, in bounded memory: devices forged for a product
    push out only devices of that product, and a board without any release is not remembered.

    Attributes:
        since: When it started to count.
    """

    def __init__(
        self,
        has_board: Callable[[str, str], bool] | None = None,
        *,
        max_devices: int = MAX_DEVICES,
        max_of_product: int = MAX_DEVICES_OF_PRODUCT,
    ) -> None:
        """Starts to count.

        Args:
            has_board: Returns whether a product has an image for a board; without it, only devices
                whose channel has an image for their board are remembered.
            max_devices: The most devices that are remembered.
            max_of_product: The most devices of one product that are remembered.
        """
        self._has_board = has_board
        self._devices: SharedMemory[Running] = SharedMemory(max_devices, max_of_product)
        self.since = datetime.fromtimestamp(int(time.time()), timezone.utc)

    def __call__(self, event: Event) -> None:
        """Remembers the firmware that a device reports, in place of its earlier report.

        Devices that send no MAC address are told apart by their IP address.
        """
        # Each up-to-date check waits for this.
        if not isinstance(event, CheckIn):
            return
        report, product = event.report, event.product
        device = report.mac or event.address
        if product is None or device is None or device == NO_MAC or report.mode is _FILESYSTEM:
            return
        if event.decision.rule is Rule.NO_TARGET and not self._knows(product, event.board):
            return
        mark = event.decision.rule if event.decision.rule in _MARKS else None
        reported = (report.sketch_md5, report.sketch_sha256, report.version)
        self._devices.put(product, device, (event.board, *reported, mark))

    def _knows(self, product: str, board: str | None) -> bool:
        return self._has_board is not None and board is not None and self._has_board(product, board)

    def running(self, product: str) -> list[Running]:
        """Returns what each device of a product runs; may be called from another thread."""
        return self._devices.values(product)

    def versions(self, catalog: DirectoryCatalog) -> Versions:
        """Counts the devices by product and version; for a thread, as it walks all of them."""
        counted: Versions = Counter()
        for product in self._devices.products():
            try:
                releases = catalog.releases(product)
            except AcpublishError:
                # The other figures are needed most while the catalog cannot be read.
                releases = ()
            for row in adoptions(self.running(product), releases):
                counted[product, row.version] += row.count
        return counted


def adoptions(running: Iterable[Running], releases: Iterable[Release]) -> list[Adoption]:
    """Returns how many devices run which version, the most frequent first.

    Args:
        running: What each device runs.
        releases: The releases of the product that the devices requested.
    """
    versions = RunningVersions(releases)
    counts: Counter[tuple[str, str | None, bool, bool]] = Counter()
    for (board, md5, sha256, claim, mark), count in Counter(running).items():
        version = versions.of(board or "", md5, sha256, claim)
        unknown = version is None
        unverified = unknown and mark is Rule.RECEIVED_UNVERIFIED
        if unverified:
            version = str(Version.or_none(claim) or "") or None
        never_updated = unknown and mark is Rule.NEVER_UPDATED
        counts[board or "", version, unverified, never_updated] += count
    return [
        Adoption(
            board=board,
            version=version,
            count=count,
            unverified=unverified,
            never_updated=never_updated,
        )
        for (board, version, unverified, never_updated), count in counts.most_common()
    ]
