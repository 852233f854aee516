"""What the channels of a product point at, which releases were taken back, and how that came about.

All of it is one document, ``channels.json``, beside the manifests of the product. A manifest
describes a release and never changes. This document says what is offered, and a change of it, which
may move several boards, is committed as a whole.

For each channel, board and kind of image the document has the pointers in the order of moving, the
last of which counts. A pointer that was taken back stays, because what a channel has left must not
come back by itself.

What a channel points at is settled: everybody may have it. A channel with a policy gets a release
in stages, and until the last one is over the release is rolling, beside the pointers
(:mod:`acpublish.release.rolling`). Policies are opaque here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from acpublish.release.manifest import Release, ReleaseImage, State
from acpublish.release.names import ImageKind
from acpublish.release.version import Version

Action = Literal[
    "upgrade",
    "publish",
    "promote",
    "rollback",
    "withdraw",
    "undo",
    "retain",
    "delete",
    "policy",
    "start",
    "settle",
    "halt",
    "abort",
    "pause",
    "resume",
    "advance",
]
Policy = Mapping[str, Any]


class Place(NamedTuple):
    """Where a channel points at one image: a board, and a kind of image."""

    board: str
    kind: ImageKind

    def __str__(self) -> str:
        """The place for a person."""
        return self.board if self.kind == "firmware" else f"{self.board} ({self.kind})"


class Author(NamedTuple):
    """Who changes something, when, and why.

    Attributes:
        at: UTC, ISO 8601 with a final ``Z``.
        by: The id of a token, or what a person calls themselves; may be empty.
        why: The reason; may be empty.
    """

    at: str
    by: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """A release that a channel points at, or pointed at before.

    Attributes:
        version: The release.
        serial: The number of the change that made it, which orders the pointers.
        author: Who made it, when and why.
        taken_back: Whether the channel has left it for an older one, and never returns by itself.
        orders: The releases whose devices are to leave them; only the newest pointer has any
            (:mod:`acpublish.release.orders`).
        ordered_back: Those of them whose devices go back to this one.
        rolled: Whether the channel never pointed at it, because its rollout ended before that.
    """

    version: Version
    serial: int
    author: Author
    taken_back: bool = False
    orders: tuple[Version, ...] = ()
    ordered_back: tuple[Version, ...] = ()
    rolled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolling:
    """A release on its way to a channel, which does not point at it yet.

    Attributes:
        version: The release.
        serial: The number of the change that added it for this board and kind of image.
        rollout: The number of the change that started the rollout. Boards that joined it later
            have the same, so that channel and number identify a rollout.
        author: Who published or promoted it, when and why.
        policy: Its stages and thresholds, as they were when the rollout started.
        offers_from: The time before which nothing is offered, in seconds since 1970; None for none.
        halted: Why nobody is offered it any more; empty if it may be offered.
    """

    version: Version
    serial: int
    rollout: int
    author: Author
    policy: Policy
    offers_from: int | None = None
    halted: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Says that an image is no longer offered.

    Attributes:
        state: What became of it.
        serial: The number of the change that made it so.
        author: Who did, when and why.
    """

    state: State
    serial: int
    author: Author


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What one change did to what a channel points at; None is nothing."""

    channel: str
    place: Place
    before: Version | None
    after: Version | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A line of the history.

    Attributes:
        serial: Its number.
        action: What was done.
        author: By whom, when and why.
        version: The release that it is about, None if it is about several or none.
        channel: The channel that was named, if any.
        places: The images of the release that it is about.
        moves: What the channels point at after it.
        ordered_back: By place, the releases whose devices it orders back.
        rolling: The images that are on their way to the channel from then on.
        policy: The policy that it set; empty if it took the policy away, None if it was about
            something else, or is of an earlier version, which did not write this down.
    """

    serial: int
    action: Action
    author: Author
    version: Version | None = None
    channel: str | None = None
    places: tuple[Place, ...] = ()
    moves: tuple[Move, ...] = ()
    ordered_back: Mapping[Place, tuple[Version, ...]] = field(default_factory=dict)
    rolling: tuple[Place, ...] = ()
    policy: Policy | None = None


