"""From an image to its place among a product's releases: check -> gzip -> place -> receipt.

:func:`prepare` is the only way in, for a directory, a server's client, the server itself and a dry
run. It is pure, so everything is checked before the first byte is written or sent. Its rules:

1. A check that finds an error stops it; a finding that is only a warning goes into the receipt.
2. The gzip is kept only if it is smaller than the image.
3. A version that already has an image for the board and kind keeps that image: the same bytes are
   a success, different bytes are a conflict.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from acpublish.errors import ConflictError
from acpublish.image.model import Image
from acpublish.keys import PublicKey
from acpublish.release.candidate import Candidate
from acpublish.release.checks.facts import Result
from acpublish.release.checks.registry import examine, findings_of, not_run, raise_errors
from acpublish.release.decision import choose
from acpublish.release.manifest import PROVENANCE_CORE, Compressed, Release, ReleaseImage
from acpublish.release.signatures import merged, statement
from acpublish.release.submission import Outcome, Receipt, Submission
from acpublish.release.version import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The release and the image as they will be, and what that means.

    Attributes:
        release: The release as it will be.
        image: Its image.
        outcome: What is new.
        points_at: The version that the channel will point at for the board.
        moves: Whether the channel is to point at it, or is to get it in stages.
        rolling: Whether it is on its way to the channel in stages.
    """

    release: Release
    image: ReleaseImage
    outcome: Outcome
    points_at: Version | None
    moves: bool
    rolling: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A candidate that has passed the checks, and what publishing it will change.

    Attributes:
        placement: The release and the image as they will be.
        gzip: The gzip to store beside the image; empty if there is none.
        results: What each check found.
        warnings: What the receipt warns about, one line each.
    """

    placement: Placement
    gzip: bytes = field(repr=False)
    results: tuple[Result, ...]
    warnings: tuple[str, ...]

    @property
    def file(self) -> str:
        """The visible file below the catalog, with ``/`` between its parts."""
        return f"{self.placement.release.product}/{self.placement.image.file}"

    def receipt(self, url: str) -> Receipt:
        """Returns the receipt of the catalog that stores it.

        Args:
            url: Where the catalog has the visible file.
        """
        image = self.placement.image
        return Receipt(
            outcome=self.placement.outcome,
            file=self.file,
            size=image.size,
            md5=image.md5,
            sha256=image.sha256,
            url=url,
            warnings=self.warnings,
            compressed=image.compressed,
            not_checked=not_run(self.results),
            points_at=self.placement.points_at,
            rolling=self.placement.rolling,
        )


def prepare(
    candidate: Candidate,
    submission: Submission,
    releases: Sequence[Release],
    trusted_keys: Iterable[PublicKey],
    now: datetime,
    *,
    in_stages: bool = False,
) -> Prepared:
    """Checks an image, compresses it if asked to, and places it among a product's releases.

    Args:
        candidate: The exact bytes to publish; already stamped.
        submission: What they are published as; already signed.
        releases: The product's releases so far.
        trusted_keys: The keys that the product trusts.
        now: The time of publishing, in UTC.
        in_stages: Whether a release goes to the channel in stages.

    Raises:
        CheckError: A check found an error.
        ConflictError: The version already has different bytes.
        WrongKindError: A gzip is requested that no device could inflate.
    """
    keys = tuple(trusted_keys)
    gzip_bytes = candidate.gzip_bytes if submission.compress else None
    results = examine(
        candidate.image,
        submission,
        releases,
        keys,
        candidate.secrets,
        gzip_bytes,
        candidate.update_paths,
    )
    warnings = raise_errors(findings_of(results))
    gzip, gzip_warnings = gzip_beside(candidate, submission)
    compressed = Compressed.of(gzip) if gzip else None
    placement = place(
        candidate.image,
        submission,
        releases,
        now,
        compressed,
        trusted_keys=keys,
        in_stages=in_stages,
    )
    return Prepared(
        placement=placement,
        gzip=gzip,
        results=results,
        warnings=tuple(dict.fromkeys((*warnings, *gzip_warnings))),
    )


def gzip_beside(candidate: Candidate, submission: Submission) -> tuple[bytes, tuple[str, ...]]:
    """Returns the gzip to store beside an image, and warnings, one line each.

    Args:
        candidate: The image.
        submission: Whether a gzip is requested.

    Returns:
        No bytes if it is not requested, or would not be smaller.

    Raises:
        WrongKindError: No device could inflate it.
    """
    if not submission.compress:
        return b"", ()
    if len(candidate.gzip) < len(candidate.data):
        return candidate.gzip, ()
    return b"", ("compress: the gzip is not smaller than the image. Only the image is kept.",)


def place(
    image: Image,
    submission: Submission,
    releases: Sequence[Release],
    now: datetime,
    compressed: Compressed | None = None,
    *,
    trusted_keys: Iterable[PublicKey] = (),
    in_stages: bool = False,
) -> Placement:
    """Places an image among a product's releases.

    Args:
        image: What is published.
        submission: What it is published as.
        releases: The product's releases so far.
        now: The time of publishing, in UTC.
        compressed: The image's gzip, if there is to be one; an existing one is kept.
        trusted_keys: The keys that the product trusts.
        in_stages: Whether a release goes to the channel in stages.

    Raises:
        ConflictError: The version already has different bytes; the message has both digests.
    """
    release = next(
        (release for release in releases if release.version == submission.version),
        Release(product=submission.product, version=submission.version, images=()),
    )
    published = release.image_for(submission.board, submission.kind)
    if published is not None:
        _need_same(published, image, submission)
    fresh = _with_core(published, submission) if published else _new(image, submission, now)
    stated = statement(submission.product, submission.version, fresh)
    placed = replace(
        fresh,
        # Earlier versions did not keep it, and without it no device gets the gzip.
        flash_size=fresh.flash_size or _flash_size(image, submission),
        compressed=fresh.compressed or compressed,
        signatures=merged(fresh.signatures, submission.signatures, stated, trusted_keys),
    )
    moves = submission.channel not in (*placed.channels, *placed.rolling, *placed.left_channels)
    if moves:
        added: dict[str, int] = {submission.channel: _next_order(releases)}
        placed = replace(
            placed,
            channels=placed.channels if in_stages else {**placed.channels, **added},
            rolling={**placed.rolling, **added} if in_stages else placed.rolling,
            # A reason may apply only to the channel, such as uncommitted changes on stable.
            skipped_checks={**placed.skipped_checks, **submission.skipped_checks},
        )
    release = release.with_image(placed)
    return Placement(
        release=release,
        image=placed,
        outcome=_outcome(published, placed),
        points_at=_pointed_at(releases, release, submission),
        moves=moves,
        rolling=submission.channel in placed.rolling,
    )


def _pointed_at(
    releases: Iterable[Release], placed: Release, submission: Submission
) -> Version | None:
    """Returns what the channel points at once a release is placed."""
    others = (release for release in releases if release.version != placed.version)
    target = choose((*others, placed), submission.board, submission.channel, submission.kind)
    return target.release.version if target else None


def _need_same(published: ReleaseImage, image: Image, submission: Submission) -> None:
    what = f"{submission.product} {submission.version} for {submission.board}"
    hint = "A release never changes: raise the version and publish again."
    if published.sha256 != image.sha256:
        raise ConflictError(
            f"{what} is already published with different bytes: published sha256 "
            f"{published.sha256}, this image {image.sha256}",
            hint=hint,
        )
    if published.withdrawn:
        reason = f": {published.withdrawn_reason}" if published.withdrawn_reason else ""
        raise ConflictError(f"{what} was {published.withdrawn}{reason}", hint=hint)


def _with_core(published: ReleaseImage, submission: Submission) -> ReleaseImage:
    """Returns the published image with the core that a signature names, which must match it.

    Raises:
        ConflictError: It is published as built with another core.
    """
    theirs, ours = published.core, submission.provenance.get(PROVENANCE_CORE)
    if theirs == ours or not submission.signatures:
        return published
    if ours and theirs is None and not published.signatures:
        return replace(published, provenance={**published.provenance, PROVENANCE_CORE: ours})
    raise ConflictError(
        f"{submission.product} {submission.version} for {submission.board} is published as built "
        f"with {_core(theirs)}, but the signature covers {_core(ours)}",
        hint=f"Publish again with --core {theirs}." if theirs else "Publish again without a core.",
    )


def _core(version: str | None) -> str:
    return f"core {version}" if version else "no core"


def _outcome(published: ReleaseImage | None, placed: ReleaseImage) -> Outcome:
    if published is None:
        return Outcome.PUBLISHED
    if (published.channels, published.rolling) != (placed.channels, placed.rolling):
        return Outcome.ADDED_TO_CHANNEL
    sizes_added = placed.compressed is not None and published.flash_size != placed.flash_size
    if published.compressed != placed.compressed or sizes_added:
        return Outcome.COMPRESSED
    changed = published.signatures != placed.signatures
    return Outcome.SIGNED if changed else Outcome.ALREADY_PUBLISHED


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
        flash_size=_flash_size(image, submission),
        stamped=image.stamp is not None,
        running=image.running,
        provenance=dict(submission.provenance),
        declared=submission.declared,
        secure_version=_secure_version(image),
        no_downgrade_below=_text(submission.no_downgrade_below),
        requires=submission.requires,
    )


def _text(version: Version | None) -> str | None:
    return None if version is None else str(version)


def _secure_version(image: Image) -> int | None:
    return image.descriptor.secure_version if image.descriptor else None


def _flash_size(image: Image, submission: Submission) -> str | None:
    return image.flash_size if submission.kind == "firmware" else None


def _next_order(releases: Iterable[Release]) -> int:
    return max((image.order for release in releases for image in release.images), default=0) + 1
