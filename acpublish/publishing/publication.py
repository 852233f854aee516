"""What a publish came to, as a value and as a line for a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from acpublish.publishing.plan import Plan
from acpublish.release import Outcome, Receipt, Submission

__all__ = ["Publication", "describe", "outcome"]


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
