"""Policies on the page: read by everyone, and set with the words of the command."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.control.fleet_state import FleetState
from acpublish.fleet.known_device import new_device
from acpublish.release.rollout_changes import RolloutChange
from tests.unit.server.pages.settings_site import manager, published
from tests.unit.server.pages.visiting import Browser

PATH = "/_/settings/policies"
CHANNEL = f"{PATH}/channel"
LAMP = {"product": "lamp", "channel": "stable"}


def test_a_policy_is_set_shown_and_cleared(tmp_path: Path) -> None:
    async def made() -> None:
        app = published(tmp_path)
        catalog = DirectoryCatalog(tmp_path / "catalog")
        browser, visitor = await manager(app), Browser(app)
        assert "reaches everybody at once" in (await visitor.get(PATH)).text
        form = await browser.get(f"{CHANNEL}?product=lamp&channel=stable")
        assert 'value="1,10%,50%,100%"' in form.text
        fields = {
            **LAMP,
            "stages": "tag:canary,50%,100%",
            "soak": "1h,2h,0s",
            "halt": "2,10%",
            "on_halt": "order-back",
            "at_once": "yes",
            "window": "02:00-05:00",
            "reason": "carefully",
        }
        assert (await browser.post(f"{CHANNEL}/set", fields)).headers["location"] == PATH
        policy = catalog.changes.policies("lamp")["stable"]
        assert policy["stages"] == ["tag:canary", "50%", "100%"]
        assert policy["soak"] == ["3600s", "7200s", "0s"]
        line = catalog.changes.history("lamp")[-1]
        token = app.site.tokens.all()[0]
        assert (line.author.by, line.author.why) == (token.id, "carefully")
        shown = (await visitor.get(PATH)).text
        for words in (
            "tag:canary, 50%, 100%",
            "1 hour, 2 hours, 0 seconds",
            "2 failures, or 10%",
            "order its devices back at once",
            "02:00-05:00",
        ):
            assert words in shown
        assert "channel?product" not in shown
        form = await browser.get(f"{CHANNEL}?product=lamp&channel=stable")
        assert 'value="1h,2h,0s"' in form.text
        await browser.post(f"{CHANNEL}/clear", {**LAMP, "reason": ""})
        assert catalog.changes.policies("lamp") == {}
        page = await browser.post(f"{CHANNEL}/clear", LAMP)
        assert page.status == 303
        assert "nothing to change" in (await browser.get(PATH)).text

    asyncio.run(made())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"stages": "10%,5%"}, "does not reach more than"),
        ({"stages": "1,100%", "soak": "1h,1h,1h"}, "there are 3 soaks"),
        ({"stages": "1,100%", "halt": "0"}, "cannot halt at 0"),
        ({"stages": "1,100%", "on_halt": "panic"}, "is not something to do"),
        ({"stages": "1,100%", "at_once": "yes"}, "“Order them back all at once” has no effect"),
        ({"stages": "1,100%", "window": "2-5"}, "is not a window"),
        ({"stages": "1,100%", "reason": "x" * 501}, "the reason"),
    ],
)
def test_what_is_wrong_is_beside_the_form(
    tmp_path: Path, fields: dict[str, str], words: str
) -> None:
    async def refused() -> None:
        browser = await manager(published(tmp_path))
        await browser.get(f"{CHANNEL}?product=lamp&channel=stable")
        page = await browser.post(f"{CHANNEL}/set", {**LAMP, **fields})
        assert page.status == 400
        assert words.lower() in page.text.lower().replace("&#39;", "'")
        assert f'value="{fields["stages"]}"' in page.text

    asyncio.run(refused())


@pytest.mark.parametrize(
    ("query", "status"),
    [("product=door&channel=stable", 404), ("product=lamp&channel=A%20b", 422), ("", 422)],
)
def test_channels_that_cannot_have_one(tmp_path: Path, query: str, status: int) -> None:
    async def shown() -> int:
        browser = await manager(published(tmp_path))
        return (await browser.get(f"{CHANNEL}?{query}")).status

    assert asyncio.run(shown()) == status


def test_a_policy_of_a_newer_version_is_named(tmp_path: Path) -> None:
    async def shown() -> str:
        app = published(tmp_path)
        policy = {"stages": ["a-quarter"], "soak": ["1h"], "halt": "3", "on_halt": "stop"}
        change = RolloutChange(action="policy", channel="stable", policy=policy)  # type: ignore[arg-type]
        DirectoryCatalog(tmp_path / "catalog").changes.make("lamp", change)
        browser = await manager(app)
        assert (await browser.get(f"{CHANNEL}?product=lamp&channel=stable")).status == 200
        return (await browser.get(PATH)).text

    assert "is not a stage" in asyncio.run(shown())


def test_a_stage_for_a_mark_that_no_device_has_is_warned_of(tmp_path: Path) -> None:
    async def shown() -> None:
        app = published(tmp_path)
        app.site.state = FleetState()
        device = new_device("lamp/5c:cf:7f:00:00:01", app.site.state.clock.now())
        device.tags = frozenset({"canary"})
        app.site.state.product("lamp").devices[device.id] = device
        browser = await manager(app)
        await browser.get(PATH)
        await browser.post(f"{CHANNEL}/set", {**LAMP, "stages": "tag:canary,tag:canari,100%"})
        page = (await browser.get(PATH)).text
        assert page.count("reaches nobody yet") == 1
        assert "The stage tag:canari reaches nobody yet" in page

    asyncio.run(shown())


def test_products_are_filtered(tmp_path: Path) -> None:
    async def shown() -> None:
        browser = Browser(published(tmp_path))
        assert ">lamp<" in (await browser.get(f"{PATH}?product=am")).text
        assert "No product matches" in (await browser.get(f"{PATH}?product=door")).text

    asyncio.run(shown())
