"""The pre-flight checks: pure, run before the first byte is sent and again on what was received.

Each finding has the name of its check, so that both sides and a script speak of the same thing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from acpublish.errors import CheckError
from acpublish.image import Image, Kind, Stamp
from acpublish.release.manifest import Release
from acpublish.release.submission import Submission
from acpublish.wire import MAX_SIZE_BYTES

__all__ = ["Finding", "Severity", "check", "raise_errors"]


class Severity(str, Enum):
    """Whether a finding stops a publish."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check found: its name, how bad it is, what and why, what to do next."""

    check: str
    severity: Severity
    problem: str
    hint: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.check}: {self.problem}. {self.hint}"


#: What each kind that is no plain application is, and what to do instead.
_WRONG_KINDS: dict[Kind, tuple[str, str]] = {
    Kind.MERGED: (
        "a merged factory image with bootloader and partition table",
        "Publish the application image alone, PlatformIO's firmware.bin.",
    ),
    Kind.BOOTLOADER: (
        "a bootloader",
        "Publish the application image, PlatformIO's firmware.bin.",
    ),
    Kind.GZIP: (
        "a gzip file",
        "Publish the plain image (with board_build.gzip_fw that is firmware.bin.orig).",
    ),
    Kind.FILESYSTEM: (
        "a filesystem image",
        "Publish it as one: --kind filesystem.",
    ),
    Kind.UNKNOWN: (
        "no ESP image",
        "Give the image that a device flashes, such as PlatformIO's firmware.bin.",
    ),
}


def check(image: Image, submission: Submission, releases: Iterable[Release]) -> tuple[Finding, ...]:
    """Returns all that is to be said against publishing an image.

    Args:
        image: What :func:`acpublish.image.read` says of the very bytes to be published.
        submission: Where it is to stand.
        releases: The product's releases so far.
    """
    if not image.size:
        return (_error("empty", "the file is empty", "Build the image again."),)
    if submission.kind == "filesystem":
        return tuple(_filesystem(image))
    found = list(_wrong_kind(image, submission))
    return tuple(
        found or [*_sound(image), *_chip(image, submission, releases), *_stamp(image, submission)]
    )


def raise_errors(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Raises the first error among the findings.

    Returns:
        The warnings, one line each, when there is no error.

    Raises:
        CheckError: A finding is an error; the message begins with the check's name.
    """
    warnings = []
    for finding in findings:
        if finding.severity is Severity.ERROR:
            raise CheckError(f"{finding.check}: {finding.problem}", hint=finding.hint)
        warnings.append(str(finding))
    return tuple(warnings)


def _error(name: str, problem: str, hint: str) -> Finding:
    return Finding(check=name, severity=Severity.ERROR, problem=problem, hint=hint)


def _filesystem(image: Image) -> Iterator[Finding]:
    if image.kind in (Kind.APPLICATION, Kind.MERGED, Kind.BOOTLOADER, Kind.SIGNED):
        yield _error(
            "wrong-kind",
            f"this is firmware ({image.kind.value}), not a filesystem image",
            "Publish it with --kind firmware, or give the filesystem's image.",
        )
    yield from _size(image)


def _wrong_kind(image: Image, submission: Submission) -> Iterator[Finding]:
    wrong = _WRONG_KINDS.get(image.kind)
    if wrong:
        yield _error("wrong-kind", f"the file is {wrong[0]}", wrong[1])
    elif image.kind is Kind.SIGNED and image.stamp != _wanted(submission):
        yield _error(
            "wrong-kind",
            "the image is signed, and a stamp would void the signature",
            "Stamp first (acpublish stamp), then sign, then publish.",
        )


def _sound(image: Image) -> Iterator[Finding]:
    if image.damaged:
        yield _error(
            "damaged",
            "the image is damaged: " + ("; ".join(image.problems) or "a check does not hold"),
            "Build or copy it again.",
        )
    yield from _size(image)


def _size(image: Image) -> Iterator[Finding]:
    if image.size > MAX_SIZE_BYTES:
        yield _error(
            "size",
            f"the image has {image.size} bytes, and a device counts to {MAX_SIZE_BYTES}",
            "Give the image that a device flashes.",
        )


def _chip(image: Image, submission: Submission, releases: Iterable[Release]) -> Iterator[Finding]:
    if submission.chip and image.chip and submission.chip != image.chip:
        yield _error(
            "chip",
            f"the image is for {image.chip}, the board {submission.board} has {submission.chip}",
            "Choose the image or the board that fits.",
        )
        return
    for release in releases:
        earlier = release.image_for(submission.board, "firmware")
        if earlier and earlier.chip and image.chip and earlier.chip != image.chip:
            yield _error(
                "chip",
                f"the image is for {image.chip}, but {submission.product} {release.version} for "
                f"board {submission.board} is for {earlier.chip}",
                "Choose the image that fits, or publish under another board name.",
            )
            return


def _stamp(image: Image, submission: Submission) -> Iterator[Finding]:
    if not image.stampable:
        yield Finding(
            check="unstamped",
            severity=Severity.WARNING,
            problem="the image has no place for a stamp, so its digest alone identifies it",
            hint="Build it with acpublish's extra script, which links a stamp record in.",
        )
    elif image.stamp != _wanted(submission):
        held = f"{image.stamp.product} {image.stamp.version}" if image.stamp else "nothing"
        yield _error(
            "stamp",
            f"the image's stamp says {held}, not {submission.product} {submission.version}",
            "Publish with acpublish publish, which stamps, or use acpublish stamp.",
        )


def _wanted(submission: Submission) -> Stamp:
    return Stamp(product=submission.product, version=str(submission.version))