Pointers = Mapping[str, Mapping[Place, tuple[Pointer, ...]]]
_Image = tuple[Version, Place]


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """The document of one product.

    Attributes:
        serial: The number of the last change.
        pointers: By channel and place, the oldest first.
        policies: By channel, how a release goes there; without one it goes there at once.
        rolling: By channel and place, what is on its way there; one release for each channel.
        images: The images of each release whose publish is complete.
        marks: The images that are no longer offered.
        history: The last changes, the oldest first.
        waiting: The releases whose manifests could not be read when this document was made, each
            with the number of that change (:func:`acpublish.release.earlier_channels.joined`).
        stored: Whether there is a document; otherwise it was derived from the manifests.
        extra: Fields of a newer version, kept as they were.
    """

    serial: int = 0
    pointers: Pointers = field(default_factory=dict)
    policies: Mapping[str, Policy] = field(default_factory=dict)
    rolling: Mapping[str, Mapping[Place, Rolling]] = field(default_factory=dict)
    images: Mapping[Version, frozenset[Place]] = field(default_factory=dict)
    marks: Mapping[tuple[Version, Place], Mark] = field(default_factory=dict)
    history: tuple[Change, ...] = ()
    waiting: Mapping[Version, int] = field(default_factory=dict)
    stored: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)

    def current(self, channel: str, place: Place) -> Pointer | None:
        """Returns what a channel points at, None if that is nothing."""
        live = self.live(channel, place)
        return live[-1] if live else None

    def live(self, channel: str, place: Place) -> tuple[Pointer, ...]:
        """Returns what a channel points at and what it could go back to, the newest last."""
        pointers = self.pointers.get(channel, {}).get(place, ())
        return tuple(pointer for pointer in pointers if not pointer.taken_back)

    def places(self, channel: str) -> tuple[Place, ...]:
        """Returns the places of a channel, sorted."""
        return tuple(sorted({*self.pointers.get(channel, {}), *self.rolling.get(channel, {})}))

    @property
    def names(self) -> tuple[str, ...]:
        """The channels that point at something or are about to, sorted."""
        return tuple(sorted({*self.pointers, *self.rolling}))

    def rolling_at(self, channel: str, place: Place) -> Rolling | None:
        """Returns what is on its way to a channel, None if that is nothing."""
        return self.rolling.get(channel, {}).get(place)

    def with_rolling(self, channel: str, entries: Mapping[Place, Rolling]) -> Channels:
        """Returns the document with something else on its way to a channel."""
        others = {name: own for name, own in self.rolling.items() if name != channel}
        return replace(self, rolling={**others, channel: entries} if entries else others)

    def unsettled(self) -> set[_Image]:
        """Returns the images that no channel ever pointed at: on their way, or never arrived."""
        rolling = {
            (entry.version, place)
            for of_channel in self.rolling.values()
            for place, entry in of_channel.items()
        }
        arrived: dict[_Image, bool] = {}
        for of_place in self.pointers.values():
            for place, pointers in of_place.items():
                for pointer in pointers:
                    image = pointer.version, place
                    arrived[image] = arrived.get(image, False) or not pointer.rolled
        left = {image for image, settled in arrived.items() if not settled}
        return left | {image for image in rolling if not arrived.get(image, False)}

    def with_pointers(self, channel: str, place: Place, pointers: Iterable[Pointer]) -> Channels:
        """Returns the document with other pointers of one channel and place."""
        of_channel = {**self.pointers.get(channel, {}), place: tuple(pointers)}
        return replace(self, pointers={**self.pointers, channel: of_channel})

    def applied(self, releases: Iterable[Release]) -> tuple[Release, ...]:
        """Returns releases as this document has them: on which channels, and taken back or not.

        An image whose publish is not complete is left out.

        Args:
            releases: The product's releases, as their manifests have them.
        """
        pointers = self._by_image()
        rolling: dict[_Image, dict[str, int]] = {}
        for channel, entries in self.rolling.items():
            for place, entry in entries.items():
                rolling.setdefault((entry.version, place), {})[channel] = entry.serial
        applied = []
        for release in releases:
            places = self.images.get(release.version, frozenset())
            images = tuple(
                self._applied(release.version, image, pointers, rolling)
                for image in release.images
                if Place(image.board, image.kind) in places
            )
            if images:
                applied.append(replace(release, images=images))
        return tuple(applied)

    def _by_image(self) -> dict[_Image, dict[str, Pointer]]:
        """Returns the pointers by release and place, and then by channel."""
        by_image: dict[_Image, dict[str, Pointer]] = {}
        for channel, of_channel in self.pointers.items():
            for place, pointers in of_channel.items():
                for pointer in pointers:
                    by_image.setdefault((pointer.version, place), {})[channel] = pointer
        return by_image

    def _applied(
        self,
        version: Version,
        image: ReleaseImage,
        by_image: Mapping[_Image, dict[str, Pointer]],
        rolling: Mapping[_Image, dict[str, int]],
    ) -> ReleaseImage:
        key = version, Place(image.board, image.kind)
        pointers = by_image.get(key, {})
        live = {name: pointer for name, pointer in pointers.items() if not pointer.taken_back}
        mark = self.marks.get(key)
        return replace(
            image,
            channels={name: pointer.serial for name, pointer in live.items()},
            rolling=rolling.get(key, {}),
            left_channels=tuple(sorted(pointers.keys() - live.keys())),
            ordered_back={
                name: tuple(map(str, pointer.ordered_back))
                for name, pointer in live.items()
                if pointer.ordered_back
            },
            withdrawn=mark.state if mark else None,
            withdrawn_reason=mark.author.why if mark else "",
        )

    def pushed(self, channel: str, place: Place, version: Version, who: Author) -> Channels:
        """Returns the document with a channel that points at a release, by the next change.

        The orders stay, but for that release.
        """
        pointers = self.pointers.get(channel, {}).get(place, ())
        orders = pointers[-1].orders if pointers else ()
        others = [
            replace(pointer, orders=(), ordered_back=())
            for pointer in pointers
            if pointer.version != version
        ]
        pointer = Pointer(
            version=version,
            serial=self.serial + 1,
            author=who,
            orders=tuple(other for other in orders if other != version),
        )
        return self.with_pointers(channel, place, (*others, pointer))

    def ordering(self, channel: str, place: Place, versions: Iterable[Version]) -> Channels:
        """Returns the document in which the devices of more releases are to leave them."""
        *others, last = self.pointers[channel][place]
        orders = tuple(dict.fromkeys((*last.orders, *versions)))
        return self.with_pointers(channel, place, (*others, replace(last, orders=orders)))

    def taken_back(self, channel: str, place: Place, versions: Collection[Version]) -> Channels:
        """Returns the document with a channel that has left releases, and does not return."""
        pointers = self.pointers.get(channel, {}).get(place, ())
        if not any(pointer.version in versions for pointer in pointers):
            return self
        return self.with_pointers(
            channel,
            place,
            (
                replace(pointer, taken_back=True) if pointer.version in versions else pointer
                for pointer in pointers
            ),
        )

    def without(self, place: Place, version: Version) -> Channels:
        """Returns the document with no pointer at an image, on any channel."""
        after = self
        for channel in self.pointers:
            pointers = self.pointers[channel].get(place, ())
            others = [pointer for pointer in pointers if pointer.version != version]
            if len(others) < len(pointers):
                after = after.with_pointers(channel, place, others)
        return after

    def marked(self, version: Version, places: Iterable[Place], mark: Mark) -> Channels:
        """Returns the document with images that are no longer offered."""
        return replace(self, marks={**self.marks, **{(version, place): mark for place in places}})

    def recorded(self, change: Change) -> Channels:
        """Returns the document with one more line of history."""
        return replace(self, serial=change.serial, history=(*self.history, change), stored=True)
