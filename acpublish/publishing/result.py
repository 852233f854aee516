"""What a publish would do, in the facts that a dry run shows.

What a publish came to, as a value and as a line for a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from acpublish.release.decision import choose
from acpublish.release.manifest import Release
from acpublish.release.placement import Placement
from acpublish.release.submission import Outcome, Receipt, Submission
from acpublish.release.version import Version

__all__ = ["Plan", "Publication", "describe", "outcome"]


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
    target = choose(releases, submission.board, submission.channel, submission.kind)
    return target.release.version if target else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What a publish came to.

    Attributes:
        submission: What stands in the catalog.
        receipt: What the catalog says of it.
        note: Why it is another version than the one asked for; empty when it is not.
        dry_run: Whether nothing was written.
        not_checked: The checks that were not made, each with what it lacks.
        plan: Of a dry run, what would be done.
    """

    submission: Submission
    receipt: Receipt
    note: str = ""
    dry_run: bool = False
    not_checked: Mapping[str, str] = field(default_factory=dict)
    plan: Plan | None = None


def describe(publication: Publication) -> str:
    """Returns one line on what happened, for a person."""
    submission = publication.submission
    what = f"{submission.product} {submission.version} for {submission.board}"
    return f"{what} ({submission.channel}): {_did(publication)}"


def outcome(publication: Publication) -> str:
    """Returns in a few words what happened; of a dry run, what would."""
    receipt = publication.receipt
    if publication.dry_run and receipt.outcome is not Outcome.ALREADY_PUBLISHED:
        return f"would be {receipt.outcome.value}"
    return receipt.outcome.value


def _did(publication: Publication) -> str:
    receipt = publication.receipt
    if publication.dry_run:
        done = receipt.outcome is Outcome.ALREADY_PUBLISHED
        return "nothing to do: already published" if done else outcome(publication)
    return {
        Outcome.PUBLISHED: "published",
        Outcome.ADDED_TO_CHANNEL: "added to the channel",
        Outcome.COMPRESSED: "compressed, too",
        Outcome.SIGNED: "signed, too",
        Outcome.ALREADY_PUBLISHED: "already published",
    }[receipt.outcome]
