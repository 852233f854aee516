"""What a publish came to, or would do in a dry run: values, and a line for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from acpublish.release.checks import facts
from acpublish.release.decision import choose
from acpublish.release.manifest import Release, ReleaseImage
from acpublish.release.names import ChannelName
from acpublish.release.submission import Outcome, Receipt, Submission
from acpublish.release.version import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a publish would do.

    Attributes:
        version_from: What the version was found in; empty for a literal version.
        new: Whether the file does not exist yet.
        before: What the channel points at for the board, None for nothing.
        after: What it would point at.
        signed_by: The ids of the keys that the release would be signed with.
        request: Method and URL of the one request that sends the image, without credentials; None
            if the catalog is a directory.
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
        submission: Submission,
        before: Sequence[Release],
        after: Sequence[Release],
        *,
        version_from: str,
        request: str | None,
    ) -> Plan:
        """Compares a product's releases as they are with what a publish would make of them."""
        image = _image(after, submission)
        return cls(
            version_from=version_from,
            new=_image(before, submission) is None,
            before=_pointed_at(before, submission),
            after=_pointed_at(after, submission),
            signed_by=tuple(signature.key for signature in image.signatures) if image else (),
            request=request,
        )


def _image(releases: Sequence[Release], submission: Submission) -> ReleaseImage | None:
    for release in releases:
        if release.version == submission.version:
            return release.image_for(submission.board, submission.kind)
    return None


def _pointed_at(releases: Sequence[Release], submission: Submission) -> Version | None:
    target = choose(releases, submission.board, submission.channel, submission.kind)
    return target.release.version if target else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What a publish came to.

    Attributes:
        submission: What was published, as what.
        receipt: What the catalog says about it.
        note: Why its version is not the requested one; empty if it is.
        dry_run: Whether nothing was written.
        plan: For a dry run, what would be done.
    """

    submission: Submission
    receipt: Receipt
    note: str = ""
    dry_run: bool = False
    plan: Plan | None = None

    @property
    def outcome(self) -> Outcome:
        """Whether anything is new; for a dry run, whether anything would be."""
        return self.receipt.outcome

    @property
    def version(self) -> Version:
        """The version that the image has in the catalog."""
        return self.submission.version

    @property
    def channel(self) -> ChannelName:
        """The channel that it was published to."""
        return self.submission.channel

    @property
    def points_at(self) -> Version | None:
        """What the channel points at for the board; for a dry run, what it would.

        It is not this version if an older release was published again: that moves nothing.
        """
        return self.receipt.points_at

    @property
    def rolling(self) -> bool:
        """Whether it is on its way to the channel in stages; for a dry run, whether it would be."""
        return self.receipt.rolling

    @property
    def url(self) -> str:
        """Where to find the image: a URL, or a path for a directory."""
        return self.receipt.url

    @property
    def file(self) -> str:
        """The image's visible file below the catalog, with ``/`` between its parts."""
        return self.receipt.file

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the checks found that is not an error, one line each."""
        return self.receipt.warnings

    @property
    def not_checked(self) -> Mapping[str, str]:
        """The checks that were not run, each with the information that it lacks."""
        return self.receipt.not_checked


def describe(publication: Publication) -> str:
    """Returns one line for a person on what happened."""
    submission = publication.submission
    what = f"{submission.product} {submission.version} for {submission.board}"
    line = f"{what} ({submission.channel}): {_did(publication)}"
    if publication.rolling:
        return f"{line}; {_rollout(publication)}"
    if publication.points_at in (None, submission.version):
        return line
    return f"{line}; {submission.channel} points at {publication.points_at}"


def _rollout(publication: Publication) -> str:
    """Returns what happens to a release that goes to its channel in stages."""
    submission = publication.submission
    settled = publication.points_at or "nothing"
    until = f"{submission.channel} points at {settled} until it is complete"
    if publication.dry_run:
        return f"it would go there in stages, and {until}"
    return f"it goes there in stages, which a server makes, and {until}"


#: What makes a check run that lacked a fact.
_IN_PLATFORMIO = "known if PlatformIO publishes"
_REMEDIES = {
    facts.PARTITION_TABLE: "add --partitions FILE",
    facts.BOARD_CHIP: "add --chip CHIP",
    facts.WORKING_TREE: "known if the file is in a git repository",
    facts.FLASH_SIZE: _IN_PLATFORMIO,
    facts.FLASH_LAYOUT: _IN_PLATFORMIO,
    facts.BUILD_TYPE: _IN_PLATFORMIO,
    facts.EARLIER_LAYOUT: "known from the next release on",
    facts.EARLIER_FLASH_MODE: "known from the next release on",
}


def not_checked(publication: Publication) -> str:
    """Returns the checks that were not run, and what each needs; empty if all were."""
    checks: dict[str, list[str]] = {}
    for check, lacks in publication.not_checked.items():
        checks.setdefault(_REMEDIES.get(lacks, f"lacks {lacks}"), []).append(check)
    return "; ".join(f"{', '.join(names)} ({remedy})" for remedy, names in checks.items())


def outcome(publication: Publication) -> str:
    """Returns in a few words what happened; for a dry run, what would."""
    done = publication.outcome is Outcome.ALREADY_PUBLISHED
    if publication.dry_run and not done:
        return f"would be {publication.outcome.value}"
    return publication.outcome.value


def _did(publication: Publication) -> str:
    if publication.dry_run:
        done = publication.outcome is Outcome.ALREADY_PUBLISHED
        return "nothing to do: already published" if done else outcome(publication)
    return {
        Outcome.PUBLISHED: "published",
        Outcome.ADDED_TO_CHANNEL: "added to the channel",
        Outcome.COMPRESSED: "gzip added",
        Outcome.SIGNED: "signature added",
        Outcome.ALREADY_PUBLISHED: "already published",
    }[publication.outcome]
