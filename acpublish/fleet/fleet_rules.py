"""The rules of the fleet by name, as reasons, metrics and documents have them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from acpublish.fleet.known_device import Device
from acpublish.release.decision import Rule, Target, refused_by_device
from acpublish.release.gzip_choice import choose_form
from acpublish.release.manifest import Compressed, Release
from acpublish.wire import Mode, Report


class FleetRule(str, Enum):
    """A rule that decides what a device gets; code reads this, never the reason's words."""

    STORE_AWAY = "store-away"
    HOLD = "hold"
    PIN = "pin"
    HALTED = "halted"
    RING = "ring"
    WINDOW = "window"
    PENALTY_BOX = "penalty-box"
    REQUIRES = "requires"
    WITHDRAWN = "withdrawn"
    CHIP = "chip"
    FLASH_SIZE = "flash-size"
    SPACE = "space"
    FORM = "form"
    DOWNGRADE = "downgrade"
    UNVERIFIED = "unverified"
    NEWEST = "newest"


#: Which of them each rule of a single decision belongs to.
FLEET_RULES: Mapping[Rule, FleetRule] = {
    Rule.OTHER_FAMILY: FleetRule.CHIP,
    Rule.OTHER_KIND: FleetRule.FORM,
    Rule.NOT_FLASHABLE: FleetRule.FORM,
    Rule.DOES_NOT_FIT: FleetRule.SPACE,
    Rule.FLASH_TOO_SMALL: FleetRule.FLASH_SIZE,
    Rule.LOWER_THAN_REPORTED: FleetRule.DOWNGRADE,
    Rule.LOWER_THAN_RUNNING: FleetRule.DOWNGRADE,
    Rule.NEVER_UPDATED: FleetRule.DOWNGRADE,
    Rule.FILESYSTEM_VERSION_MISSING: FleetRule.UNVERIFIED,
    Rule.FILESYSTEM_RECEIVED: FleetRule.UNVERIFIED,
    Rule.RECEIVED_UNVERIFIED: FleetRule.UNVERIFIED,
}

#: A rule that keeps a device from something, and why.
Word = tuple[FleetRule, str]


def unfit(
    report: Report,
    device: Device | None,
    releases: tuple[Release, ...],
    target: Target,
    compressed: Compressed | None,
) -> Word | None:
    """Returns why an image must not be offered to a device; None if nothing is against it.

    Args:
        report: What the device reports now.
        device: What is known of it.
        releases: The releases that it may run.
        target: The image.
        compressed: The gzip that would be sent in its place.
    """
    # A client that is not an updater installs nothing itself, and a digest of the sketch does not
    # say anything about a filesystem.
    if not report.updater or report.mode is not Mode.SKETCH:
        return None
    return wrong_chip(report, device, target) or too_large(report, releases, target, compressed)


def wrong_chip(report: Report, device: Device | None, target: Target) -> Word | None:
    """Returns that an image is for another chip; None if it is not known to be."""
    image = target.image
    if report.family is None:
        return FleetRule.CHIP, "the chip of the device is not known"
    if image.family is not None and image.family != report.family:
        return FleetRule.CHIP, f"the device is an {report.family}, the image is for {image.family}"
    chip = device.chip if device is not None else None
    if chip is not None and image.chip is not None and chip != image.chip:
        return FleetRule.CHIP, f"the device has an {chip}, the image is for {image.chip}"
    return None


def too_large(
    report: Report,
    releases: tuple[Release, ...],
    target: Target,
    compressed: Compressed | None,
) -> Word | None:
    """Returns that a device has no room for an image; None if it is not known to lack any."""
    image = target.image
    if compressed is not None:
        # Whether the gzip fits was decided when it was chosen.
        if report.family == "esp8266":
            return None
        return FleetRule.FORM, "only an ESP8266 can inflate a gzip"
    if report.chip_size is not None and image.size > report.chip_size:
        return FleetRule.FLASH_SIZE, (
            f"the image needs {image.size} bytes, and the flash of the device has "
            f"{report.chip_size}"
        )
    refusal = refused_by_device(report, image.size, image.flash_size)
    if refusal is None:
        return None
    rule, words = refusal
    gzip = image.compressed
    if rule is Rule.DOES_NOT_FIT and gzip is not None and gzip.size <= (report.free_space or 0):
        form = choose_form(report, releases, image)
        return FleetRule.FORM, f"only the gzip would fit, but the device gets it {form.reason}"
    return FLEET_RULES[rule], f"the image {words}"
