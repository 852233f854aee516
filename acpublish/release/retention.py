"""Which images nobody needs any more, so that their bytes can be cleared away.

Manifests stay with their digests, so that a device that runs such an image is still recognised.
Never cleared away are what a channel points at, what it pointed at before, what is on its way
there, and what was withdrawn a short while ago.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from acpublish.errors import NotFoundError, SettingsError
from acpublish.release.changes import Planned, recorded
from acpublish.release.channels import Author, Channels, Mark, Place
from acpublish.release.durations import in_words
from acpublish.release.manifest import CLEARED, Release, ReleaseImage
from acpublish.release.version import Version

#: A withdrawn release may have to be examined, and a device that was off for a season comes back.
LEAST_AGE = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """An image whose bytes may be cleared away."""

    version: Version
    place: Place
    image: ReleaseImage


def retirements(
    channels: Channels,
    releases: Iterable[Release],
    *,
    keep: int,
    channel: str | None,
    older_than: timedelta,
    now: datetime,
) -> tuple[Retirement, ...]:
    """Returns the images whose bytes nobody needs any more, the oldest first.

    Args:
        channels: The document.
        releases: The product's releases, as the document has them.
        keep: How many of the newest to keep on each channel, for each board and kind.
        channel: Only images that were on this channel and on no other; None for any.
        older_than: The least time since they were published.
        now: The present, in UTC.

    Raises:
        NotFoundError: There is no such channel.
        SettingsError: ``keep`` is below 1.
    """
    if keep < 1:
        raise SettingsError("at least one release is kept", hint="Use --keep 1 or more.")
    if channel is not None and channel not in channels.names:
        known = ", ".join(channels.names) or "none"
        raise NotFoundError(f"there is no channel {channel}", hint=f"The channels are: {known}.")
    present = [
        Retirement(version=release.version, place=Place(image.board, image.kind), image=image)
        for release in releases
        for image in release.images
        if image.withdrawn not in CLEARED
    ]
    present.sort(key=lambda entry: (entry.image.published_at, entry.version.precedence))
    protected = _protected(channels) | _newest(present, keep)
    spare = []
    for entry in present:
        mark = channels.marks.get((entry.version, entry.place))
        young = now - _time(entry.image.published_at) < older_than
        examined = mark is not None and now - _time(mark.author.at) < LEAST_AGE
        elsewhere = channel is not None and _channels_of(entry.image) != {channel}
        key = entry.version, entry.place
        if key not in protected and not young and not examined and not elsewhere:
            spare.append(entry)
    return tuple(spare)


def retire(channels: Channels, spare: Sequence[Retirement], who: Author) -> Planned:
    """Marks images whose bytes the caller then removes."""
    if not spare:
        return Planned(channels=channels, change=None)
    after = channels
    mark = Mark(state="retired", serial=channels.serial + 1, author=who)
    for entry in spare:
        after = after.without(entry.place, entry.version)
        after = after.marked(entry.version, (entry.place,), mark)
    places = [entry.place for entry in spare]
    freed = {(entry.version, entry.place): entry.image.stored_bytes for entry in spare}
    return replace(recorded(channels, after, "retain", who, None, None, places, ()), freed=freed)


def kept_young(older_than: timedelta) -> str:
    """Returns the sentence that says why nothing younger is cleared away."""
    return (
        f"Images published within {in_words(older_than)} are kept, because there is no complete "
        "list of the devices that run them."
    )


def _newest(present: Iterable[Retirement], keep: int) -> set[tuple[Version, Place]]:
    """Returns the newest images of each channel for each place; the newest come last."""
    offered: dict[tuple[str, Place], list[Version]] = {}
    for entry in present:
        for channel in () if entry.image.withdrawn else _channels_of(entry.image):
            offered.setdefault((channel, entry.place), []).append(entry.version)
    return {(version, place) for (_, place), own in offered.items() for version in own[-keep:]}


def _channels_of(image: ReleaseImage) -> set[str]:
    return {*image.channels, *image.rolling, *image.left_channels}


def _protected(channels: Channels) -> set[tuple[Version, Place]]:
    """Returns what any channel has, may have soon, would go back to, or has just left."""
    rolling = {
        (entry.version, place)
        for of_channel in channels.rolling.values()
        for place, entry in of_channel.items()
    }
    return rolling | {
        (pointer.version, place)
        for channel, of_channel in channels.pointers.items()
        for place, pointers in of_channel.items()
        for pointer in (*channels.live(channel, place)[-2:], *pointers[-2:])
    }


def _time(text: str) -> datetime:
    """Returns a time of a document; one that cannot be read counts as now, so nothing is lost."""
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return datetime.max.replace(tzinfo=timezone.utc)
