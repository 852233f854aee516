"""Checks of what the board has: room, partitions, flash."""

from __future__ import annotations

from acpublish.release.checks.facts import Check, Facts, Judgement, Lacks, Severity, error, warning
from acpublish.release.declared import flash_bytes

__all__ = ["CHECKS"]

#: From this share of the slot on, the next release may not fit any more.
_NEARLY_FULL_PERCENT = 90


def _slot(facts: Facts) -> Judgement:
    room, size = facts.declared.slot_bytes, facts.image.size
    if room is None:
        # An update over the air leaves a device the partitions that it had.
        room = next(filter(None, (one.declared.slot_bytes for _, one in facts.earlier())), None)
    if room is None:
        yield Lacks("the partition table")
        return
    where = "the filesystem's partition" if facts.kind == "filesystem" else "the smallest OTA slot"
    if room == 0:
        yield error(
            "slot",
            "the partition table has no slot for an application",
            "Give the table that the board is built with.",
        )
    elif size > room:
        yield error(
            "slot",
            f"the image has {size} bytes, {where} {room}: {size - room} bytes too many",
            "Make the image smaller, or give the board another partition table by cable.",
        )
    elif size * 100 >= room * _NEARLY_FULL_PERCENT:
        # Rounded down, so that what fits exactly is all that is said to be full.
        yield warning(
            "slot",
            f"the image takes {size * 100 // room} % of {where}: {room - size} of {room} bytes "
            "are left",
            "Make room before it no longer fits: an update cannot change the partition table.",
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
                f"the partition layout is not that of {facts.product} {release.version}",
                "An update over the air keeps the old layout: flash it by cable, or build with "
                "the old one.",
            )
        return
    yield Lacks("an earlier release with a partition layout")


def _flash_size(facts: Facts) -> Judgement:
    held = facts.declared.flash_bytes
    found = flash_bytes(facts.image.flash_size or "")
    if held is None:
        yield Lacks("the size of the board's flash")
    elif found is None:
        yield Lacks("the flash size in the image's header")
    elif found > held:
        yield warning(
            "flash-size",
            f"the image's header says {facts.image.flash_size} of flash, the board has "
            f"{held // 1024} KiB",
            "Build it for the board, or set board_build.flash_size to what the board has.",
        )


CHECKS = (
    Check(
        name="slot",
        severity=Severity.ERROR,
        explanation="The image fits the smallest OTA slot of the board's partition table, or the "
        "filesystem its partition; from 90 % on there is a warning. A device would refuse a larger "
        "one after the download. It needs the partition table (--partitions; PlatformIO knows it), "
        "or an earlier release for the board that was published with one.",
        judge=_slot,
    ),
    Check(
        name="partition-layout",
        severity=Severity.WARNING,
        explanation="The partition layout is the one that the board's last release was built "
        "with. An update over the air does not change a device's partition table. It needs the "
        "partition table (--partitions; PlatformIO knows it) and an earlier release with one.",
        judge=_layout,
    ),
    Check(
        name="flash-size",
        severity=Severity.WARNING,
        explanation="The flash size in the image's header is not larger than the board's flash. A "
        "device would write where there is nothing. It needs the size of the board's flash, which "
        "PlatformIO knows.",
        judge=_flash_size,
        kinds=("firmware",),
    ),
)
