"""Releases, channels and sizes as tables have them: rows of which the same ones are one."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from acpublish.release.channel_rows import rows_of
from acpublish.release.channels import Author, Channels, Move, Place
from acpublish.release.manifest import Release, ReleaseImage
from acpublish.release.sizes import Size, sizes
from acpublish.release.version import Version

#: The points of a trend.
TREND = 40


class Pointing(NamedTuple):
    """What a channel points at, for the boards for which it is the same.

    Attributes:
        channel: The channel.
        version: The release; None for nothing.
        places: The boards and kinds of image.
        at: Since when, for the last of them.
        by: Who made it so; may be empty.
        why: The reason; may be empty.
        is_rolling: Whether the release is on its way there, and the channel points at another.
        halted: Why it is on its way no longer; empty if it is.
        can_go_back: Whether the channel pointed at something else before, for any of them.
    """

    channel: str
    version: Version | None
    places: tuple[Place, ...]
    at: str
    by: str
    why: str
    is_rolling: bool = False
    halted: str = ""
    can_go_back: bool = False


class OrderRow(NamedTuple):
    """Whose devices a change orders back, for the boards for which it does the same."""

    places: tuple[Place, ...]
    versions: tuple[Version, ...]


class ImageRow(NamedTuple):
    """An image, with the number of bytes by which it grew since the release before it."""

    image: ReleaseImage
    delta: int | None

    @property
    def place(self) -> Place:
        """Its board and kind."""
        return Place(self.image.board, self.image.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRow:
    """A release.

    Attributes:
        release: The release.
        images: Its images, by board.
        channels: The channels that point at it now, for any board.
        rolling: Those that it is on its way to, each with the reason if that was halted.
    """

    release: Release
    images: tuple[ImageRow, ...]
    channels: tuple[str, ...]
    rolling: Mapping[str, str]

    @property
    def published(self) -> str:
        """When its first image was published."""
        return min(image.published_at for image in self.release.images)

    @property
    def boards(self) -> tuple[str, ...]:
        """Its boards."""
        return tuple(sorted({image.board for image in self.release.images}))

    @property
    def is_stamped(self) -> bool:
        """Whether each firmware contains product and version."""
        return all(image.stamped for image in self.release.images if image.kind == "firmware")

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that have signed all of its images."""
        keys = [{entry.key for entry in image.signatures} for image in self.release.images]
        return tuple(sorted(set.intersection(*keys))) if keys else ()

    @property
    def withdrawn(self) -> dict[str, str]:
        """What became of its images that are no longer offered, and why."""
        return {
            image.withdrawn: image.withdrawn_reason
            for image in self.release.images
            if image.withdrawn
        }

    @property
    def is_offered(self) -> bool:
        """Whether any image may be offered."""
        return any(not image.withdrawn for image in self.release.images)

    @property
    def can_be_deleted(self) -> bool:
        """Whether any image is not deleted yet."""
        return any(image.withdrawn != "deleted" for image in self.release.images)

    @property
    def skipped(self) -> tuple[str, ...]:
        """The checks that were switched off."""
        return tuple(
            sorted({name for image in self.release.images for name in image.skipped_checks})
        )

    @property
    def requires(self) -> tuple[str, ...]:
        """What devices must run before they are offered it."""
        return tuple(sorted({image.requires for image in self.release.images if image.requires}))

    def provenance(self, name: str) -> str:
        """Returns what is known of where it comes from, if that is the same for all its images."""
        known = {image.provenance.get(name, "") for image in self.release.images}
        return known.pop() if len(known) == 1 else ""


class Trend(NamedTuple):
    """The sizes of a board's images in the order of publishing."""

    place: Place
    sizes: tuple[Size, ...]
    slot_bytes: int | None

    @property
    def values(self) -> list[int]:
        """The sizes, in bytes."""
        return [size.size for size in self.sizes]

    @property
    def delta(self) -> int | None:
        """By how many bytes the last one grew."""
        return self.values[-1] - self.values[-2] if len(self.sizes) > 1 else None

    @property
    def share(self) -> float | None:
        """The share of its place in the flash that the last one takes; None if unknown."""
        return self.values[-1] / self.slot_bytes if self.slot_bytes else None


def pointings(channels: Channels) -> tuple[Pointing, ...]:
    """Returns what the channels of a product point at, and what is on its way there."""
    grouped: dict[tuple[object, ...], list[Pointing]] = defaultdict(list)
    for row in rows_of(channels):
        current, rolling = row.current, row.rolling
        if current is not None or rolling is None:
            version, who = (current.version, current.author) if current else (None, Author(""))
            own = Pointing(row.channel, version, (row.place,), *who, can_go_back=bool(row.before))
            grouped[_same(own)].append(own)
        if rolling is not None:
            own = Pointing(
                row.channel,
                rolling.version,
                (row.place,),
                *rolling.author,
                is_rolling=True,
                halted=rolling.halted,
            )
            grouped[_same(own)].append(own)
    return tuple(
        same[0]._replace(
            places=tuple(place for own in same for place in own.places),
            at=max(own.at for own in same),
            can_go_back=any(own.can_go_back for own in same),
        )
        for same in grouped.values()
    )


def _same(own: Pointing) -> tuple[object, ...]:
    """Returns what is the same for the boards of a row; each was published at its own time."""
    return own.channel, own.version, own.by, own.why, own.is_rolling, own.halted


class MoveRow(NamedTuple):
    """What a change does to a channel, for the boards for which it does the same."""

    channel: str
    before: Version | None
    after: Version | None
    places: tuple[Place, ...]


def moves_of(moves: Iterable[Move]) -> list[MoveRow]:
    """Returns what a change does to the channels."""
    grouped: dict[tuple[str, Version | None, Version | None], list[Place]] = defaultdict(list)
    for move in moves:
        grouped[move.channel, move.before, move.after].append(move.place)
    return [MoveRow(*key, tuple(places)) for key, places in grouped.items()]


def orders_of(ordered: Mapping[Place, Iterable[Version]]) -> list[OrderRow]:
    """Returns whose devices a change orders back."""
    grouped: dict[tuple[Version, ...], list[Place]] = defaultdict(list)
    for place in sorted(ordered):
        grouped[tuple(ordered[place])].append(place)
    return [OrderRow(tuple(places), versions) for versions, places in grouped.items()]


def trends_of(
    releases: Iterable[Release],
) -> tuple[tuple[Trend, ...], dict[tuple[Version, Place], int]]:
    """Returns the sizes of each board, and by how many bytes each image grew."""
    newest: dict[Place, ReleaseImage] = {}
    of_place: dict[Place, list[Release]] = defaultdict(list)
    for release in releases:
        for image in release.images:
            place = Place(image.board, image.kind)
            of_place[place].append(release)
            before = newest.get(place)
            if before is None or image.published_at > before.published_at:
                newest[place] = image
    trends, deltas = [], {}
    for place in sorted(of_place):
        known = sizes(of_place[place], place.board, place.kind, len(of_place[place]))
        for before_, after in itertools.pairwise(known):
            deltas[after.version, place] = after.size - before_.size
        trends.append(Trend(place, known[-TREND:], newest[place].declared.slot_bytes))
    return tuple(trends), deltas
