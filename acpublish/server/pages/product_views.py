"""Products and their releases as the pages show them, made once for each state of a catalog."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from acpublish.bounded import BoundedDict
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.catalog.snapshot import ProductSnapshot
from acpublish.errors import NotFoundError
from acpublish.release.channels import Change, Place
from acpublish.release.version import Version
from acpublish.server.catalog_changes import as_answers
from acpublish.server.checkins import Counts, adoptions
from acpublish.server.pages.release_rows import (
    ImageRow,
    Pointing,
    ReleaseRow,
    Trend,
    pointings,
    trends_of,
)

_MAX_PRODUCTS = 1000
#: Each may have thousands of lines.
_MAX_HISTORIES = 20


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
        self._histories: BoundedDict[str, tuple[ProductSnapshot, tuple[Change, ...]]] = BoundedDict(
            _MAX_HISTORIES
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

    def history(self, product: str) -> tuple[Change, ...]:
        """Returns every change of a product, the last one first.

        Raises:
            NotFoundError: There is no such product.
            ConflictError: Its history cannot be read.
        """
        view = self.product(product)
        kept = self._histories.get(product)
        if kept is None or kept[0] is not view.snapshot:
            with as_answers():
                changes = self._catalog.changes.history(product)
            kept = self._histories[product] = view.snapshot, changes[::-1]
        return kept[1]

    def devices(self, product: str) -> Mapping[str, int]:
        """Returns how many devices are known to run each version; it walks all of them."""
        counted: Counter[str] = Counter()
        for row in adoptions(self._counts.running(product), self._catalog.releases(product)):
            counted[row.version or ""] += row.count
        return counted


def _made(product: str, snapshot: ProductSnapshot) -> ProductView:
    trends, deltas = trends_of(snapshot.releases)
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
