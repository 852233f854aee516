"""Checks of what the board has: space, partitions, flash."""

from __future__ import annotations

from acpublish.release.checks.facts import Check, Facts, Judgement, Lacks, Severity, error, warning
from acpublish.release.declared import flash_bytes

#: From this share of the slot on, the next release may no longer fit.
_NEARLY_FULL_PERCENT = 90


def _slot(facts: Facts) -> Judgement:
    space, size = facts.declared.slot_bytes, facts.image.size
    if space is None:
        # An update over the air does not change the partitions of a device.
        slots = (image.declared.slot_bytes for _, image in facts.earlier())
        space = next(filter(None, slots), None)
    if space is None:
        yield Lacks("the partition table")
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
    elif size * 100 >= space * _NEARLY_FULL_PERCENT:
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
        yield Lacks("the partition table")
        return
    for release, image in facts.earlier():
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
    yield Lacks("an earlier release with a partition layout")


def _flash_size(facts: Facts) -> Judgement:
    available = facts.declared.flash_bytes
    required = flash_bytes(facts.image.flash_size or "")
    if available is None:
        yield Lacks("the size of the board's flash")
    elif required is None:
        yield Lacks("the flash size in the image's header")
    elif required > available:
        yield warning(
            "flash-size",
            f"the image's header says {facts.image.flash_size} of flash, but the board has "
            f"{available // 1024} KiB",
            "Build it for the board, or set board_build.flash_size to the size of its flash.",
        )


CHECKS = (
    Check(
        name="slot",
        severity=Severity.ERROR,
        explanation="The image fits in the smallest OTA slot of the board's partition table, or a "
        "filesystem in its partition; from 90 % on there is a warning. A device would refuse a "
        "larger one after the download. This check needs the partition table (--partitions; "
        "PlatformIO knows it), or an earlier release for the board that was published with one.",
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
)
