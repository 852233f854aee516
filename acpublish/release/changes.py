"""Changes of what is offered: what all of them share, and publish.

Pure, as are :mod:`acpublish.release.promoting`, :mod:`acpublish.release.going_back`,
:mod:`acpublish.release.withdrawing`, :mod:`acpublish.release.rollout_changes`,
:mod:`acpublish.release.orders` and :mod:`acpublish.release.retention`: each takes the document of a
product as it is, and returns it as it will be, with the line of its history and what a person
should be told. Nothing is changed unless all of it can be.

1. A channel moves up by a publish or a promotion, and down only by a rollback or because a release
   is withdrawn.
2. Firmware moves with the filesystem of the same release.
3. What a channel has left by going back is never returned to by itself.
4. On a channel with a policy, both send the release on its way in stages
   (:mod:`acpublish.release.rolling`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from acpublish.errors import NotFoundError, SettingsError
from acpublish.release.channels import (
    Action,
    Author,
    Change,
    Channels,
    Move,
    Place,
    Pointer,
    Policy,
)
from acpublish.release.manifest import Release, ReleaseImage
from acpublish.release.orders import carried_out, newly_ordered
from acpublish.release.rolling import (
    goes_in_stages,
    halted_at,
    rolling_versions,
    sent,
    superseded,
)
from acpublish.release.text import name_of_person, text_fault
from acpublish.release.version import Version

MAX_WHY_CHARACTERS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A change that can be made.

    Attributes:
        channels: The document after it.
        change: The line of its history; None if nothing changes.
        notes: What a person should know, one sentence each.
        freed: By release and place, the bytes that nobody needs any more.
    """

    channels: Channels
    change: Change | None
    notes: tuple[str, ...] = ()
    freed: Mapping[tuple[Version, Place], int] = field(default_factory=dict)

    @property
    def ordered_back(self) -> Mapping[Place, tuple[Version, ...]]:
        """By place, the releases whose devices will be ordered back."""
        return self.change.ordered_back if self.change else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What is published of a product.

    Attributes:
        channels: The document.
        releases: The releases, as the document has them.
        offered: Those of them that may be offered: signed, if the product trusts keys.
        complete: Whether these are all; a manifest that cannot be read may forbid to go back.
    """

    channels: Channels
    releases: Sequence[Release]
    offered: Sequence[Release]
    complete: bool = True

    def signed(self, version: Version, place: Place) -> bool:
        """Returns whether an image may be offered."""
        return image_of(self.offered, version, place) is not None

    def before(self, channel: str, place: Place) -> list[Version]:
        """Returns what a channel pointed at before and may point at again, the newest last."""
        current = self.channels.current(channel, place)
        return [
            version
            for version in self.pointed_at(channel, place)
            if current is None or version != current.version
        ]

    def pointed_at(self, channel: str, place: Place) -> list[Version]:
        """Returns what a channel points at and pointed at before, if it may be offered.

        The newest is last; it is what devices are offered.
        """
        live = self.channels.live(channel, place)
        # A channel may have pointed at each of thousands of releases.
        offered = {release.version for release in self.offered if release.image_for(*place)}
        return [pointer.version for pointer in live if pointer.version in offered]

    def carried_out(self, channels: Channels, places: Iterable[Place]) -> Channels:
        """Returns a document whose channels offer what they point at to whom they should."""
        return carried_out(channels, self.releases if self.complete else (), places)

    def unrecognised(self, ordered: Mapping[Place, tuple[Version, ...]]) -> list[str]:
        """Returns whose devices an order does not reach yet; a sentence for each."""
        return [
            f"{place}: devices that run {version} go back once a key that the product trusts has "
            "signed it (acpublish key resign); until then, they are not recognised."
            for place, versions in ordered.items()
            for version in versions
            if not self.signed(version, place)
        ]


def author(now: datetime, by: str = "", why: str = "") -> Author:
    """Returns who changes something, when, and why.

    Raises:
        SettingsError: A text is too long, or contains what no response could contain.
    """
    need_texts(by, why)
    return Author(at=now.strftime("%Y-%m-%dT%H:%M:%SZ"), by=name_of_person(by), why=why)


def need_texts(by: str, why: str) -> None:
    """Refuses what is too long for a line of the history, or what no response could contain.

    Raises:
        SettingsError: A text is too long, or contains such characters.
    """
    name_of_person(by)
    fault = text_fault(why, MAX_WHY_CHARACTERS)
    if fault:
        raise SettingsError(f"the reason {fault}", hint="Use short text on one line.")


def publish(
    channels: Channels,
    version: Version,
    place: Place,
    channel: str,
    who: Author,
    *,
    moves: bool,
    releases: Sequence[Release],
) -> Planned:
    """Adds an image to its release, and lets a channel point at it.

    Args:
        channels: The document.
        version: The release.
        place: The board and kind of the image.
        channel: The channel that it was published to.
        who: Who publishes it.
        moves: Whether the channel is to point at it, or is to get it in stages.
        releases: The product's releases with this one; none if not all can be read.
    """
    pointer = channels.current(channel, place)
    places = channels.images.get(version, frozenset())
    after = replace(channels, images={**channels.images, version: places | {place}}, stored=True)
    moved = []
    if moves and goes_in_stages(channels, channel, version):
        after = sent(after, channel, (place,), version, who)
    elif moves:
        after = superseded(after, channel, version).pushed(channel, place, version, who)
        moved.append(moved_from(channel, place, pointer, version))
    elif place in places:
        return Planned(channels=after, change=None)
    after = carried_out(after, releases, (place,))
    return recorded(channels, after, "publish", who, version, channel, (place,), moved)


def rolling_notes(
    before: Channels, after: Channels, version: Version, channel: str
) -> Iterator[str]:
    """Yields what a person should know of a release that a change sends on its way.

    Args:
        before: The document before the change.
        after: The document after it.
        version: The release.
        channel: The channel.
    """
    for other in sorted(rolling_versions(before, channel) - {version}, key=str):
        yield f"The rollout of {other} to {channel} ends: {version} supersedes it."
    if before.rolling.get(channel) == after.rolling.get(channel):
        return
    halted = halted_at(after, channel, version)
    if halted:
        yield f"The rollout of {version} to {channel} is halted, so it is not offered: {halted}."
    elif version in rolling_versions(after, channel):
        yield (
            f"{version} goes to {channel} in stages, and a server makes the rollout. {channel} "
            "stays where it is until it is complete."
        )


def recorded(
    before: Channels,
    after: Channels,
    action: Action,
    who: Author,
    version: Version | None,
    channel: str | None,
    places: Iterable[Place],
    moves: Iterable[Move],
    *,
    policy: Policy | None = None,
) -> Planned:
    """Returns a change with its line of history.

    Args:
        before: The document before it.
        after: The document after it, without that line.
        action: What is done.
        who: Who does it, when and why.
        version: The release that it is about, if that is one.
        channel: The channel that was named, if any.
        places: The images that it is about.
        moves: What it does to what the channels point at.
        policy: The policy that it sets; empty if it takes the policy away.
    """
    places = tuple(places)
    change = Change(
        serial=before.serial + 1,
        action=action,
        author=who,
        version=version,
        channel=channel,
        places=places,
        moves=tuple(moves),
        ordered_back=newly_ordered(before, after, places),
        rolling=_newly_rolling(before, after, channel),
        policy=policy,
    )
    return Planned(channels=after.recorded(change), change=change)


def _newly_rolling(before: Channels, after: Channels, channel: str | None) -> tuple[Place, ...]:
    """Returns the places of a channel for which a change sends a release on its way."""
    if channel is None:
        return ()
    known = {place: entry.rollout for place, entry in before.rolling.get(channel, {}).items()}
    entries = after.rolling.get(channel, {})
    return tuple(place for place, entry in entries.items() if known.get(place) != entry.rollout)


def moved_from(channel: str, place: Place, before: Pointer | None, after: Version | None) -> Move:
    """Returns what a change does to one place of a channel."""
    return Move(
        channel=channel, place=place, before=before.version if before else None, after=after
    )


def release_of(releases: Iterable[Release], version: Version) -> Release:
    """Returns a release of a product.

    Raises:
        NotFoundError: There is none of that version.
    """
    known = {release.version: release for release in releases}
    if version in known:
        return known[version]
    newest = sorted(known, key=lambda version: version.precedence, reverse=True)[:5]
    raise NotFoundError(
        f"there is no release {version}",
        hint=f"The newest are: {', '.join(map(str, newest))}." if newest else "Publish it first.",
    )


def image_of(releases: Iterable[Release], version: Version, place: Place) -> ReleaseImage | None:
    """Returns the image of a release for a place, None if there is none."""
    for release in releases:
        if release.version == version:
            return release.image_for(*place)
    return None


def images_of(release: Release, boards: Sequence[str]) -> tuple[ReleaseImage, ...]:
    """Returns the images of a release for some boards, for all if none are named.

    Raises:
        NotFoundError: It has no image for one of them.
    """
    known = {image.board for image in release.images}
    unknown = [board for board in boards if board not in known]
    if unknown:
        raise NotFoundError(
            f"{release.product} {release.version} has no image for {unknown[0]}",
            hint=f"Its boards are: {', '.join(sorted(known))}.",
        )
    return tuple(image for image in release.images if not boards or image.board in boards)


def because(reason: str) -> str:
    """Returns a reason as it follows a statement, nothing if there is none."""
    return f": {reason}" if reason else ""
