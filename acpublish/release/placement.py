"""Where an image goes among a product's releases: what is new, what is there, what conflicts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from acpublish.errors import ConflictError
from acpublish.image.model import Image
from acpublish.keys import PublicKey
from acpublish.release.manifest import PROVENANCE_CORE, Compressed, Release, ReleaseImage
from acpublish.release.signatures import merged, statement
from acpublish.release.submission import Outcome, Submission, visible_name

__all__ = ["Placement", "place", "visible_name"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The release and the image as they are to be, and what that means."""

    release: Release
    image: ReleaseImage
    outcome: Outcome


def place(
    image: Image,
    submission: Submission,
    releases: Sequence[Release],
    now: datetime,
    compressed: Compressed | None = None,
    *,
    trusted_keys: Iterable[PublicKey] = (),
) -> Placement:
    """Places an image among a product's releases.

    Args:
        image: What is published.
        submission: Where it is to stand.
        releases: The product's releases so far.
        now: The time of publishing, in UTC.
        compressed: The image's gzip, where there is to be one; one that is there already stays.
        trusted_keys: The keys that the product trusts.

    Raises:
        ConflictError: The version exists with other bytes; both digests are named.
    """
    release = next(
        (one for one in releases if one.version == submission.version),
        Release(product=submission.product, version=submission.version, images=()),
    )
    held = release.image_for(submission.board, submission.kind)
    if held is not None and held.sha256 != image.sha256:
        raise ConflictError(
            f"{submission.product} {submission.version} for {submission.board} is published with "
            f"other bytes: there sha256 {held.sha256}, here {image.sha256}",
            hint="A release never changes: raise the version and publish again.",
        )
    fresh = _with_core(held, submission) if held else _new(image, submission, now)
    stated = statement(submission.product, submission.version, fresh)
    placed = replace(
        fresh,
        compressed=fresh.compressed or compressed,
        signatures=merged(fresh.signatures, submission.signatures, stated, trusted_keys),
    )
    if submission.channel not in placed.channels:
        placed = replace(
            placed,
            channels={**placed.channels, submission.channel: _next_order(releases)},
            # A reason may be for the channel alone, such as a changed work tree on stable.
            skipped_checks={**placed.skipped_checks, **submission.skipped_checks},
        )
    return Placement(
        release=release.with_image(placed), image=placed, outcome=_outcome(held, placed)
    )


def _with_core(held: ReleaseImage, submission: Submission) -> ReleaseImage:
    """Returns what is there with the core that a signature names, which has to fit it there.

    Raises:
        ConflictError: It is there as built with another core.
    """
    there, here = (one.provenance.get(PROVENANCE_CORE) for one in (held, submission))
    if there == here or not submission.signatures:
        return held
    if here and there is None and not held.signatures:
        return replace(held, provenance={**held.provenance, PROVENANCE_CORE: here})
    raise ConflictError(
        f"{submission.product} {submission.version} for {submission.board} is published as built "
        f"with {_core(there)}, and the signature is over {_core(here)}",
        hint=f"Publish again with --core {there}." if there else "Publish again without a core.",
    )


def _core(version: str | None) -> str:
    return f"core {version}" if version else "no core"


def _outcome(held: ReleaseImage | None, placed: ReleaseImage) -> Outcome:
    if held is None:
        return Outcome.PUBLISHED
    if held.channels != placed.channels:
        return Outcome.ADDED_TO_CHANNEL
    if held.compressed != placed.compressed:
        return Outcome.COMPRESSED
    return Outcome.SIGNED if held.signatures != placed.signatures else Outcome.ALREADY_PUBLISHED


def _new(image: Image, submission: Submission, now: datetime) -> ReleaseImage:
    return ReleaseImage(
        board=submission.board,
        kind=submission.kind,
        file=submission.file,
        size=image.size,
        md5=image.md5,
        sha256=image.sha256,
        unstamped_sha256=image.unstamped_sha256,
        published_at=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        family=image.family if submission.kind == "firmware" else None,
        chip=image.chip if submission.kind == "firmware" else None,
        flash_mode=image.flash_mode if submission.kind == "firmware" else None,
        stamped=image.stamp is not None,
        running=image.running,
        provenance=dict(submission.provenance),
        declared=submission.declared,
    )


def _next_order(releases: Iterable[Release]) -> int:
    orders = [
        order
        for release in releases
        for image in release.images
        for order in image.channels.values()
    ]
    return max(orders, default=0) + 1
