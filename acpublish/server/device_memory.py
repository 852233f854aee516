"""What is remembered of single devices: what each received whole, and who was reported.

Anyone can send check-ins, so the memory is bounded:

1. A device is remembered by what it sends: its MAC address together with the address that it comes
   from, so that nobody elsewhere can speak for it. Without a MAC address it is the address alone,
   which devices behind one router share: one of them gets a filesystem at a time.
2. A tool that sends the MAC address of no device (:data:`acpublish.wire.NO_MAC`) is not remembered.
3. All products share a limit. At the limit, the product that has the most devices forgets its
   oldest, so that what strangers send for one product does not push out the devices of another.

A device that was forgotten, as all are after a restart, is sent its image once more at most.
"""

from __future__ import annotations

import logging
import re

from acpublish.bounded import SharedMemory
from acpublish.release.decision import Decision, Rule, kind_wanted
from acpublish.release.manifest import Release
from acpublish.release.names import ImageKind
from acpublish.release.received import Received, after_receiving
from acpublish.server.checkins import CheckIn, Delivered, Event
from acpublish.wire import NO_MAC, Mode, Report

_log = logging.getLogger(__name__)

#: About 10 MB of deliveries, and 5 MB of devices that were reported.
_MAX_RECEIVED = 20_000
_MAX_REPORTED = 20_000
_MAC = re.compile(r"[0-9A-Fa-f]{2}(?:[:-]?[0-9A-Fa-f]{2}){5}\Z")
#: How much of a claim a line of the log shows.
_SHOWN_CHARACTERS = 40

_Key = tuple[str, str]


class DeviceMemory:
    """A listener that remembers deliveries, and reports devices that will never be updated."""

    def __init__(
        self,
        max_received: int = _MAX_RECEIVED,
        max_reported: int = _MAX_REPORTED,
        *,
        reports: bool = True,
    ) -> None:
        """Starts with an empty memory.

        Args:
            reports: Whether to report devices, which a fleet that knows them does itself.
            max_received: The most deliveries that are remembered.
            max_reported: The most devices that are remembered as reported.
        """
        self._received: SharedMemory[Received] = SharedMemory(max_received)
        self._reported: SharedMemory[bool] = SharedMemory(max_reported)
        self._reports = reports

    def __call__(self, event: Event) -> None:
        """Remembers what a device received; logs once that it will never be updated."""
        if isinstance(event, CheckIn):
            # Each up-to-date check waits for this.
            if event.decision.rule is Rule.NEVER_UPDATED and self._reports:
                self._report(event)
            return
        if event.whole and event.check_in.case is None:
            self._remember(event)

    def reconsider(
        self,
        decision: Decision,
        report: Report,
        address: str | None,
        releases: tuple[Release, ...],
        now: float,
    ) -> Decision:
        """Reconsiders an offer by what the device has already received.

        Args:
            decision: The offer.
            report: What the device sent about itself.
            address: The IP address that it comes from.
            releases: The product's releases.
            now: Seconds since 1970.
        """
        device = _device(report, address)
        if device is None or decision.release is None or report.mode is Mode.VERSION:
            return decision
        key = _delivery(device, kind_wanted(report))
        received = self._received.get(decision.release.product, key)
        return after_receiving(decision, report, releases, received, now)

    def _remember(self, event: Delivered) -> None:
        check_in = event.check_in
        report, image = check_in.report, check_in.decision.image
        device = _device(report, check_in.address)
        if check_in.product is None or device is None or image is None:
            return
        received = Received.of(check_in.at, report, image.sha256)
        self._received.put(check_in.product, _delivery(device, received.kind), received)

    def _report(self, event: CheckIn) -> None:
        device = _device(event.report, event.address)
        if event.product is None or device is None or self._reported.get(event.product, device):
            return
        self._reported.put(event.product, device, True)
        _log.warning(
            "the %s %s of %s reports %.*s, higher than every release, and no release has its "
            "image: it will never be updated. Publish a higher version, or flash it once over the "
            "serial port.",
            event.board,
            " at ".join(filter(None, device)),
            event.product,
            _SHOWN_CHARACTERS,
            event.report.version,
        )


def _device(report: Report, address: str | None) -> _Key | None:
    """Returns what a device is remembered by, None if it cannot be told from others."""
    mac = report.mac
    if mac == NO_MAC or not report.updater or (mac is None and address is None):
        return None
    known = mac if mac is not None and _MAC.match(mac) else ""
    return known, address or ""


def _delivery(device: _Key, kind: ImageKind) -> tuple[str, str, ImageKind]:
    return *device, kind
