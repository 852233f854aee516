"""What a publish came to, as a value and as a line for a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from acpublish.release import Outcome, Receipt, Submission

__all__ = ["Publication", "describe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What a publish came to.

    Attributes:
        submission: What stands in the catalog.
        receipt: What the catalog says of it.
        note: Why it is another version than the one asked for; empty when it is not.
        dry_run: Whether nothing was written.
        not_checked: The checks that were not made, each with what it lacks.
    """

    submission: Submission
    receipt: Receipt
    note: str = ""
    dry_run: bool = False
    not_checked: Mapping[str, str] = field(default_factory=dict)


def describe(publication: Publication) -> str:
    """Returns one line on what happened, for a person."""
    submission, receipt = publication.submission, publication.receipt
    what = f"{submission.product} {submission.version} for {submission.board}"
    did = {
        Outcome.PUBLISHED: "published",
        Outcome.ADDED_TO_CHANNEL: "added to the channel",
        Outcome.COMPRESSED: "compressed, too",
        Outcome.SIGNED: "signed, too",
        Outcome.ALREADY_PUBLISHED: "already published",
    }[receipt.outcome]
    if publication.dry_run:
        did = "nothing to do: already published"
        if receipt.outcome is not Outcome.ALREADY_PUBLISHED:
            did = f"would be {receipt.outcome.value}"
    return f"{what} ({submission.channel}): {did}"
