"""What devices run, as far as they asked since the server began; kept in memory alone."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timezone

from acpublish.release import Release, Running, running_version
from acpublish.server.checkins import CheckIn
from acpublish.wire import NO_MAC, Mode, Report

__all__ = ["RunningDevices"]

#: Some 10 MB; of more devices those are forgotten that asked longest ago.
_MAX_DEVICES = 20_000


class RunningDevices:
    """Hears of check-ins, and counts what the devices run."""

    def __init__(self, max_devices: int = _MAX_DEVICES) -> None:
        """Begins to listen.

        Args:
            max_devices: How many are remembered.
        """
        self._max_devices = max_devices
        self._seen: dict[tuple[str, str], tuple[str, Report]] = {}
        self.since = datetime.fromtimestamp(int(time.time()), timezone.utc)

    def hear(self, checkin: CheckIn) -> None:
        """Remembers what a device said of its firmware, in place of what it said before."""
        report, product = checkin.report, checkin.product
        who = report.mac or checkin.address
        if product is None or who in (None, NO_MAC) or report.mode is Mode.FILESYSTEM:
            return
        key = (product, who)
        # What was heard last stands last, so that the first is what is forgotten.
        self._seen.pop(key, None)
        self._seen[key] = (checkin.board or "", report)
        if len(self._seen) > self._max_devices:
            del self._seen[next(iter(self._seen))]

    def of(self, product: str, releases: Sequence[Release]) -> list[Running]:
        """Returns how many devices run what, the most first.

        Args:
            product: The product that they asked about.
            releases: Its releases.
        """
        same = Counter(
            (board, report.sketch_md5, report.sketch_sha256, report.version)
            for (asked, _), (board, report) in self._seen.items()
            if asked == product
        )
        counts: Counter[tuple[str, str | None]] = Counter()
        for (board, md5, sha256, version), count in same.items():
            report = Report(sketch_md5=md5, sketch_sha256=sha256, version=version)
            counts[board, running_version(report, releases, board)] += count
        return [
            Running(board=board, version=version, count=count)
            for (board, version), count in counts.most_common()
        ]
