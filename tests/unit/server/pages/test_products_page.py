"""All products, and one of them: what is listed, sorted, found, paged, and shown to whom."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from acpublish.fleet.policy import Policy
from acpublish.release.rollout_changes import RolloutChange
from tests.unit.catalog.holding import put
from tests.unit.server.pages.product_site import MARKUP, PATH, ProductSite
from tests.unit.server.pages.visiting import Browser, application

ROW = re.compile(r'<th scope="row"><a href="[^"]*">([^<]*)</a></th>')


def _rows(text: str) -> list[str]:
    return ROW.findall(text)


def test_products_are_found_sorted_and_paged(tmp_path: Path) -> None:
    site = ProductSite(tmp_path)
    for number in range(30):
        put(site.catalog, product=f"bulb-{number:02}", board="nano")

    async def look() -> None:
        browser = await site.browser()
        page = await browser.get("/_/products")
        assert _rows(page.text) == [f"bulb-{number:02}" for number in range(25)]
        assert "1–25 of 31" in page.text
        assert 'rel="next" href="?page=2"' in page.text
        page = await browser.get("/_/products?page=2")
        assert _rows(page.text)[-1] == "lamp"
        assert 'rel="prev" href="?"' in page.text
        assert _rows((await browser.get("/_/products?page=99")).text)[-1] == "lamp"
        assert _rows((await browser.get("/_/products?sort=-releases")).text)[0] == "lamp"
        assert _rows((await browser.get("/_/products?q=D2")).text) == ["lamp"]
        assert _rows((await browser.get("/_/products?q=beta&sort=nonsense&page=x")).text) == [
            "lamp"
        ]
        nothing = (await browser.get(f"/_/products?q={MARKUP}")).text
        assert "No product matches." in nothing
        assert MARKUP not in nothing

    asyncio.run(look())


def test_an_empty_catalog_has_an_empty_list(tmp_path: Path) -> None:
    page = asyncio.run(Browser(application(tmp_path)).get("/_/products"))
    assert "Nothing is published yet." in page.text


def test_a_product_with_what_its_channels_point_at(tmp_path: Path) -> None:
    site = ProductSite(tmp_path)
    site.withdraw("1.0.0", MARKUP)
    text = asyncio.run(_page(site, PATH))
    assert _rows(text) == ["1.2.0", "1.1.0", "1.0.0"]
    channels = text[: text.index(">Sizes<")]
    assert re.search(r">stable<.*?>1\.1\.0<.*?>d1, d2<", channels, re.S)
    assert re.search(r">beta<.*?>1\.2\.0<.*?>d1<", channels, re.S)
    assert text.count('class="spark"') == 2
    assert "&lt;script&gt;" in text
    assert MARKUP not in text
    # Strangers learn nothing of devices, and find no button.
    assert "Devices" not in text
    assert "Roll back" not in text
    assert "change?" not in text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?q=1.1", ["1.1.0"]),
        ("?q=beta", ["1.2.0"]),
        ("?board=d2", ["1.1.0", "1.0.0"]),
        ("?state=withdrawn", ["1.0.0"]),
        ("?state=offered", ["1.2.0", "1.1.0"]),
        ("?state=rolling", []),
        ("?sort=version", ["1.0.0", "1.1.0", "1.2.0"]),
        ("?sort=published&board=d1", ["1.0.0", "1.1.0", "1.2.0"]),
        ("?board=none", []),
    ],
)
def test_releases_are_found_and_sorted(tmp_path: Path, query: str, found: list[str]) -> None:
    site = ProductSite(tmp_path)
    site.withdraw("1.0.0")
    assert sorted(_rows(asyncio.run(_page(site, PATH + query)))) == sorted(found)


def test_a_rollout_and_its_policy(tmp_path: Path) -> None:
    site = ProductSite(tmp_path)
    policy = Policy.parse("1,50%,100%", soak="2h", halt="2,5%", on_halt="order-back").to_dict()
    make = site.catalog.changes.make
    make("lamp", RolloutChange(action="policy", channel="stable", policy=policy, by="ann"))
    put(site.catalog, "1.3.0")
    text = asyncio.run(_page(site, PATH))
    assert "on its way to stable" in text
    assert "1 → 50% → 100%" in text
    assert "Each stage lasts at least 2 hours." in text
    assert "It halts after 2 failures, or once 5% have failed." in text
    assert "Then its devices are ordered back in stages." in text
    assert "1.3.0" in asyncio.run(_page(site, PATH + "?state=rolling"))
    assert "Policy changed" in text
    assert "1,50%,100%, soak 2h" in text
    # What says nothing is left out: stages that need not last, and who has not said their name.
    make("lamp", RolloutChange(action="policy", channel="beta", policy=_no_soak(), by="ann"))
    assert asyncio.run(_page(site, PATH)).count("Each stage lasts") == 1


def _no_soak() -> dict[str, object]:
    return Policy.parse("1,100%", soak="0s").to_dict()


def test_the_history_has_every_change(tmp_path: Path) -> None:
    site = ProductSite(tmp_path)
    site.withdraw("1.1.0", MARKUP)
    text = asyncio.run(_page(site, PATH + "/history"))
    assert text.count("Published</strong>") == 5
    assert re.search(r"Withdrawn</strong>.*?1\.1\.0 → 1\.0\.0", text, re.S)
    assert "1–6 of 6" in text
    assert MARKUP not in text
    # The channel moved without anybody's name.
    text = asyncio.run(_page(site, PATH))
    assert "–:" not in text
    assert "alert(1)" in text


def test_what_changes_is_seen_at_once(tmp_path: Path) -> None:
    site = ProductSite(tmp_path)

    async def look() -> None:
        browser = await site.browser()
        await browser.get(PATH)
        await browser.get(PATH + "/history")
        put(site.catalog, "1.4.0")
        assert "1.4.0" in _rows((await browser.get(PATH)).text)
        assert "1–6 of 6" in (await browser.get(PATH + "/history")).text

    asyncio.run(look())


@pytest.mark.parametrize("path", ["/_/products/none", "/_/products/none/history", PATH + "/9.9.9"])
def test_what_does_not_exist(tmp_path: Path, path: str) -> None:
    page = asyncio.run(_get(ProductSite(tmp_path), path))
    assert page[0] == 404


@pytest.mark.parametrize("name", ["%3Cb%3E", "a%2Fb", "..", "%00", "x" * 500])
def test_names_that_are_not_valid(tmp_path: Path, name: str) -> None:
    status, text = asyncio.run(_get(ProductSite(tmp_path), f"/_/products/{name}"))
    assert status in (404, 422)
    assert "<b>" not in text


async def _page(site: ProductSite, path: str) -> str:
    status, text = await _get(site, path)
    assert status == 200, text
    return text


async def _get(site: ProductSite, path: str) -> tuple[int, str]:
    page = await (await site.browser()).get(path)
    return page.status, page.text
