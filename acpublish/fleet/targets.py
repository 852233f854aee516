"""What a product can offer, found without a search: made once for each snapshot of its releases."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from acpublish.fleet.known_device import Device
from acpublish.release.channels import Place
from acpublish.release.decision import Decision, Target, choose
from acpublish.release.manifest import Release
from acpublish.release.names import ImageKind
from acpublish.release.orders import forbids_return
from acpublish.release.requires import Requirement
from acpublish.release.running import never_below, running_images
from acpublish.release.version import Version
from acpublish.wire import Mode, Report

_Key = tuple[str, str, ImageKind]


class Targets:
    """What a product can offer. Equal questions get the same objects, which may be compared."""

    def __init__(self, releases: tuple[Release, ...]) -> None:
        """Prepares to answer.

        Args:
            releases: All releases of the product, also those that are no longer offered.
        """
        self.releases = releases
        #: Decisions on these very targets, kept for the next device that reports the same.
        self.remembered: dict[Hashable, Decision] = {}
        self._of: dict[_Key, Target] = {}
        self._settled: dict[_Key, Target | None] = {}
        self._on_channel: dict[_Key, list[Target]] = {}
        self._requires: dict[str, Requirement | None] = {}
        self._forbidden: dict[tuple[str, str, str, ImageKind], str] = {}
        self._by_digest: dict[str, list[int]] = {}
        self._position = {str(release.version): at for at, release in enumerate(releases)}
        for position, release in enumerate(releases):
            for image in release.images:
                target = Target(release, image)
                self._of[str(release.version), image.board, image.kind] = target
                for channel in image.channels:
                    self._settled[image.board, channel, image.kind] = None
                for digest in (*image.running.md5s, *image.running.sha256s):
                    positions = self._by_digest.setdefault(digest, [])
                    if position not in positions[-1:]:
                        positions.append(position)
        highest = max(releases, key=lambda release: release.version.precedence, default=None)
        self._highest = None if highest is None else releases.index(highest)

    def of(self, version: str, board: str, kind: ImageKind = "firmware") -> Target | None:
        """Returns the image of a release for a board, withdrawn or not; None if there is none."""
        return self._of.get((version, board, kind))

    def settled(self, board: str, channel: str, kind: ImageKind = "firmware") -> Target | None:
        """Returns what a channel points at for a board, None if that is nothing."""
        key = (board, channel, kind)
        if key not in self._settled:
            return None
        target = self._settled[key]
        if target is None:
            chosen = choose(self.releases, *key)
            # The same object as that of the version.
            target = chosen and self.of(str(chosen.release.version), board, kind)
            self._settled[key] = target
        return target

    def earlier(self, target: Target, channel: str) -> list[Target]:
        """Returns the releases that came to a channel before another one, the newest first.

        Args:
            target: The other one; if it is not on the channel, all are earlier.
            channel: The channel.
        """
        board, kind = target.image.board, target.image.kind
        key = (board, channel, kind)
        if key not in self._on_channel:
            images = (
                self._of[str(release.version), board, kind]
                for release in self.releases
                if release.image_for(board, kind) is not None
            )
            on_channel = [
                other
                for other in images
                if channel in other.image.channels and not other.image.withdrawn
            ]
            on_channel.sort(key=lambda other: other.image.channels[channel], reverse=True)
            self._on_channel[key] = on_channel
        own = target.image.channels.get(channel)
        return [
            other
            for other in self._on_channel[key]
            if own is None or other.image.channels[channel] < own
        ]

    def requirement(self, target: Target) -> Requirement | None:
        """Returns what a device must run before it is offered an image, None for anything."""
        text = target.image.requires
        if text is None:
            return None
        if text not in self._requires:
            self._requires[text] = Requirement.of(text)
        return self._requires[text]

    def forbids_return(self, running: Version, target: Target) -> str:
        """Returns why devices that run a release must not go back to another; empty if they may."""
        place = Place(target.image.board, target.image.kind)
        key = (str(running), str(target.release.version), place.board, place.kind)
        if key not in self._forbidden:
            fault = forbids_return(self.releases, place, running, target.release.version)
            self._forbidden[key] = fault
        return self._forbidden[key]

    def with_digest(self, report: Report) -> list[Release]:
        """Returns the releases of any board that have a digest which a device reports."""
        return [self.releases[at] for at in sorted(self._positions(report))]

    def _positions(self, report: Report) -> set[int]:
        digests = (report.sketch_md5, report.sketch_sha256)
        return {at for digest in digests if digest for at in self._by_digest.get(digest, ())}

    def running_version(self, report: Report) -> Version | None:
        """Returns the version of the first release with a digest that a device reports."""
        positions = self._positions(report)
        return self.releases[min(positions)].version if positions else None

    def knows(self, report: Report) -> bool:
        """Returns whether a release has the digest that a device reports."""
        return any(
            digest in self._by_digest
            for digest in (report.sketch_md5, report.sketch_sha256)
            if digest
        )

    def running(self, report: Report, board: str) -> list[Version]:
        """Returns the releases that a device runs by its digest."""
        return list(running_images(report, self.with_digest(report), board))

    def relevant(self, report: Report, board: str, channel: str) -> tuple[Release, ...]:
        """Returns the releases that count for a decision on a device.

        They are those that it may run, and the highest; for a filesystem also the firmware that
        its channel points at. Searching thousands for each device would let forged ones stop the
        server.
        """
        positions = self._positions(report)
        if self._highest is not None:
            positions.add(self._highest)
        if report.mode is Mode.FILESYSTEM:
            firmware = self.settled(board, channel)
            if firmware is not None:
                positions.add(self._position[str(firmware.release.version)])
        return tuple(self.releases[at] for at in sorted(positions))

    def withdrawn(self, board: str, channel: str, kind: ImageKind) -> bool:
        """Returns whether a channel has nothing for a board because it was taken back."""
        return any(
            image.withdrawn is not None and channel in image.left_channels
            for release in self.releases
            for image in release.images
            if (image.board, image.kind) == (board, kind)
        )


def recognise(device: Device, targets: Targets) -> None:
    """Finds out which release a device runs, and on which chip, by the digest that it reports."""
    report = device.report
    images = running_images(report, targets.with_digest(report), device.board)
    versions = never_below(images, device.channel) or list(images)
    device.runs = str(versions[0]) if versions else None
    device.chip = _chip(report, targets.with_digest(report)) or device.chip


def _chip(report: Report, releases: Iterable[Release]) -> str | None:
    """Returns the chip of the images that a device runs, None if they are for several."""
    chips = {
        image.chip
        for release in releases
        for image in release.images
        if image.kind == "firmware"
        and image.chip is not None
        and (
            report.sketch_md5 in image.running.md5s or report.sketch_sha256 in image.running.sha256s
        )
    }
    return chips.pop() if len(chips) == 1 else None
