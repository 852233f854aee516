"""Checks of what the board has: space, partitions, flash."""

from __future__ import annotations

from acpublish.release.checks.facts import (
    EARLIER_LAYOUT,
    FLASH_LAYOUT,
    FLASH_SIZE,
    PARTITION_TABLE,
    Check,
    Facts,
    Judgement,
    Lacks,
    Severity,
    error,
    warning,
)
from acpublish.release.declared import flash_bytes
from acpublish.release.gzip_choice import inflates, sectors

#: From this share of the slot on, the next release may no longer fit.
_NEARLY_FULL_PERCENT = 90


def _slot(facts: Facts) -> Judgement:
    space, size = facts.declared.slot_bytes, facts.image.size
    if space is None:
        # An update over the air does not change the partitions of a device.
        slots = (image.declared.slot_bytes for _, image in facts.earlier())
        space = next(filter(None, slots), None)
    if space is None:
        if _may_have_partitions(facts):
            yield Lacks(PARTITION_TABLE)
        return
    where = "the filesystem's partition" if facts.kind == "filesystem" else "the smallest OTA slot"
    if space == 0:
        yield error(
            "slot",
            "the partition table has no slot for an application",
            "Use the partition table that the firmware is built with.",
        )
    elif size > space:
        yield error(
            "slot",
            f"the image is {size} bytes, but {where} holds only {space}: {size - space} bytes "
            "too many",
            "Make the image smaller, or flash another partition table over the serial port.",
        )
    # The image of a filesystem is as large as its partition, however little it contains.
    elif facts.kind == "firmware" and size * 100 >= space * _NEARLY_FULL_PERCENT:
        # Rounded down, so that only an exact fit is reported as 100 %.
        yield warning(
            "slot",
            f"the image takes {size * 100 // space} % of {where}: {space - size} of {space} bytes "
            "are left",
            "Free some space before it no longer fits: an update cannot change the partition "
            "table.",
        )


def _layout(facts: Facts) -> Judgement:
    layout = facts.declared.layout
    if layout is None:
        if _may_have_partitions(facts):
            yield Lacks(PARTITION_TABLE)
        return
    for release, image in facts.before():
        if image.declared.layout is None:
            continue
        if image.declared.layout != layout:
            yield warning(
                "partition-layout",
                f"the partition layout differs from that of {facts.product} {release.version}",
                "An update over the air keeps the old layout: flash over the serial port, or "
                "build with the old layout.",
            )
        return
    yield Lacks(EARLIER_LAYOUT)


def _may_have_partitions(facts: Facts) -> bool:
    """Returns whether there may be a partition table, which an ESP8266 has not."""
    return "esp8266" not in (facts.image.family, facts.chip)


def _flash_size(facts: Facts) -> Judgement:
    available = facts.declared.flash_bytes
    required = flash_bytes(facts.image.flash_size or "")
    if available is None:
        yield Lacks(FLASH_SIZE)
    elif required is None:
        yield Lacks("the flash size in the image's header")
    elif required > available:
        yield warning(
            "flash-size",
            f"the image's header says {facts.image.flash_size} of flash, but the board has "
            f"{available // 1024} KiB",
            "Build it for the board, or set board_build.flash_size to the size of its flash.",
        )


def _ota_space(facts: Facts) -> Judgement:
    """Judges whether an ESP8266 has space for the image while another one is running.

    The new image is received behind the running one and in front of the filesystem, both in whole
    sectors (``Esp.cpp``: ``getFreeSketchSpace``, ``Updater.cpp``: ``begin``). A gzip must also
    leave space for the image that eboot inflates from it.
    """
    if facts.image.family != "esp8266":
        return
    earlier = [
        (release.version, image)
        for release, image in facts.earlier()
        if release.version != facts.version
    ]
    known = [facts.declared.ota_bytes, *(image.declared.ota_bytes for _, image in earlier)]
    space = next(filter(None, known), None)
    if space is None:
        yield Lacks(FLASH_LAYOUT)
        return
    lacking = [
        (_needed(facts, image.size, image.core) - (image.declared.ota_bytes or space), version)
        for version, image in earlier
    ]
    excess, version = min(lacking, key=lambda entry: entry[0], default=(0, None))
    if excess > 0:
        yield error(
            "ota-space",
            f"the image does not fit over the air, not even next to {version}, the release that "
            f"leaves the most space on this board: {excess} bytes too many",
            _smaller(facts),
        )
        return
    excess = _needed(facts, facts.image.size, facts.core) - space
    if excess > 0:
        yield warning(
            "ota-space",
            "devices that run this image cannot receive one of the same size over the air: "
            f"{excess} bytes too many",
            _smaller(facts),
        )


def _needed(facts: Facts, running_bytes: int, core: str | None) -> int:
    """Returns how much flash an update takes from a running image that was built with this core."""
    running, image = sectors(running_bytes), sectors(facts.image.size)
    if facts.gzip_bytes is None or not inflates(core):
        return running + image
    gzip = sectors(facts.gzip_bytes)
    return min(running + image, max(running, image) + gzip)


def _smaller(facts: Facts) -> str:
    if facts.gzip_bytes is None:
        return (
            "Publish it with --compress (devices need a release with its --core first), make it "
            "smaller, or flash it over the serial port."
        )
    if facts.core is None:
        return "Pass the core with --core, so that devices get gzips, or make the image smaller."
    return "Make the image or the filesystem smaller, or flash it over the serial port."


CHECKS = (
    Check(
        name="slot",
        severity=Severity.ERROR,
        explanation="The image fits in the smallest OTA slot of the board's partition table, or a "
        "filesystem in its partition; for firmware there is a warning from 90 % on. A device would "
        "refuse a larger one after the download. This check needs the partition table "
        "(--partitions; PlatformIO knows it), or an earlier release for the board that was "
        "published with one.",
        judge=_slot,
    ),
    Check(
        name="partition-layout",
        severity=Severity.WARNING,
        explanation="The partition layout is the one that the board's last release was built "
        "with. An update over the air does not change a device's partition table. This check "
        "needs the partition table (--partitions; PlatformIO knows it) and an earlier release "
        "with one.",
        judge=_layout,
    ),
    Check(
        name="flash-size",
        severity=Severity.WARNING,
        explanation="The flash size in the image's header is not larger than the board's flash. "
        "Otherwise a device would write beyond the end of its flash. This check needs the size of "
        "the board's flash, which PlatformIO knows.",
        judge=_flash_size,
        kinds=("firmware",),
    ),
    Check(
        name="ota-space",
        severity=Severity.ERROR,
        explanation="An ESP8266 has space for the image while another release is running. The "
        "image that arrives and the one that runs share the flash before the filesystem. It is an "
        "error if the image does not fit next to any release for the board, and a warning if it "
        "does not fit next to itself, because then the next update would fail. A gzip "
        "(--compress) needs less. This check needs the layout of the board's flash, which "
        "PlatformIO knows, or an earlier release that was published with it.",
        judge=_ota_space,
        kinds=("firmware",),
    ),
)
