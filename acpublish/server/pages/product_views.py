"""Products and their releases as the pages show them, made once for each state of a catalog."""

from __future__ import annotations

import itertools
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from acpublish.bounded import BoundedDict
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.catalog.snapshot import ProductSnapshot
from acpublish.errors import NotFoundError
from acpublish.release.channel_rows import rows_of
from acpublish.release.channels import Channels, Move, Place
from acpublish.release.manifest import Release, ReleaseImage
from acpublish.release.sizes import Size, sizes
from acpublish.release.version import Version
from acpublish.server.checkins import Counts, adoptions

_MAX_PRODUCTS = 1000
#: Counting the devices of a product takes a while, and all visitors see the same.
_COUNT_EVERY_S = 2.0
#: The points of a trend.
TREND = 40


class Pointing(NamedTuple):
    """What a channel points at, for the boards for which it is the same.

    Attributes:
        channel: The channel.
        version: The release; None for nothing.
        places: The boards and kinds of image.
        at: Since when.
        by: Who made it so; may be empty.
        why: The reason; may be empty.
        is_rolling: Whether the release is on its way there, and the channel points at another.
        halted: Why it is on its way no longer; empty if it is.
        can_go_back: Whether the channel pointed at something else before.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductView:
    """A product.

    Attributes:
        product: Its name.
        snapshot: What it was made from.
        rows: Its releases, the highest version first.
        pointings: What its channels point at.
        trends: The sizes for each board.
    """

    product: str
    snapshot: ProductSnapshot
    rows: tuple[ReleaseRow, ...]
    pointings: tuple[Pointing, ...]
    trends: tuple[Trend, ...]

    @property
    def published(self) -> str:
        """When anything was published last; empty for nothing."""
        return max((row.published for row in self.rows), default="")

    @property
    def boards(self) -> tuple[str, ...]:
        """All boards."""
        return tuple(sorted(self.snapshot.boards))

    @property
    def channels(self) -> tuple[str, ...]:
        """All channels that point at something, or are about to."""
        return self.snapshot.channels.names

    def row(self, version: Version) -> ReleaseRow:
        """Returns a release.

        Raises:
            NotFoundError: There is none with this version.
        """
        row = next((row for row in self.rows if row.release.version == version), None)
        if row is None:
            raise NotFoundError(
                f"there is no release {self.product} {version}",
                hint="See the list of the product's releases.",
            )
        return row

    def before(self, row: ReleaseRow) -> ReleaseRow | None:
        """Returns the release with the next lower version."""
        at = self.rows.index(row) + 1
        return self.rows[at] if at < len(self.rows) else None


class ProductViews:
    """Makes views, and keeps each until its product changes; for threads."""

    def __init__(self, catalog: DirectoryCatalog, counts: Counts) -> None:
        """Prepares to make views.

        Args:
            catalog: Where releases are.
            counts: What devices run.
        """
        self._catalog = catalog
        self._counts = counts
        self._views: BoundedDict[str, ProductView] = BoundedDict(_MAX_PRODUCTS)
        self._running: BoundedDict[str, tuple[float, Mapping[str, int]]] = BoundedDict(
            _MAX_PRODUCTS
        )

    def all(self) -> list[ProductView]:
        """Returns all products, by name."""
        return [self._view(product) for product in self._catalog.products()]

    def product(self, product: str) -> ProductView:
        """Returns a product.

        Raises:
            NotFoundError: There is none of this name.
        """
        if not self._catalog.owns(product):
            raise NotFoundError("there is no such product", hint="See the list of the products.")
        return self._view(product)

    def _view(self, product: str) -> ProductView:
        snapshot = self._catalog.snapshots.product(product)
        view = self._views.get(product)
        if view is None or view.snapshot is not snapshot:
            view = self._views[product] = _made(product, snapshot)
        return view

    def devices(self, product: str) -> Mapping[str, int]:
        """Returns how many devices are known to run each version, not older than two seconds."""
        at, devices = self._running.get(product, (0.0, {}))
        now = time.monotonic()
        if now - at > _COUNT_EVERY_S or not at:
            rows = adoptions(self._counts.running(product), self._catalog.releases(product))
            counted: Counter[str] = Counter()
            for row in rows:
                counted[row.version or ""] += row.count
            devices = dict(counted)
            self._running[product] = now, devices
        return devices


def pointings(channels: Channels) -> tuple[Pointing, ...]:
    """Returns what the channels of a product point at, and what is on its way there."""
    grouped: dict[Pointing, list[Place]] = defaultdict(list)
    for row in rows_of(channels):
        current, rolling = row.current, row.rolling
        if current is not None or rolling is None:
            who = current.author if current else None
            grouped[
                Pointing(
                    channel=row.channel,
                    version=current.version if current else None,
                    places=(),
                    at=who.at if who else "",
                    by=who.by if who else "",
                    why=who.why if who else "",
                    can_go_back=bool(row.before),
                )
            ].append(row.place)
        if rolling is not None:
            grouped[
                Pointing(
                    channel=row.channel,
                    version=rolling.version,
                    places=(),
                    at=rolling.author.at,
                    by=rolling.author.by,
                    why=rolling.author.why,
                    is_rolling=True,
                    halted=rolling.halted,
                )
            ].append(row.place)
    return tuple(pointing._replace(places=tuple(places)) for pointing, places in grouped.items())


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


def _made(product: str, snapshot: ProductSnapshot) -> ProductView:
    trends, deltas = _trends(snapshot.releases)
    pointing = pointings(snapshot.channels)
    current: dict[Version, set[str]] = defaultdict(set)
    rolling: dict[Version, dict[str, str]] = defaultdict(dict)
    for entry in pointing:
        if entry.version is not None and entry.is_rolling:
            rolling[entry.version][entry.channel] = entry.halted
        elif entry.version is not None:
            current[entry.version].add(entry.channel)
    ordered = sorted(
        snapshot.releases, key=lambda release: release.version.precedence, reverse=True
    )
    rows = tuple(
        ReleaseRow(
            release=release,
            images=tuple(
                ImageRow(image, deltas.get((release.version, Place(image.board, image.kind))))
                for image in sorted(release.images, key=lambda image: (image.board, image.kind))
            ),
            channels=tuple(sorted(current.get(release.version, ()))),
            rolling=rolling.get(release.version, {}),
        )
        for release in ordered
        if release.images
    )
    return ProductView(
        product=product, snapshot=snapshot, rows=rows, pointings=pointing, trends=trends
    )


def _trends(
    releases: tuple[Release, ...],
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
