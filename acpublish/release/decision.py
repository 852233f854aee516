"""What a device is offered: pure decisions, each with a rule for code and a reason for people.

The rules of an automatic update, in order:

1. The target is the image that was last published on the channel for the board and kind.
2. An image of another chip family is refused.
3. Nothing lower than what the device runs or reports is offered, unless a rollback orders devices
   back that are known by their digest to run what was taken back. If several releases have the
   bytes that it runs, :mod:`acpublish.release.running` says which of them count. A person or a
   halted rollout may also order a single device to the target, whatever it runs.
4. A device that runs the target is up to date. Its digest decides; the version that it reports
   counts only if it sends no digest, and for filesystems, which a sketch's digest does not cover.
5. Anything else is offered the target, compressed if :mod:`acpublish.release.gzip_choice` allows.
   If its size shows that the device will refuse it, it is offered all the same: the device then
   reports the exact error, and the reason says why nothing comes of it.
6. An image that this very device has already received is another matter
   (:mod:`acpublish.release.received`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from acpublish.image.model import ReportedDigests
from acpublish.release.declared import flash_bytes
from acpublish.release.gzip_choice import choose_form
from acpublish.release.manifest import Compressed, Release, ReleaseImage
from acpublish.release.names import ImageKind
from acpublish.release.running import (
    is_known,
    never_below,
    reports_version,
    running_images,
    runs,
)
from acpublish.release.version import Version
from acpublish.wire import Family, Mode, Report


class Verdict(str, Enum):
    """What the response is: OFFER is 200, UP_TO_DATE is 304, NOTHING is 404, REFUSE is 403."""

    OFFER = "offer"
    UP_TO_DATE = "up to date"
    NOTHING = "nothing"
    REFUSE = "refuse"


class Rule(str, Enum):
    """The rule that led to a decision; code reads this, never the reason's words."""

    NO_TARGET = "no target"
    NEWEST_ON_CHANNEL = "newest on channel"
    REQUESTED_BY_NAME = "requested by name"
    DOES_NOT_FIT = "does not fit"
    FLASH_TOO_SMALL = "flash too small"
    SAME_DIGEST = "same digest"
    SAME_VERSION = "same version"
    SAME_FILESYSTEM = "same filesystem"
    FILESYSTEM_VERSION_MISSING = "filesystem version missing"
    FILESYSTEM_RECEIVED = "filesystem received"
    RECEIVED_UNVERIFIED = "received, unverified"
    ORDERED_BACK = "ordered back"
    LOWER_THAN_REPORTED = "lower than reported"
    LOWER_THAN_RUNNING = "lower than running"
    NEVER_UPDATED = "never updated"
    OTHER_FAMILY = "other family"
    OTHER_KIND = "other kind"
    NOT_FLASHABLE = "not flashable"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class Target:
    """What a channel points at for a board: a release, and its image for that board."""

    release: Release
    image: ReleaseImage


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The verdict, its rule and reason, and for an automatic update the image that it is about.

    Attributes:
        verdict: What the response is.
        rule: Why, for code.
        reason: Why, for a person.
        release: The release that it is about.
        image: The image that it is about.
        compressed: The gzip of the image, if that is offered in its place.
    """

    verdict: Verdict
    rule: Rule
    reason: str
    release: Release | None = None
    image: ReleaseImage | None = None
    compressed: Compressed | None = None


#: A rule that was met, and why in words; None if it was not met.
_Match = tuple[Rule, str] | None


def choose(
    releases: Iterable[Release], board: str, channel: str, kind: ImageKind = "firmware"
) -> Target | None:
    """Chooses what a channel points at for a board: the image that was last published there.

    Args:
        releases: The product's releases.
        board: The board.
        channel: The channel.
        kind: Firmware or a filesystem.

    Returns:
        None if the channel has no image of this kind for the board.
    """
    target: Target | None = None
    highest_order = -1
    for release in releases:
        image = release.image_for(board, kind)
        if image is None or image.withdrawn:
            continue
        if image.channels.get(channel, -1) > highest_order:
            target, highest_order = Target(release, image), image.channels[channel]
    return target


def decide_update(
    report: Report,
    releases: Sequence[Release],
    target: Target | None,
    *,
    board: str,
    channel: str,
    ordered: str = "",
    chosen: str = "",
) -> Decision:
    """Decides how the update URL of a product and board responds.

    Args:
        report: What the device says about itself.
        releases: The product's releases, by which the running image is recognised.
        target: What :func:`choose` returns for the board, the channel and the kind that the
            device wants (:func:`kind_wanted`).
        board: The board in the URL.
        channel: The channel in the URL.
        ordered: Why this device is ordered to the target, though it is lower than what it runs or
            reports; empty if it is not.
        chosen: Why it is this target; by default, because it is the newest on the channel.
    """
    if target is None:
        reason = f"no {kind_wanted(report)} for {board} on {channel}"
        return Decision(verdict=Verdict.NOTHING, rule=Rule.NO_TARGET, reason=reason)
    release, image = target.release, target.image
    if _other_family(report, image.family):
        return _refused_family(report.family, image.family)
    back = _ordered_back(report, releases, target, board, channel)
    if ordered:
        back = None if _runs_target(report, target) else (Rule.ORDERED_BACK, ordered)
    up_to_date = None if back else _up_to_date(report, releases, target, board, channel)
    if up_to_date is not None:
        rule, reason = up_to_date
        return Decision(
            verdict=Verdict.UP_TO_DATE, rule=rule, reason=reason, release=release, image=image
        )
    newest = chosen or f"{release.version} is the newest on {channel}"
    rule, reason = back or (Rule.NEWEST_ON_CHANNEL, newest)
    form = None
    if image.compressed is not None and report.mode is Mode.SKETCH:
        form = choose_form(report, releases, image)
    compressed = form.compressed if form else None
    if compressed is None and (refusal := refused_by_device(report, image.size, image.flash_size)):
        rule, words = refusal
        reason = f"{release.version} {words}"
    return Decision(
        verdict=Verdict.OFFER,
        rule=rule,
        reason=f"{reason}; {form.reason}" if form else reason,
        release=release,
        image=image,
        compressed=compressed,
    )


def _runs_target(report: Report, target: Target) -> bool:
    version = str(target.release.version)
    if report.mode is Mode.FILESYSTEM:
        return reports_version(report, version)
    return runs(report, target.image.running, version)


def _up_to_date(
    report: Report, releases: Sequence[Release], target: Target, board: str, channel: str
) -> _Match:
    release = target.release
    match = _downgrade(report, releases, board, channel, release.version)
    if match is None and report.mode is Mode.FILESYSTEM:
        match = _filesystem_up_to_date(report, release.version)
    elif match is None and report.mode is Mode.SKETCH:
        match = _same(report, target.image.running, str(release.version))
    return match


def _ordered_back(
    report: Report, releases: Sequence[Release], target: Target, board: str, channel: str
) -> _Match:
    """Returns that a device is ordered back to the target, None if it is not.

    Its digest must show that it runs what was taken back. A filesystem follows its firmware, if the
    device reports exactly the one that was taken back.
    """
    versions, back_to = target.image.ordered_back.get(channel, ()), target.release.version
    running = list(running_images(report, releases, board)) if versions else []
    if report.mode is Mode.FILESYSTEM:
        firmware = choose(releases, board, channel)
        # Where the channel has none, any that is known will do.
        gone_back = firmware.release.version in running if firmware else running
        claimed = Version.or_none(report.version)
        running = [claimed] if claimed and gone_back else []
    # Two releases may have the same bytes.
    for version in () if back_to in running else running:
        if str(version) in versions:
            return Rule.ORDERED_BACK, f"{version} was taken back; its devices go back to {back_to}"
    return None


def kind_wanted(report: Report) -> ImageKind:
    """Returns the kind of image that a device requests."""
    return "filesystem" if report.mode is Mode.FILESYSTEM else "firmware"


def decide_file(
    report: Report,
    *,
    family: Family | None,
    kind: ImageKind | None,
    running: ReportedDigests,
    version: str | None = None,
    flashable: bool = True,
    size_bytes: int = 0,
    flash_size: str | None = None,
    compressed: bool = False,
) -> Decision:
    """Decides how to respond to a request for a file by its name.

    Args:
        report: What the client says about itself.
        family: The family that the file is known to be for.
        kind: What the file is known to be; None if that is not known.
        running: What a device that runs it may report.
        version: The version of a release's image.
        flashable: False for what would ruin a device: a bootloader or a merged factory image.
        size_bytes: The size of the file.
        flash_size: The flash size in the header of the image, inflated.
        compressed: Whether the file is a gzip, into which a device cannot look.
    """
    if report.updater and not flashable and report.mode is Mode.SKETCH:
        reason = "the file is not an update image"
        return Decision(verdict=Verdict.REFUSE, rule=Rule.NOT_FLASHABLE, reason=reason)
    if _other_family(report, family):
        return _refused_family(report.family, family)
    wanted = kind_wanted(report)
    # A request for a version only does not say of which kind.
    if report.updater and kind and kind != wanted and report.mode is not Mode.VERSION:
        reason = f"the device wants {wanted}, not {kind}"
        return Decision(verdict=Verdict.REFUSE, rule=Rule.OTHER_KIND, reason=reason)
    same: _Match = None
    if report.mode is Mode.SKETCH:
        same = _same(report, running, version)
    elif report.mode is Mode.FILESYSTEM and reports_version(report, version):
        same = Rule.SAME_FILESYSTEM, f"the device reports filesystem {version}"
    if same is not None:
        rule, reason = same
        return Decision(verdict=Verdict.UP_TO_DATE, rule=rule, reason=reason)
    refusal = refused_by_device(report, size_bytes, flash_size)
    if refusal is None:
        reason = "requested by name"
        return Decision(verdict=Verdict.OFFER, rule=Rule.REQUESTED_BY_NAME, reason=reason)
    rule, words = refusal
    # After such a gzip the device would refuse every later update.
    ruins = compressed and rule is Rule.FLASH_TOO_SMALL
    verdict = Verdict.REFUSE if ruins else Verdict.OFFER
    return Decision(verdict=verdict, rule=rule, reason=f"requested by name, but the image {words}")


def _same(report: Report, running: ReportedDigests, version: str | None) -> _Match:
    """Returns why the device is believed to run this image, None if it is not."""
    if not runs(report, running, version):
        return None
    if report.sketch_md5 or report.sketch_sha256:
        return Rule.SAME_DIGEST, "the device's digest matches the image"
    return Rule.SAME_VERSION, f"the device reports {version} and no digest"


def refused_by_device(report: Report, size_bytes: int, flash_size: str | None) -> _Match:
    """Returns why the device will refuse a plain image for its size; None if it is not known to.

    The updaters compare exactly what they report: the ESP8266's the size of its flash chip with
    the image's header (``ESP8266httpUpdate.cpp``: "New Binary Does Not Fit Flash Size"), and both
    the free space with the size of a sketch ("Not Enough space"). For an ESP32 the free space is
    the size of the next OTA slot (``Esp.cpp``: ``getFreeSketchSpace``).
    """
    if report.mode is not Mode.SKETCH:
        return None
    required, chip_size = flash_bytes(flash_size or ""), report.chip_size
    if report.family == "esp8266" and required and chip_size and required > chip_size:
        return Rule.FLASH_TOO_SMALL, (
            f"is for {flash_size} of flash, but the device has {_flash_text(chip_size)}, so it "
            "will refuse it"
        )
    if report.free_space is not None and size_bytes > report.free_space:
        return Rule.DOES_NOT_FIT, (
            f"does not fit: the device has {report.free_space // 1000} kB free, the image needs "
            f"{-(-size_bytes // 1000)} kB"
        )
    return None


def _flash_text(size_bytes: int) -> str:
    """Returns the size of a flash chip as esptool spells it."""
    mebibytes, rest = divmod(size_bytes, 1024 * 1024)
    return f"{size_bytes // 1024}KB" if rest else f"{mebibytes}MB"


def _other_family(report: Report, image: Family | None) -> bool:
    """Returns whether a device would install an image for the other family.

    A client that is not an updater installs nothing itself: a gateway may get the image for others.
    """
    return report.updater and None not in (report.family, image) and report.family != image


def _refused_family(device: Family | None, image: Family | None) -> Decision:
    reason = f"the device is an {device}, the image is for {image}"
    return Decision(verdict=Verdict.REFUSE, rule=Rule.OTHER_FAMILY, reason=reason)


def _is_stuck(report: Report, reported: Version, releases: Sequence[Release]) -> bool:
    """Returns whether nothing that is published can ever be offered to the device.

    Its claim then most likely comes from a default of the build, and no release carries it.
    """
    if report.mode is Mode.FILESYSTEM or not (report.sketch_md5 or report.sketch_sha256):
        return False
    highest = all(release.version.precedence < reported.precedence for release in releases)
    return highest and not is_known(report, releases)


def _downgrade(
    report: Report, releases: Sequence[Release], board: str, channel: str, offered: Version
) -> _Match:
    reported = Version.or_none(report.version)
    if reported and offered.precedence < reported.precedence:
        if _is_stuck(report, reported, releases):
            reason = (
                f"the device reports {reported}, higher than every release, and no release has its "
                "image, so it will never be updated"
            )
            return Rule.NEVER_UPDATED, reason
        reason = f"{offered} is lower than {reported}, which the device reports"
        return Rule.LOWER_THAN_REPORTED, reason
    if report.mode is not Mode.SKETCH:
        return None
    for running in never_below(running_images(report, releases, board), channel):
        if offered.precedence < running.precedence:
            reason = f"{offered} is lower than {running}, which the device runs"
            return Rule.LOWER_THAN_RUNNING, reason
    return None


def _filesystem_up_to_date(report: Report, offered: Version) -> _Match:
    if report.version is None:
        reason = "a filesystem is offered only to a device that reports a version"
        return Rule.FILESYSTEM_VERSION_MISSING, reason
    reported = Version.or_none(report.version)
    if reported is None:
        # What cannot be compared counts as older; the device gets it once (release.received).
        return None
    # Development versions may differ only in their build metadata, which orders nothing.
    if reported.precedence == offered.precedence and reported.build not in ("", offered.build):
        return None
    if reported.precedence >= offered.precedence:
        return Rule.SAME_FILESYSTEM, f"the device reports filesystem {reported}"
    return None
