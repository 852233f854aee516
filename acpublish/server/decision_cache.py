"""Decisions about automatic updates, remembered: most devices of a fleet send the same report."""

from __future__ import annotations

from collections.abc import Hashable

from acpublish.bounded import BoundedDict
from acpublish.release.decision import (
    Decision,
    Target,
    Verdict,
    choose,
    decide_update,
    kind_wanted,
)
from acpublish.release.manifest import Release
from acpublish.release.names import ImageKind
from acpublish.release.version import Version
from acpublish.wire import Mode, Report

_MAX_PRODUCTS = 1024
#: For each product, because what strangers send must not push out another product's decisions.
_MAX_DECISIONS = 1024
#: For all products. A decision has less than 1.5 KB with its key, as names have at most 32
#: characters and a version :data:`~acpublish.wire.MAX_REPORTED_BYTES`, so this is 12 MB at most.
_MAX_DECISIONS_IN_ALL = 8192
#: The decisions in all are counted only now and then, because that looks at every product.
_COUNT_EVERY = 64


class DecisionCache:
    """Decisions about automatic updates.

    1. All that is remembered of a product belongs to one snapshot of its releases.
    2. A device has one target (:meth:`_Snapshot.target`). What has none is not remembered.
    3. A decision belongs to its target, and also depends on the report's family, mode, version and
       digests, and on whether the client is an updater. So devices that send the same report and
       have different targets get different decisions.
    4. In an offer of firmware the device's flash and the space in it count as well. They would keep
       up-to-date checks of one release apart, so such an offer is decided each time: a device that
       gets an image can wait for this.
    5. What a single device has received is not known here (:mod:`acpublish.server.device_memory`).
    """

    def __init__(self) -> None:
        self._snapshots: BoundedDict[str, _Snapshot] = BoundedDict(_MAX_PRODUCTS)
        self._added = 0

    def decide(
        self, report: Report, releases: tuple[Release, ...], product: str, board: str, channel: str
    ) -> Decision:
        """Does what :func:`~acpublish.release.decision.decide_update` does, from memory if it can.

        Args:
            report: What the device sent about itself.
            releases: The current releases of the product; a change makes a different tuple.
            product: The product.
            board: The board in the URL.
            channel: The channel in the URL.
        """
        snapshot = self._snapshots.get(product)
        if snapshot is None or snapshot.releases is not releases:
            snapshot = _Snapshot(releases)
            if releases:
                self._snapshots[product] = snapshot
        device = (
            report.family,
            report.updater,
            report.mode,
            report.version,
            report.sketch_md5,
            report.sketch_sha256,
        )
        target = snapshot.target(report, board, channel)
        # A target lives as long as its snapshot, so its id stands for it, at no cost of hashing.
        key = (id(target), device)
        decision = snapshot.decisions.get(key) if target is not None else None
        if decision is None or _depends_on_space(decision, report):
            relevant = snapshot.relevant(report, board, channel)
            decision = decide_update(report, relevant, target, board=board, channel=channel)
            if target is not None and not _depends_on_space(decision, report):
                snapshot.decisions[key] = decision
                self._limit_all()
        return decision

    def running(self, product: str, report: Report) -> Version | None:
        """Returns the version of the image whose digest a device reports, None if none has it."""
        snapshot = self._snapshots.get(product)
        return None if snapshot is None else snapshot.running(report)

    def _limit_all(self) -> None:
        """Drops the decisions of the products with the most, if there are too many in all."""
        self._added += 1
        if self._added % _COUNT_EVERY:
            return
        decisions = [snapshot.decisions for snapshot in self._snapshots.values()]
        while sum(map(len, decisions)) > _MAX_DECISIONS_IN_ALL:
            max(decisions, key=len).clear()


def _depends_on_space(decision: Decision, report: Report) -> bool:
    if decision.verdict is not Verdict.OFFER or report.mode is not Mode.SKETCH:
        return False
    space = (report.free_space, report.sketch_size, report.chip_size)
    return any(value is not None for value in space)


class _Snapshot:
    """What is remembered about a product while its releases stay the same."""

    def __init__(self, releases: tuple[Release, ...]) -> None:
        self.releases = releases
        self.decisions: BoundedDict[Hashable, Decision] = BoundedDict(_MAX_DECISIONS)
        #: None for what has not been chosen yet; strangers cannot add keys.
        self._targets: dict[tuple[str, str, ImageKind], Target | None] = {
            (image.board, channel, image.kind): None
            for release in releases
            for image in release.images
            for channel in image.channels
        }
        #: The positions of the releases whose images have a digest.
        self._by_digest: dict[str, list[int]] = {}
        for position, release in enumerate(releases):
            for image in release.images:
                for digest in (*image.running.md5s, *image.running.sha256s):
                    self._by_digest.setdefault(digest, []).append(position)
        self._positions = {id(release): at for at, release in enumerate(releases)}
        positions = range(len(releases))
        highest = max(positions, key=lambda at: releases[at].version.precedence, default=None)
        self._highest = () if highest is None else (highest,)

    def relevant(self, report: Report, board: str, channel: str) -> tuple[Release, ...]:
        """Returns the releases that count for a device: those that it may run, and the highest.

        For a filesystem the firmware that the channel points at counts as well. Searching
        thousands of releases for each device would let forged ones stop the server.
        """
        digests = (report.sketch_md5 or "", report.sketch_sha256 or "")
        positions = {at for digest in digests for at in self._by_digest.get(digest, ())}
        positions.update(self._highest)
        if report.mode is Mode.FILESYSTEM:
            firmware = self._target((board, channel, "firmware"))
            if firmware is not None:
                positions.add(self._positions[id(firmware.release)])
        return tuple(self.releases[at] for at in sorted(positions))

    def running(self, report: Report) -> Version | None:
        """Returns the version of a release that has a digest which the device reports."""
        digests = (report.sketch_md5 or "", report.sketch_sha256 or "")
        at = next(
            (self._by_digest[digest][0] for digest in digests if digest in self._by_digest), None
        )
        return None if at is None else self.releases[at].version

    def target(self, report: Report, board: str, channel: str) -> Target | None:
        """Returns what a device is to run: for every device, what its channel points at."""
        return self._target((board, channel, kind_wanted(report)))

    def _target(self, key: tuple[str, str, ImageKind]) -> Target | None:
        if key not in self._targets:
            return None
        target = self._targets[key]
        if target is None:
            target = self._targets[key] = choose(self.releases, *key)
        return target
