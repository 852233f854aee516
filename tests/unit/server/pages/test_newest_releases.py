"""The newest releases, of all products and channels."""

from __future__ import annotations

from pathlib import Path

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.server.pages.newest_releases import NewestReleases
from tests.unit.catalog.holding import put


def test_the_newest_releases_of_all_products(tmp_path: Path) -> None:
    catalog = DirectoryCatalog(tmp_path)
    newest = NewestReleases(catalog)
    assert newest.read() == (0, 0, [])
    for product in ("lamp", "door"):
        put(catalog, "1.0.0", product=product)
    put(catalog, "1.1.0", channel="beta")
    releases = newest.read()
    assert (releases.products, releases.releases) == (2, 3)
    rows = {(row.product, row.channel, row.version, row.rolling) for row in releases.newest}
    assert rows == {
        ("lamp", "stable", "1.0.0", False),
        ("lamp", "beta", "1.1.0", False),
        ("door", "stable", "1.0.0", False),
    }
