"""What a device is offered: pure decisions, each with a reason that people can read.

Digests say what a device runs; the version that it claims is heard where it sends no digest, for
filesystems (a sketch's digest says nothing about them) and against downgrades.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from acpublish.image.model import ReportedDigests
from acpublish.release.gzip_choice import choose_form
from acpublish.release.manifest import Compressed, Release, ReleaseImage
from acpublish.release.names import ImageKind
from acpublish.release.version import Version
from acpublish.wire import Family, Mode, Report

__all__ = ["Decision", "Verdict", "decide_file", "decide_update", "newest"]


class Verdict(str, Enum):
    """What is answered."""

    OFFER = "offer"
    UP_TO_DATE = "up to date"
    NOTHING = "nothing"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The verdict, its reason, and for an automatic update the image that it is about.

    Attributes:
        verdict: What is answered.
        reason: Why, for a person.
        release: The release that it is about.
        image: The image that it is about.
        compressed: The gzip of the image, where that is offered in its place.
    """

    verdict: Verdict
    reason: str
    release: Release | None = None
    image: ReleaseImage | None = None
    compressed: Compressed | None = None

    @property
    def has_forms(self) -> bool:
        """Whether an image is offered that has two forms, between which the device's space decides.

        Otherwise neither ``sketch_size`` nor ``free_space`` of its report counts.
        """
        offers = self.verdict is Verdict.OFFER
        return offers and self.image is not None and self.image.compressed is not None


def newest(
    releases: Iterable[Release], board: str, channel: str, kind: ImageKind = "firmware"
) -> tuple[Release, ReleaseImage] | None:
    """Returns what a channel points at for a board: the last that was published there."""
    best: tuple[Release, ReleaseImage] | None = None
    best_order = -1
    for release in releases:
        image = release.image_for(board, kind)
        if image is not None and image.channels.get(channel, -1) > best_order:
            best, best_order = (release, image), image.channels[channel]
    return best


def decide_update(
    report: Report, releases: Sequence[Release], board: str, channel: str
) -> Decision:
    """Decides what the automatic address of a product and board answers.

    Args:
        report: What the device says of itself.
        releases: The product's releases.
        board: The board in the address.
        channel: The channel in the address.
    """
    kind: ImageKind = "filesystem" if report.mode is Mode.FILESYSTEM else "firmware"
    found = newest(releases, board, channel, kind)
    if found is None:
        return Decision(verdict=Verdict.NOTHING, reason=f"no {kind} for {board} on {channel}")
    release, image = found
    if _other_family(report.family, image.family):
        reason = f"the device is an {report.family}, the image is for {image.family}"
        return Decision(verdict=Verdict.REFUSE, reason=reason)
    up_to_date = (
        _downgrade(report, releases, board, release.version)
        or (report.mode is Mode.FILESYSTEM and _filesystem_up_to_date(report, release.version))
        or (report.mode is Mode.SKETCH and runs(report, image.running, str(release.version)))
    )
    if up_to_date:
        return Decision(verdict=Verdict.UP_TO_DATE, reason=up_to_date, release=release, image=image)
    reason = f"{release.version} is the newest on {channel}"
    if image.compressed is None or report.mode is not Mode.SKETCH:
        return Decision(verdict=Verdict.OFFER, reason=reason, release=release, image=image)
    form = choose_form(report, releases, image)
    return Decision(
        verdict=Verdict.OFFER,
        reason=f"{reason}; {form.reason}",
        release=release,
        image=image,
        compressed=form.compressed,
    )


def decide_file(
    report: Report,
    *,
    family: Family | None,
    kind: ImageKind | None,
    running: ReportedDigests,
    version: str | None = None,
    flashable: bool = True,
) -> Decision:
    """Decides what a file that is asked for by its name answers.

    Args:
        report: What the client says of itself.
        family: The family that the file is known to be for.
        kind: What the file is known to be; None where that is not known.
        running: What a device that runs it may report.
        version: The version of a release's image.
        flashable: False for what would ruin a device: a bootloader or a merged factory image.
    """
    if report.updater and not flashable and report.mode is Mode.SKETCH:
        return Decision(verdict=Verdict.REFUSE, reason="it is no image for an update")
    if _other_family(report.family, family):
        reason = f"the device is an {report.family}, the image is for {family}"
        return Decision(verdict=Verdict.REFUSE, reason=reason)
    wanted: ImageKind = "filesystem" if report.mode is Mode.FILESYSTEM else "firmware"
    # Who asks for a version only does not say of what.
    if report.updater and kind and kind != wanted and report.mode is not Mode.VERSION:
        return Decision(verdict=Verdict.REFUSE, reason=f"the device wants {wanted}, not {kind}")
    same = ""
    if report.mode is Mode.SKETCH:
        same = runs(report, running, version)
    elif report.mode is Mode.FILESYSTEM and _claims(report, version):
        same = f"the device reports filesystem {version}"
    if same:
        return Decision(verdict=Verdict.UP_TO_DATE, reason=same)
    return Decision(verdict=Verdict.OFFER, reason="asked for by name")


def runs(report: Report, running: ReportedDigests, version: str | None) -> str:
    """Returns the reason to believe that the device runs this image, empty for none."""
    if report.sketch_md5 or report.sketch_sha256:
        same = report.sketch_md5 in running.md5s or report.sketch_sha256 in running.sha256s
        return "the device's digest is that of the image" if same else ""
    return f"the device reports {version} and no digest" if _claims(report, version) else ""


def _claims(report: Report, version: str | None) -> bool:
    """Tells whether the device claims this version, be it with a ``v`` before it."""
    if report.version is None or version is None:
        return False
    claimed = Version.or_none(report.version)
    return report.version == version or (
        claimed is not None and claimed == Version.or_none(version)
    )


def _other_family(device: Family | None, image: Family | None) -> bool:
    return device is not None and image is not None and device != image


def _downgrade(report: Report, releases: Iterable[Release], board: str, offered: Version) -> str:
    claimed = Version.or_none(report.version)
    if claimed and offered.precedence < claimed.precedence:
        return f"{offered} is lower than {claimed}, which the device reports"
    if report.mode is Mode.SKETCH:
        for release in releases:
            image = release.image_for(board, "firmware")
            if (
                image is not None
                and offered.precedence < release.version.precedence
                and (report.sketch_md5 or report.sketch_sha256)
                and runs(report, image.running, None)
            ):
                return f"{offered} is lower than {release.version}, which the device runs"
    return ""


def _filesystem_up_to_date(report: Report, offered: Version) -> str:
    if report.version is None:
        return "a filesystem is offered only to a device that reports a version"
    claimed = Version.or_none(report.version)
    if claimed is None:
        return "the device reports a version that cannot be compared"
    # Development versions may differ in their build metadata alone, which orders nothing.
    if claimed.precedence == offered.precedence and claimed.build not in ("", offered.build):
        return ""
    if claimed.precedence >= offered.precedence:
        return f"the device reports filesystem {claimed}"
    return ""
