"""The checks once more on what is published: an older acpublish may have had fewer of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from acpublish.keys import PublicKey
from acpublish.release import names
from acpublish.release.candidate import Candidate
from acpublish.release.checks.facts import Result
from acpublish.release.checks.registry import examine
from acpublish.release.manifest import Release, ReleaseImage
from acpublish.release.submission import Submission
from acpublish.release.version import Version


def checked_again(
    release: Release,
    image: ReleaseImage,
    candidate: Candidate,
    releases: Sequence[Release],
    trusted_keys: Iterable[PublicKey],
) -> tuple[Result, ...]:
    """Returns what the checks would find if an image were published again as it was.

    Args:
        release: Its release.
        image: The image.
        candidate: Its bytes.
        releases: All releases of the product.
        trusted_keys: The keys that the product trusts.
    """
    numbers = {**image.channels, **image.rolling}
    channels = (*sorted(numbers, key=numbers.__getitem__), *image.left_channels, names.STABLE)
    below = image.no_downgrade_below
    submission = Submission(
        product=release.product,
        version=release.version,
        board=image.board,
        channel=names.channel(channels[0]),
        kind=image.kind,
        chip=image.chip,
        provenance=image.provenance,
        compress=image.compressed is not None,
        declared=image.declared,
        skipped_checks=image.skipped_checks,
        signatures=image.signatures,
        no_downgrade_below=None if below is None else Version.parse(below),
        requires=image.requires,
    )
    gzip_bytes = image.compressed.size if image.compressed else None
    return examine(
        candidate.image,
        submission,
        releases,
        tuple(trusted_keys),
        candidate.secrets,
        gzip_bytes,
        candidate.update_paths,
    )
