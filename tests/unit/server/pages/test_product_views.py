"""Products as the pages show them: made again when something changes, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.errors import ConflictError, NotFoundError
from acpublish.release.channels import Place
from acpublish.release.version import Version
from tests.unit.catalog.holding import put
from tests.unit.server.pages.product_site import ProductSite


def test_sizes_in_the_order_of_publishing(tmp_path: Path) -> None:
    site = ProductSite(tmp_path)
    view = site.app.site.products.product("lamp")
    assert [(trend.place, len(trend.sizes)) for trend in view.trends] == [
        (Place("d1", "firmware"), 3),
        (Place("d2", "firmware"), 2),
    ]
    row = view.row(Version.parse("1.1.0"))
    assert [(entry.place.board, entry.delta) for entry in row.images] == [("d1", 0), ("d2", 0)]
    assert [entry.delta for entry in view.row(Version.parse("1.0.0")).images] == [None, None]


def test_a_view_is_kept_until_its_product_changes(tmp_path: Path) -> None:
    site = ProductSite(tmp_path)
    views = site.app.site.products
    put(site.catalog, product="bulb")
    assert [view.product for view in views.all()] == ["bulb", "lamp"]
    before = views.product("lamp")
    assert before.boards == ("d1", "d2")
    assert before.channels == ("beta", "stable")
    put(site.catalog, "1.3.0")
    after = views.product("lamp")
    assert (len(before.rows), len(after.rows)) == (3, 4)
    newest, next_ = after.rows[:2]
    assert after.before(newest) is next_
    assert after.before(after.rows[-1]) is None
    assert after.published >= before.published


def test_a_history_is_kept_likewise(tmp_path: Path) -> None:
    site = ProductSite(tmp_path)
    views = site.app.site.products
    assert [change.action for change in views.history("lamp")] == ["publish"] * 5
    site.withdraw("1.1.0")
    assert views.history("lamp")[0].action == "withdraw"
    (tmp_path / "catalog/.acpublish/releases/lamp/history-1.jsonl").write_text("{\n")
    put(site.catalog, "1.3.0")
    with pytest.raises(ConflictError):
        views.history("lamp")


def test_what_there_is_not(tmp_path: Path) -> None:
    views = ProductSite(tmp_path).app.site.products
    for ask in (views.product, views.history):
        with pytest.raises(NotFoundError):
            ask("bulb")
    assert views.devices("bulb") == {}
    with pytest.raises(NotFoundError, match=r"lamp 9\.9\.9"):
        views.product("lamp").row(Version.parse("9.9.9"))
