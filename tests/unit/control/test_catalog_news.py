from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.control import catalog_news as news_module
from acpublish.control.catalog_news import CatalogNews, catalog_news
from acpublish.fleet.policy import Policy
from acpublish.release.change_request import ChangeRequest, RequestedAction
from acpublish.release.rollout_changes import RolloutChange
from acpublish.release.version import Version
from tests.unit.catalog.holding import put


@pytest.fixture
def catalog(tmp_path: Path) -> DirectoryCatalog:
    return DirectoryCatalog(tmp_path)


def told(news: CatalogNews) -> list[tuple[str, str, str]]:
    return [(event.kind, event.product, event.data["version"]) for event in news.events]


def change(catalog: DirectoryCatalog, action: RequestedAction, version: str, why: str = "") -> None:
    request = ChangeRequest(action=action, version=Version.parse(version), why=why)
    catalog.changes.make("lamp", request)


def test_what_is_there_at_first_is_no_news(catalog: DirectoryCatalog) -> None:
    put(catalog, "1.0.0")
    first = catalog_news(catalog.snapshots, None)
    assert told(first) == []
    assert first.serials == {"lamp": 1}
    assert told(catalog_news(catalog.snapshots, first.serials)) == []


def test_each_publish_is_told_once_and_with_its_boards(catalog: DirectoryCatalog) -> None:
    put(catalog, "1.0.0")
    before = catalog_news(catalog.snapshots, None).serials
    put(catalog, "1.1.0")
    put(catalog, "1.1.0", board="d2", seed=1)
    put(catalog, "3.0.0", product="fan")
    news = catalog_news(catalog.snapshots, before)
    published = [event for event in news.events if event.product == "lamp"]
    assert [event.data["boards"] for event in published] == [["d1"], ["d2"]]
    assert {event.data["channel"] for event in news.events} == {"stable"}
    assert ("published", "fan", "3.0.0") in told(news)
    assert len({event.id for event in news.events}) == 3
    assert told(catalog_news(catalog.snapshots, news.serials)) == []


def test_a_release_on_its_way_in_stages_is_published_as_well(catalog: DirectoryCatalog) -> None:
    put(catalog, "1.0.0")
    policy = Policy.parse("1,100%", soak="0s").to_dict()
    catalog.changes.make("lamp", RolloutChange(action="policy", channel="stable", policy=policy))
    before = catalog_news(catalog.snapshots, None).serials
    put(catalog, "2.0.0", seed=1)
    assert told(catalog_news(catalog.snapshots, before)) == [("published", "lamp", "2.0.0")]


def test_a_withdrawn_release_is_told_with_its_reason_and_not_again_once_it_is_deleted(
    catalog: DirectoryCatalog,
) -> None:
    put(catalog, "1.0.0")
    put(catalog, "1.1.0", seed=1)
    put(catalog, "1.2.0", seed=2)
    before = catalog_news(catalog.snapshots, None).serials
    change(catalog, "withdraw", "1.2.0", "it crashes")
    change(catalog, "delete", "1.2.0", "it crashes")
    change(catalog, "delete", "1.1.0", "it has a key in it")
    news = catalog_news(catalog.snapshots, before)
    assert told(news) == [("withdrawn", "lamp", "1.2.0"), ("withdrawn", "lamp", "1.1.0")]
    assert [event.data["reason"] for event in news.events] == ["it crashes", "it has a key in it"]


def test_a_rollback_is_told_with_where_the_channel_goes(catalog: DirectoryCatalog) -> None:
    put(catalog, "1.0.0")
    put(catalog, "1.1.0", seed=1)
    before = catalog_news(catalog.snapshots, None).serials
    request = ChangeRequest(action="rollback", channel="stable", why="it overheats")
    catalog.changes.make("lamp", request)
    news = catalog_news(catalog.snapshots, before)
    assert told(news) == [("rolled-back", "lamp", "1.0.0")]
    (event,) = news.events
    assert (event.data["channel"], event.data["reason"]) == ("stable", "it overheats")


def test_a_catalog_of_a_backup_goes_on_from_where_it_is(catalog: DirectoryCatalog) -> None:
    put(catalog, "1.0.0")
    news = catalog_news(catalog.snapshots, {"lamp": 99})
    assert told(news) == []
    assert news.serials == {"lamp": 1}
    put(catalog, "1.1.0", seed=1)
    assert told(catalog_news(catalog.snapshots, news.serials)) == [("published", "lamp", "1.1.0")]


def test_what_happened_long_ago_is_no_news(
    catalog: DirectoryCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(catalog, "1.0.0")
    assert len(told(catalog_news(catalog.snapshots, {}))) == 1
    monkeypatch.setattr(news_module, "NEWS_S", -60)
    news = catalog_news(catalog.snapshots, {})
    assert told(news) == []
    assert news.serials == {"lamp": 1}


def test_a_product_that_cannot_be_read_is_told_once_it_can_be(catalog: DirectoryCatalog) -> None:
    put(catalog, "1.0.0")
    document = catalog.root / ".acpublish/releases/lamp/channels.json"
    text = document.read_bytes()
    document.write_bytes(b"{")
    catalog.snapshots.product("lamp")
    news = catalog_news(DirectoryCatalog(catalog.root).snapshots, {"fan": 1})
    assert news == CatalogNews((), {"fan": 1})
    document.write_bytes(text)
    news = catalog_news(DirectoryCatalog(catalog.root).snapshots, news.serials)
    assert told(news) == [("published", "lamp", "1.0.0")]
