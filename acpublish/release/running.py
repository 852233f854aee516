"""Which releases a device runs, as far as its report tells.

Several releases may have the same bytes, as when an image without a stamp is published again under
another version. Then the device runs all of them alike, and whoever asks decides which count:

1. Whatever is known of one of them is known of the device: whether a release has its image, and
   whether it is ordered back.
2. Nothing lower is offered than any of them that is or was on the device's channel. If there is
   one, those that were only ever on other channels do not count: nobody published them for this
   device, and as its bytes are those of a release of its channel, what is higher there is higher
   than what it runs, in every respect that depends on the bytes. Otherwise, the same bytes under a
   high version on ``dev`` would keep all devices of ``stable`` from their updates, and withdrawing
   that version would not help them.
3. What was withdrawn or deleted still counts on the channels that it was on: its devices go back by
   an order only. What was cleared away is on no channel any more, so it counts on every one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from acpublish.image.model import ReportedDigests
from acpublish.release.manifest import Release, ReleaseImage
from acpublish.release.version import Version
from acpublish.wire import Report


def runs(report: Report, running: ReportedDigests, version: str | None) -> bool:
    """Returns whether a device runs an image, as far as its report tells.

    Args:
        report: What the device says about itself.
        running: What a device that runs the image may report.
        version: The image's version, which counts if the report has no digest.
    """
    if report.sketch_md5 or report.sketch_sha256:
        return report.sketch_md5 in running.md5s or report.sketch_sha256 in running.sha256s
    return reports_version(report, version)


def reports_version(report: Report, version: str | None) -> bool:
    """Returns whether a device reports this version, with or without a ``v`` in front of it."""
    if report.version is None or version is None:
        return False
    reported = Version.or_none(report.version)
    return report.version == version or (
        reported is not None and reported == Version.or_none(version)
    )


def is_known(report: Report, releases: Iterable[Release]) -> bool:
    """Returns whether a release has the image whose digest a device reports."""
    return any(
        image.kind == "firmware" and runs(report, image.running, None)
        for release in releases
        for image in release.images
    )


def running_images(
    report: Report, releases: Iterable[Release], board: str
) -> dict[Version, ReleaseImage]:
    """Returns the firmware that a device runs, by its digest, of each release that has it.

    Args:
        report: What the device says about itself.
        releases: The product's releases.
        board: Its board.
    """
    images = ((release.version, release.image_for(board, "firmware")) for release in releases)
    return {
        version: image for version, image in images if image and runs(report, image.running, None)
    }


def never_below(running: Mapping[Version, ReleaseImage], channel: str) -> list[Version]:
    """Returns the releases below which a device is offered nothing without an order.

    Args:
        running: What it runs (:func:`running_images`).
        channel: Its channel.
    """
    channels = {
        version: {*image.channels, *image.rolling, *image.left_channels}
        for version, image in running.items()
    }
    if not any(channel in known for known in channels.values()):
        return list(running)
    return [version for version, known in channels.items() if channel in known or not known]
