"""The first page: what there is and what happens, and the steps of an empty catalog."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.control.operations import run_here
from acpublish.fleet.adoption_history import VersionCount
from acpublish.fleet.device_changes import DeviceChange
from acpublish.server.pages import overview_page
from acpublish.server.pages.page_site import PageSite
from tests.support.tokens import create_token
from tests.unit.catalog.holding import put
from tests.unit.control.asking import Asking, mac
from tests.unit.server.pages.visiting import ELSEWHERE, Browser, application, fleet_application

HOSTILE = '<script>alert("1")</script>'


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Asking]:
    fleet = Asking(tmp_path)
    fleet.put("1.0.0", "1.1.0")
    with fleet.stored():
        for number in range(8):
            fleet.ask(number)
        fleet.now += 100
        yield fleet


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the page wait for the count, also on a machine with much else to do."""
    monkeypatch.setattr(overview_page, "_PATIENCE_S", 10.0)


async def page_of(fleet: Asking, path: str = "/") -> str:
    """Returns the page as whoever may read the fleet sees it."""
    browser = Browser(fleet_application(fleet))
    await browser.sign_in(create_token(fleet.folder, read=True))
    return (await browser.get(path)).text


async def watched(site: PageSite, topic: str) -> dict[str, str]:
    """Returns the parts of a page that change."""
    name, _, which = topic.partition(":")
    return dict(await site.live.topics[name].parts(which))


def test_the_steps_have_the_address_of_this_server(tmp_path: Path) -> None:
    app = application(tmp_path)
    page = asyncio.run(Browser(app, ELSEWHERE).get("/", host="192.0.2.1:8000"))
    assert "--to http://192.0.2.1:8000 --insecure-http" in page.text
    assert "acpublish emulate --to http://192.0.2.1:8000 --auto lamp/d1_mini" in page.text
    secure = asyncio.run(Browser(app, ELSEWHERE, "https").get("/", host="192.0.2.1:8443"))
    assert "--to https://192.0.2.1:8443<" in secure.text
    # The client does not know that this address is the machine that it runs on.
    near = asyncio.run(Browser(app).get("/", host="192.0.2.1:8000"))
    assert "--to http://192.0.2.1:8000 --insecure-http" in near.text
    for own in ("127.0.0.1:8000", "localhost:8000", "[::1]:8000"):
        assert f"--to http://{own}<" in asyncio.run(Browser(app).get("/", host=own)).text


def test_the_newest_release_of_each_channel(tmp_path: Path) -> None:
    app = application(tmp_path)
    for version in ("1.0.0", "1.1.0"):
        put(DirectoryCatalog(tmp_path / "catalog"), version)
    page = asyncio.run(Browser(app).get("/"))
    rows = re.findall(r"<tr>\s*<th scope=\"row\">(.*?)</tr>", page.text, re.S)
    assert len(rows) == 1
    assert ">stable<" in rows[0]
    assert "1.1.0" in rows[0]
    assert "Devices" not in page.text


def test_devices_are_for_those_who_may_read(fleet: Asking) -> None:
    assert "Devices by version" in asyncio.run(page_of(fleet))
    signed_out = asyncio.run(Browser(fleet_application(fleet)).get("/")).text
    assert "Newest releases" in signed_out
    assert "topic=overview" in signed_out
    for text in ("Devices by version", mac(1), "Last check-ins", "Rollouts"):
        assert text not in signed_out


def test_names_of_devices_are_shown_as_they_are(fleet: Asking) -> None:
    device = fleet.ask(1)
    device.name, device.obstacle = HOSTILE, "does-not-fit"
    page = asyncio.run(page_of(fleet))
    assert "Does not fit" in page
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page


def test_the_page_does_not_wait_for_a_count_that_takes_long(
    fleet: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview_page, "_PATIENCE_S", 0.0)
    page = asyncio.run(page_of(fleet, "/?product=lamp&time=7d"))
    assert "The devices are being counted" in page
    assert ">8<" in page
    assert 'sse-connect="/_/live?topic=fleet%3Alamp/7d"' in page


def test_what_changes_is_the_same_for_all_who_watch(
    fleet: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def look() -> None:
        app = fleet_application(fleet)
        fleet.policy("1,100%")
        fleet.put("1.2.0")
        parts = await watched(app.site, "fleet")
        assert ">8<" in parts["counts"]
        assert "lamp 1.2.0 → stable" in parts["rollouts"]
        assert "stage 1 of 2" in parts["rollouts"]
        assert "1.0.0" in parts["versions"]
        assert set(await watched(app.site, "fleet:lamp/7d")) == set(parts)
        # Each is rendered by itself, so what there is not must cost nothing: whoever may read
        # could otherwise keep the server busy with as many invented names as may be watched.
        with monkeypatch.context() as patch:
            patch.setattr(PageSite, "parts", None)
            for invented in ("nothing", "nothing/7d", "lamp/9y", "/9y", "lamp/7d/x"):
                assert await watched(app.site, f"fleet:{invented}") == {}, invented
        public = await watched(app.site, "overview")
        assert "on its way" in public["releases"]
        assert set(public) == {"counts", "releases"}
        assert "Devices" not in public["counts"]

    asyncio.run(look())


def test_what_happens_to_many_devices_is_one_row(fleet: Asking) -> None:
    async def look() -> None:
        app = fleet_application(fleet)
        for number in range(10, 15):
            fleet.ask(number)
        news = (await watched(app.site, "fleet"))["news"]
        assert news.count("new device") == 1
        assert "and 4 more" in news
        run_here(fleet.devices.change(f"lamp/{mac(1)}", DeviceChange(name="kitchen")))
        fleet.ask(1, "1.1.0")
        news = (await watched(app.site, "fleet"))["news"]
        assert "1.0.0 → 1.1.0" in news

    asyncio.run(look())


def test_the_chart_has_its_time_and_product_in_the_address(fleet: Asking) -> None:
    for hours in (30, 20, 10):
        at = fleet.now - hours * 3600
        store = fleet.state.store
        assert store is not None
        store.note_versions(at, (VersionCount("lamp", "0.9.0", hours),))
    page = asyncio.run(page_of(fleet))
    assert "Devices of lamp by version over 7 days" in page
    assert 'sse-connect="/_/live?topic=fleet"' in page
    page = asyncio.run(page_of(fleet, "/?product=lamp&time=90d"))
    assert "over 90 days" in page
    assert 'sse-connect="/_/live?topic=fleet%3Alamp/90d"' in page
    assert '<svg class="chart"' in page
