"""What devices run, as far as they asked since the server began; kept in memory alone."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timezone

from acpublish.release import Release, Running, running_version
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

    def of(self, product: str, releases: Sequence[Release]) -> list[Running]:
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
            Running(board=board, version=version, count=count)
            for (board, version), count in counts.most_common()
        ]
