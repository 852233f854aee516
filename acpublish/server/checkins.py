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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import NamedTuple

from acpublish.release.adoption import Adoption, running_version
from acpublish.release.decision import Decision, Rule
from acpublish.release.manifest import Release
from acpublish.release.version import Version
from acpublish.wire import NO_MAC, Mode, Report

__all__ = ["CheckIn", "CheckIns", "Delivered", "DeviceCounts", "Event", "Listener"]

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
    """

    at: float
    address: str | None
    method: str
    report: Report
    product: str | None
    board: str | None
    channel: str | None
    decision: Decision


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
    """

    check_in: CheckIn
    status: int | None
    file_bytes: int
    file_sha256: str | None
    sent_bytes: int
    drained: bool

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


#: About 10 MB. Beyond that, the devices that checked in longest ago are forgotten.
_MAX_DEVICES = 20_000
_FILESYSTEM = Mode.FILESYSTEM


class DeviceCounts:
    """A listener that counts which versions devices run, by what they sent since start-up.

    Attributes:
        since: When it started to count.
    """

    def __init__(self, max_devices: int = _MAX_DEVICES) -> None:
        """Starts to count.

        Args:
            max_devices: The most devices that are remembered.
        """
        self._max_devices = max_devices
        self._devices: dict[tuple[str, str], tuple[str | None, Report, Rule]] = {}
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
        devices, key = self._devices, (product, device)
        # The latest report goes to the end, so that the first entry is the one to forget.
        devices.pop(key, None)
        devices[key] = (event.board, report, event.decision.rule)
        if len(devices) > self._max_devices:
            del devices[next(iter(devices))]

    def of(self, product: str, releases: Sequence[Release]) -> list[Adoption]:
        """Returns how many devices run which version, the most frequent first.

        Args:
            product: The product that the devices requested.
            releases: Its releases.
        """
        alike = Counter(
            (board or "", report.sketch_md5, report.sketch_sha256, report.version, rule)
            for (requested, _), (board, report, rule) in self._devices.items()
            if requested == product
        )
        counts: Counter[tuple[str, str | None, bool, bool]] = Counter()
        for (board, md5, sha256, version, rule), count in alike.items():
            report = Report(sketch_md5=md5, sketch_sha256=sha256, version=version)
            running = running_version(report, releases, board)
            unknown = running is None
            unverified = unknown and rule is Rule.RECEIVED_UNVERIFIED
            if unverified:
                running = str(Version.or_none(version) or "") or None
            counts[board, running, unverified, unknown and rule is Rule.NEVER_UPDATED] += count
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
