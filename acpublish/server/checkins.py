"""What devices run, as far as they asked since the server began; kept in memory alone.

Check-ins: each time an updater asks, whoever listens hears what it said and what it got.

This is where the fleet will listen. A listener is called in the event loop and must return at once.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from acpublish.release.adoption import Adoption, running_version
from acpublish.release.decision import Decision
from acpublish.release.manifest import Release
from acpublish.wire import NO_MAC, Mode, Report

__all__ = ["RunningDevices"]

#: Some 10 MB; of more devices those are forgotten that asked longest ago.
_MAX_DEVICES = 20_000
_FILESYSTEM = Mode.FILESYSTEM


class RunningDevices:
    """Hears what devices say of themselves, and counts what they run."""

    def __init__(self, max_devices: int = _MAX_DEVICES) -> None:
        """Begins to listen.

        Args:
            max_devices: How many are remembered.
        """
        self._max_devices = max_devices
        self._seen: dict[tuple[str, str], tuple[str | None, Report]] = {}
        self.since = datetime.fromtimestamp(int(time.time()), timezone.utc)

    def hear(
        self, report: Report, product: str | None, board: str | None, address: str | None
    ) -> None:
        """Remembers what a device said of its firmware, in place of what it said before.

        Args:
            report: What it said.
            product: The product that it asked about, None for a file without a release.
            board: The board that it asked for.
            address: Where it came from, which tells devices apart that say no MAC.
        """
        # Each up-to-date check waits for this.
        who = report.mac or address
        if product is None or who is None or who == NO_MAC or report.mode is _FILESYSTEM:
            return
        seen, key = self._seen, (product, who)
        # What was heard last stands last, so that the first is what is forgotten.
        seen.pop(key, None)
        seen[key] = (board, report)
        if len(seen) > self._max_devices:
            del seen[next(iter(seen))]

    def of(self, product: str, releases: Sequence[Release]) -> list[Adoption]:
        """Returns how many devices run what, the most first.

        Args:
            product: The product that they asked about.
            releases: Its releases.
        """
        same = Counter(
            (board or "", report.sketch_md5, report.sketch_sha256, report.version)
            for (asked, _), (board, report) in self._seen.items()
            if asked == product
        )
        counts: Counter[tuple[str, str | None]] = Counter()
        for (board, md5, sha256, version), count in same.items():
            report = Report(sketch_md5=md5, sketch_sha256=sha256, version=version)
            counts[board, running_version(report, releases, board)] += count
        return [
            Adoption(board=board, version=version, count=count)
            for (board, version), count in counts.most_common()
        ]


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckIn:
    """One question of an updater, and the decision on it.

    Attributes:
        at: Seconds since 1970.
        address: Where it came from, None where that is not known.
        report: What the device said of itself.
        product: The product that it asked about, None for a file without a release.
        board: The board that it asked for.
        decision: What was decided, with the reason.
    """

    at: float
    address: str | None
    report: Report
    product: str | None
    board: str | None
    decision: Decision


Listener = Callable[[CheckIn], None]


class CheckIns:
    """Tells every listener of every check-in, and what devices run to whoever counts that."""

    def __init__(self, running: RunningDevices, listeners: Sequence[Listener] = ()) -> None:
        self._running = running
        self._listeners = tuple(listeners)

    def note(
        self,
        report: Report,
        decision: Decision,
        *,
        address: str | None,
        product: str | None = None,
        board: str | None = None,
    ) -> None:
        """Tells of a check-in; costs next to nothing while nobody listens."""
        if not report.updater:
            return
        self._running.hear(report, product, board, address)
        if not self._listeners:
            return
        event = CheckIn(
            at=time.time(),
            address=address,
            report=report,
            product=product,
            board=board,
            decision=decision,
        )
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                # A listener at fault must not keep a device from its update.
                _log.exception("a listener for check-ins failed")
