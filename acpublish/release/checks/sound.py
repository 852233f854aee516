"""Checks of the bytes alone: whether this is a complete image, and of the right kind."""

from __future__ import annotations

from acpublish.image.model import Image, Kind
from acpublish.release.checks.facts import Check, Facts, Judgement, Severity, error
from acpublish.wire import MAX_IMAGE_BYTES

#: What each kind other than a plain application is, and what to do instead.
_WRONG_KINDS: dict[Kind, tuple[str, str]] = {
    Kind.MERGED: (
        "a merged factory image with bootloader and partition table",
        "Publish the application image alone, PlatformIO's firmware.bin.",
    ),
    Kind.BOOTLOADER: (
        "a bootloader",
        "Publish the application image, PlatformIO's firmware.bin.",
    ),
    Kind.PART: (
        "one part of a build, which no updater installs",
        "Publish the application image, PlatformIO's firmware.bin.",
    ),
    Kind.GZIP: (
        "a gzip file",
        "Publish the plain image (with board_build.gzip_fw that is firmware.bin.orig).",
    ),
    Kind.FILESYSTEM: (
        "a filesystem image",
        "Publish it with --kind filesystem.",
    ),
    Kind.UNKNOWN: (
        "not an ESP image",
        "Use the image that a device flashes, such as PlatformIO's firmware.bin.",
    ),
}
_FIRMWARE = frozenset(
    {Kind.APPLICATION, Kind.MERGED, Kind.BOOTLOADER, Kind.PART, Kind.SIGNED, Kind.GZIP}
)


def _empty(facts: Facts) -> Judgement:
    if not facts.image.size:
        yield error("empty", "the file is empty", "Build the image again.")


def _wrong_kind(facts: Facts) -> Judgement:
    image = facts.image
    if facts.kind == "filesystem":
        yield from _no_filesystem(image)
        return
    kind = image.kind
    if kind is Kind.SIGNED and image.content is not Kind.APPLICATION:
        kind = image.content or Kind.UNKNOWN
    if kind in _WRONG_KINDS:
        what, hint = _WRONG_KINDS[kind]
        yield error("wrong-kind", f"the file is {_description(image, kind) or what}", hint)
    elif _to_be_stamped(facts):
        yield error(
            "wrong-kind",
            "the image is signed, and a stamp would invalidate the signature",
            "Stamp it first (acpublish stamp), then sign, then publish.",
        )


def _description(image: Image, kind: Kind) -> str:
    """Returns what the file is, if more than its kind is known; not what is inside a gzip."""
    if kind is Kind.GZIP or not image.description:
        return ""
    return f"{image.description}, not an ESP image" if kind is Kind.UNKNOWN else image.description


def _no_filesystem(image: Image) -> Judgement:
    """Refuses what is known to be something else; a SPIFFS image need not have a mark."""
    if image.kind is Kind.GZIP:
        # The updater writes a filesystem to its partition as it comes.
        yield error(
            "wrong-kind",
            "the file is a gzip, which no updater inflates into a filesystem",
            "Publish the filesystem image itself, uncompressed.",
        )
    elif image.kind in _FIRMWARE:
        yield error(
            "wrong-kind",
            f"this is firmware ({image.kind.value}), not a filesystem image",
            "Publish it with --kind firmware, or use the image of the filesystem.",
        )
    elif image.kind is Kind.UNKNOWN and image.description:
        yield error(
            "wrong-kind",
            f"the file is {image.description}, not a filesystem image",
            "Use the image of the filesystem, such as PlatformIO's littlefs.bin.",
        )


def _to_be_stamped(facts: Facts) -> bool:
    """Returns whether a stamp is missing that can no longer be written."""
    image = facts.image
    signed = image.kind is Kind.SIGNED and image.stampable and "stamp" not in facts.skipped
    return signed and facts.wanted_stamp is not None and image.stamp != facts.wanted_stamp


def _damaged(facts: Facts) -> Judgement:
    if facts.image.damaged:
        problems = "; ".join(facts.image.problems) or "a checksum does not match"
        yield error("damaged", f"the image is damaged: {problems}", "Build it or copy it again.")


def _size(facts: Facts) -> Judgement:
    if facts.image.size > MAX_IMAGE_BYTES:
        yield error(
            "size",
            f"the image is {facts.image.size} bytes long; the limit is {MAX_IMAGE_BYTES}, because "
            "no flash chip holds more",
            "Use the image that a device flashes.",
        )


CHECKS = (
    Check(
        name="empty",
        severity=Severity.ERROR,
        explanation="The file is not empty. An interrupted build or a full disk can leave an "
        "empty one.",
        judge=_empty,
        decisive=True,
        protected=True,
    ),
    Check(
        name="wrong-kind",
        severity=Severity.ERROR,
        explanation="The file is the plain image of an application, or a filesystem that is "
        "published as one. A merged factory image, a bootloader or one part of a "
        "build would ruin a device; a gzip, as "
        "board_build.gzip_fw builds it, is not accepted by an ESP32 or an old core; a signed image "
        "must be stamped already, because stamping would invalidate the signature.",
        judge=_wrong_kind,
        decisive=True,
        protected=True,
    ),
    Check(
        name="damaged",
        severity=Severity.ERROR,
        explanation="The image is complete, and its checksum, CRC words and appended SHA-256 "
        "match, as far as it has them. A device would refuse a damaged image, or not boot "
        "again.",
        judge=_damaged,
        kinds=("firmware",),
        protected=True,
    ),
    Check(
        name="size",
        severity=Severity.ERROR,
        explanation="The image, firmware or filesystem, is at most 32 MiB long: no ESP flash chip "
        "holds more, and no server accepts more.",
        judge=_size,
        protected=True,
    ),
)
