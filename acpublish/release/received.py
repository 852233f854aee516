"""Whether a device is offered an image that it has already received: pure rules.

Two kinds of device would otherwise be sent the same image at every poll:

1. One whose digest never matches. Flash encryption changes every MD5, so a device that reports an
   unknown digest and exactly the version that it received runs what it received, as far as it can
   be told. Its digest must differ from the one before, or it must have claimed that version
   before: then it ran the release already, and a server that was restarted sent it once more.
2. One that requests a filesystem and reports a version that does not change with it, such as its
   firmware's. It gets each release once, and again after a day, in case the first time failed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from acpublish.release.decision import (
    Decision,
    Rule,
    Verdict,
    kind_wanted,
)
from acpublish.release.manifest import Release
from acpublish.release.names import ImageKind
from acpublish.release.running import is_known, reports_version
from acpublish.wire import Mode, Report

#: A filesystem that did not arrive is sent again after this time. Writing one a day is far from
#: wearing out a flash chip, which takes 10,000 writes and more.
RETRY_AFTER_S = 24 * 60 * 60.0
#: A claim may be as long as a head; what is longer than this is compared by its beginning.
_MAX_CLAIM_CHARACTERS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What a device last received whole, and what it reported when it did.

    Attributes:
        at: Seconds since 1970.
        kind: Firmware or a filesystem.
        sha256: The image, inflated.
        claim: The version that the device reported.
        sketch_md5: The digest that it reported.
        sketch_sha256: Likewise.
    """

    at: float
    kind: ImageKind
    sha256: str
    claim: str | None
    sketch_md5: str | None
    sketch_sha256: str | None

    @classmethod
    def of(cls, at: float, report: Report, sha256: str) -> Received:
        """Describes the delivery of an image to a device that sent this report."""
        return cls(
            at=at,
            kind=kind_wanted(report),
            sha256=sha256,
            claim=same_claim(report.version),
            sketch_md5=report.sketch_md5,
            sketch_sha256=report.sketch_sha256,
        )


def same_claim(version: str | None) -> str | None:
    """Returns what claims are compared by."""
    return None if version is None else version[:_MAX_CLAIM_CHARACTERS]


def after_receiving(
    decision: Decision,
    report: Report,
    releases: Iterable[Release],
    received: Received | None,
    now: float,
) -> Decision:
    """Reconsiders an offer to a device that has already received an image.

    Args:
        decision: What was decided without knowing that.
        report: What the device says about itself now.
        releases: The product's releases.
        received: The last image of the kind in question that it received whole.
        now: Seconds since 1970.

    Returns:
        The same decision, or that the device is up to date.
    """
    release, image = decision.release, decision.image
    if decision.verdict is not Verdict.OFFER or release is None or image is None:
        return decision
    if received is None or received.sha256 != image.sha256:
        return decision
    version = str(release.version)
    if report.mode is Mode.FILESYSTEM:
        if received.claim != same_claim(report.version) or now - received.at >= RETRY_AFTER_S:
            return decision
        rule = Rule.FILESYSTEM_RECEIVED
        reason = (
            f"the device received filesystem {version} and reports the same version as before; it "
            f"is sent again {RETRY_AFTER_S / 3600:g} hours later"
        )
    elif report.mode is Mode.SKETCH and _runs_unverified(report, releases, received, version):
        rule = Rule.RECEIVED_UNVERIFIED
        reason = (
            f"the device received {version} and reports it, which is unverified, as its digest is "
            "in no release (flash encryption changes every digest)"
        )
    else:
        return decision
    return replace(decision, verdict=Verdict.UP_TO_DATE, rule=rule, reason=reason, compressed=None)


def _runs_unverified(
    report: Report, releases: Iterable[Release], received: Received, version: str
) -> bool:
    """Returns whether the device runs what it received, as far as its claim tells."""
    digests = report.sketch_md5, report.sketch_sha256
    if not any(digests) or not reports_version(report, version) or is_known(report, releases):
        return False
    changed = digests != (received.sketch_md5, received.sketch_sha256)
    return changed or received.claim == same_claim(report.version)
