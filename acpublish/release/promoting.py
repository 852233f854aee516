"""A release is promoted: a channel points at it, or it goes there in stages.

A channel moves up only: to go back takes a rollback (:mod:`acpublish.release.going_back`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from acpublish.errors import ConflictError
from acpublish.release.changes import (
    Planned,
    Published,
    because,
    images_of,
    moved_from,
    recorded,
    release_of,
    rolling_notes,
)
from acpublish.release.channels import Action, Author, Channels, Place, Policy, Rolling
from acpublish.release.manifest import Release, ReleaseImage
from acpublish.release.names import STABLE
from acpublish.release.rolling import (
    ended,
    goes_in_stages,
    halted_at,
    rolling_versions,
    sent,
    superseded,
)
from acpublish.release.version import Version


def promote(
    published: Published,
    version: Version,
    channel: str,
    boards: Sequence[str],
    who: Author,
    *,
    in_stages: Policy | None = None,
    offers_from: int | None = None,
) -> Planned:
    """Lets a channel point at a release, or sends it there in stages.

    Args:
        published: What is published.
        version: The release, which may be offered (:func:`need_signed`).
        channel: The channel.
        boards: The boards to move; all of the release's if empty.
        who: Who promotes it.
        in_stages: How to send it there if the channel has no policy, or another one; None for what
            the channel has.
        offers_from: The time before which a rollout offers nothing, in seconds since 1970.

    Raises:
        NotFoundError: There is no such release, or it has no image for a board.
        ConflictError: It was taken back, or is lower than what the channel points at.
    """
    channels = published.channels
    release = release_of(published.offered, version)
    images = images_of(release, boards)
    _need_not_gone(release, images)
    starts = in_stages is not None
    staged = starts or goes_in_stages(channels, channel, version)
    if starts and halted_at(channels, channel, version):
        # A person starts again what was halted.
        channels = ended(channels, channel, tuple(channels.rolling[channel]))
    places = [Place(image.board, image.kind) for image in images]
    moving, sending = _moving(published, channels, release, channel, places, staged=staged)
    if not moving and not sending:
        coming = version in rolling_versions(channels, channel)
        notes = (f"{version} is on its way to {channel} already, in stages.",) if coming else ()
        return Planned(channels=published.channels, change=None, notes=notes)
    after = superseded(channels, channel, version)
    if sending:
        after = sent(
            after, channel, sending, version, who, policy=in_stages, offers_from=offers_from
        )
    moved = [
        moved_from(channel, place, channels.current(channel, place), version) for place in moving
    ]
    for place in moving:
        after = after.pushed(channel, place, version, who)
    after = published.carried_out(after, places)
    action: Action = "start" if starts else "promote"
    planned = recorded(published.channels, after, action, who, version, channel, places, moved)
    said = (
        *_new_channel(channels, channel),
        *rolling_notes(published.channels, after, version, channel),
        *_uncommitted(images, (*sending, *moving), channel),
    )
    return replace(planned, notes=said)


def _moving(
    published: Published,
    channels: Channels,
    release: Release,
    channel: str,
    places: Iterable[Place],
    *,
    staged: bool,
) -> tuple[list[Place], list[Place]]:
    """Returns for which places a channel is to point at a release, and where it goes in stages."""
    version = release.version
    moving: list[Place] = []
    sending: list[Place] = []
    for place in places:
        before, entry = channels.current(channel, place), channels.rolling_at(channel, place)
        if version in {other.version for other in (before, entry) if other is not None}:
            continue
        offered = published.pointed_at(channel, place)[-1:]
        _need_upwards(release, channel, place, offered[0] if offered else None, entry)
        # What everybody is offered already needs no stages.
        (sending if staged and offered != [version] else moving).append(place)
    return moving, sending


def _need_not_gone(release: Release, images: Iterable[ReleaseImage]) -> None:
    gone = next((image for image in images if image.withdrawn), None)
    if gone is not None:
        raise ConflictError(
            f"{release.product} {release.version} was {gone.withdrawn}"
            f"{because(gone.withdrawn_reason)}",
            hint=f"Take that back with 'acpublish withdraw {release.product} {release.version} "
            "--undo', or publish a newer version."
            if gone.withdrawn == "withdrawn"
            else "Publish it as a newer version.",
        )


def _need_upwards(
    release: Release, channel: str, place: Place, offered: Version | None, entry: Rolling | None
) -> None:
    """Refuses a promotion to something lower than what a channel has or is about to have."""
    version, back = release.version, f"acpublish rollback {release.product}"
    if offered is not None and version.precedence < offered.precedence:
        raise ConflictError(
            f"{version} is lower than {offered}, which {channel} points at for {place}",
            hint=f"To go back, use '{back} {version} --channel {channel}'.",
        )
    if entry is not None and version.precedence < entry.version.precedence:
        raise ConflictError(
            f"{version} is lower than {entry.version}, which is on its way to {channel} for "
            f"{place}",
            hint=f"End that rollout first, with '{back} --channel {channel}'.",
        )


def _new_channel(channels: Channels, channel: str) -> tuple[str, ...]:
    """Returns that a channel is new, as its name may be misspelt."""
    if channel in (*channels.names, *channels.policies):
        return ()
    known = ", ".join(channels.names) or "none"
    return (f"{channel} is a new channel; those so far are: {known}.",)


def _uncommitted(
    images: Iterable[ReleaseImage], moving: Iterable[Place], channel: str
) -> Iterator[str]:
    """Yields which images a publish to the stable channel would have refused."""
    places = set(moving) if channel == STABLE else set()
    for image in images:
        place = Place(image.board, image.kind)
        if place in places and image.declared.changed and "dirty" not in image.skipped_checks:
            yield f"{place}: it was built from a working tree with uncommitted changes."


def need_signed(
    releases: Iterable[Release],
    offered: Iterable[Release],
    version: Version,
    boards: Sequence[str],
) -> None:
    """Refuses a release that may not be offered, because no trusted key signed it.

    Raises:
        NotFoundError: There is no such release, or it has no image for a board.
        ConflictError: An image of it is not signed.
    """
    release = release_of(releases, version)
    signed = {
        (image.board, image.kind)
        for other in offered
        for image in other.images
        if other.version == version
    }
    for image in images_of(release, boards):
        if (image.board, image.kind) not in signed:
            raise ConflictError(
                f"{release.product} {version} for {image.board} is not signed with a key that "
                "the product trusts",
                hint=f"Sign it: acpublish key resign --product {release.product}",
            )
