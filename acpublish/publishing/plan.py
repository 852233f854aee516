"""What a publish would do, in the facts that a dry run shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from acpublish.release import Placement, Release, Submission, Version, newest

__all__ = ["Plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a publish would do.

    Attributes:
        version_from: What the version was found in; empty where it was given as it is.
        new: Whether the file is not there yet.
        before: What the channel points at for the board, None for nothing.
        after: What it would point at.
        signed_by: The ids of the keys that the release would be signed with.
        request: Method and address of the one request that sends the image, without credentials;
            None where the catalog is a directory.
    """

    version_from: str
    new: bool
    before: Version | None
    after: Version | None
    signed_by: tuple[str, ...]
    request: str | None

    @classmethod
    def of(
        cls,
        placed: Placement,
        submission: Submission,
        releases: Sequence[Release],
        *,
        version_from: str,
        request: str | None,
    ) -> Plan:
        """Compares a product's releases as they are with what a placement makes of them."""
        others = [one for one in releases if one.version != placed.release.version]
        held = next((one for one in releases if one.version == placed.release.version), None)
        return cls(
            version_from=version_from,
            new=held is None or held.image_for(submission.board, submission.kind) is None,
            before=_pointed_at(releases, submission),
            after=_pointed_at([*others, placed.release], submission),
            signed_by=tuple(one.key for one in placed.image.signatures),
            request=request,
        )


def _pointed_at(releases: Sequence[Release], submission: Submission) -> Version | None:
    found = newest(releases, submission.board, submission.channel, submission.kind)
    return found[0].version if found else None
