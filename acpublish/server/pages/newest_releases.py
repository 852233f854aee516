"""The newest releases of a catalog by product and channel, as the overview shows them."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import NamedTuple

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.catalog.snapshot import ProductSnapshot
from acpublish.release.version import Version
from acpublish.server.pages.overview_rows import MAX_ROWS


class NewestRelease(NamedTuple):
    """What a channel of a product points at, or what is on its way there.

    Attributes:
        product: The product.
        channel: The channel.
        version: The release.
        boards: For which boards.
        published: When it was published, as ISO 8601.
        rolling: Whether it is on its way.
    """

    product: str
    channel: str
    version: str
    boards: str
    published: str
    rolling: bool


class Releases(NamedTuple):
    """What the catalog has.

    Attributes:
        products: How many products.
        releases: How many releases.
        newest: The newest of each product and channel, the last published first.
    """

    products: int
    releases: int
    newest: list[NewestRelease]


class NewestReleases:
    """Looks at the catalog; a product that has not changed is not looked at again."""

    def __init__(self, catalog: DirectoryCatalog) -> None:
        """Prepares to look.

        Args:
            catalog: The catalog.
        """
        self._catalog = catalog
        self._known: dict[str, tuple[ProductSnapshot, list[NewestRelease]]] = {}

    def read(self) -> Releases:
        """Returns what there is; may be called from a thread."""
        known: dict[str, tuple[ProductSnapshot, list[NewestRelease]]] = {}
        for product in self._catalog.products():
            snapshot = self._catalog.snapshots.product(product)
            before = self._known.get(product)
            is_same = before is not None and before[0] is snapshot
            rows = before[1] if before and is_same else list(_rows(product, snapshot))
            known[product] = snapshot, rows
        self._known = known
        every = (row for _, rows in known.values() for row in rows)
        newest = heapq.nlargest(MAX_ROWS, every, key=lambda row: (row.published, row.version))
        releases = sum(len(snapshot.releases) for snapshot, _ in known.values())
        return Releases(len(known), releases, newest)


def _rows(product: str, snapshot: ProductSnapshot) -> Iterable[NewestRelease]:
    channels = snapshot.channels
    releases = {release.version: release for release in snapshot.releases}
    for channel in channels.names:
        boards: dict[tuple[Version, bool], set[str]] = {}
        for place in channels.places(channel):
            current, entry = channels.current(channel, place), channels.rolling_at(channel, place)
            if current is not None and current.version in releases:
                boards.setdefault((current.version, False), set()).add(place.board)
            if entry is not None and not entry.halted and entry.version in releases:
                boards.setdefault((entry.version, True), set()).add(place.board)
        for (version, rolling), own in boards.items():
            listed = ", ".join(sorted(own))
            published = min(image.published_at for image in releases[version].images)
            yield NewestRelease(product, channel, str(version), listed, published, rolling)
