"""Forms that change what is offered: who may, what they show first, and that this is made."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from acpublish.fleet.policy import Policy
from acpublish.release.rollout_changes import RolloutChange
from tests.support.tokens import create_token
from tests.unit.catalog.holding import put
from tests.unit.control.asking import Asking
from tests.unit.server.pages.product_site import MARKUP, PATH, ProductSite
from tests.unit.server.pages.visiting import Browser, Page, fleet_application

FORM = PATH + "/change"
PLANNED = re.compile(r'name="planned" value="([0-9a-f]{64})"')
PROMOTE = {"action": "promote", "version": "1.2.0", "channel": "stable", "board": "d1"}
#: What only the form itself sends.
_LATER = ("board", "reason")
WITHDRAW = {"action": "withdraw", "version": "1.2.0", "board": "d1", "reason": "it hangs"}


async def _plan(browser: Browser, fields: Mapping[str, str]) -> tuple[Page, str]:
    """Fills in a form, and returns the page with the plan, and what stands for that."""
    query = "&".join(
        f"{name}={fields[name]}" for name in ("action", "version", "channel") if name in fields
    )
    await browser.get(f"{FORM}?{query}")
    page = await browser.post(FORM, {**fields, "step": "plan"})
    return page, next(iter(PLANNED.findall(page.text)), "")


async def _confirm(browser: Browser, fields: Mapping[str, str]) -> Page:
    _, planned = await _plan(browser, fields)
    return await browser.post(FORM, {**fields, "step": "confirm", "planned": planned})


def test_a_promotion_is_shown_and_then_made(tmp_path: Path) -> None:
    site = ProductSite(tmp_path)

    async def look() -> None:
        browser = await site.browser("lamp", name="ann")
        page, _ = await _plan(browser, PROMOTE)
        assert "1.1.0 → 1.2.0" in page.text
        assert site.current("stable") == {"d1": "1.1.0", "d2": "1.1.0"}
        page = await _confirm(browser, {**PROMOTE, "reason": "tested"})
        assert page.status == 303
        assert page.headers["location"] == PATH + "/1.2.0"
        assert site.current("stable") == {"d1": "1.2.0", "d2": "1.1.0"}
        action, by, why = site.last()
        assert (action, why) == ("promote", "tested")
        assert by
        assert "lamp 1.2.0 was promoted to stable." in (await browser.get(PATH + "/1.2.0")).text

    asyncio.run(look())


def test_a_rollback_a_withdrawal_and_its_undoing(tmp_path: Path) -> None:
    site = ProductSite(tmp_path)

    async def look() -> None:
        browser = await site.browser(manage=True)
        back = {"action": "rollback", "channel": "stable", "version": "", "board": "d2"}
        page, _ = await _plan(browser, back)
        assert "1.1.0 → 1.0.0" in page.text
        assert "Devices of d2 that run 1.1.0 are ordered back." in page.text
        assert "0 devices are known to run it." in page.text
        assert (await _confirm(browser, back)).status == 303
        assert site.current("stable") == {"d1": "1.1.0", "d2": "1.0.0"}
        assert (await _confirm(browser, WITHDRAW)).status == 303
        assert site.last()[::2] == ("withdraw", "it hangs")
        assert "Undo the withdrawal" in (await browser.get(PATH + "/1.2.0")).text
        undo = {"action": "undo", "version": "1.2.0", "board": "d1"}
        assert (await _confirm(browser, undo)).status == 303
        assert site.last()[0] == "undo"

    asyncio.run(look())


def test_a_release_is_deleted(tmp_path: Path) -> None:
    site = ProductSite(tmp_path)

    async def look() -> None:
        browser = await site.browser(manage=True)
        assert "Delete…" in (await browser.get(PATH + "/1.1.0")).text
        delete = {"action": "delete", "version": "1.1.0", "reason": "it has a password"}
        page, _ = await _plan(browser, delete)
        assert "1.1.0 → 1.0.0" in page.text
        assert "That frees " in page.text
        assert site.current("stable") == {"d1": "1.1.0", "d2": "1.1.0"}
        assert (await _confirm(browser, {**delete, "reason": ""})).status == 422
        assert (await _confirm(browser, delete)).headers["location"] == PATH + "/1.1.0"
        assert site.current("stable") == {"d1": "1.0.0", "d2": "1.0.0"}
        assert site.last()[::2] == ("delete", "it has a password")
        page = await browser.get(PATH + "/1.1.0")
        assert "Its bytes are gone." in page.text
        assert "Delete…" not in page.text

    asyncio.run(look())


def test_the_bytes_of_old_releases_are_removed(tmp_path: Path) -> None:
    site = ProductSite(tmp_path)
    for version in ("1.3.0", "1.4.0", "1.5.0"):
        put(site.catalog, version, board="d1")
        put(site.catalog, f"{version}-dev", board="d1", channel="dev")

    async def look() -> None:
        browser = await site.browser(manage=True)
        page = await browser.get(f"{FORM}?action=retain")
        assert "There is nothing to do" in page.text
        assert 'value="90d"' in page.text
        for wrong in ({"keep": "many"}, {"keep": "0"}, {"older_than": "old"}):
            page, _ = await _plan(browser, {"action": "retain", **wrong})
            assert page.status == 422, wrong
            assert "server&#39;s log" not in page.text
        retain = {"action": "retain", "keep": "1", "older_than": "0s"}
        page, _ = await _plan(browser, retain)
        assert re.search(r"are removed: .*1\.3\.0[, .]", page.text)
        # As the command does with --channel.
        page, _ = await _plan(browser, {**retain, "channel": "nowhere"})
        assert (page.status, "here is no channel nowhere" in page.text) == (422, True)
        page, _ = await _plan(browser, {**retain, "channel": "dev"})
        assert '<option value="dev" selected>' in page.text
        assert re.findall(r"removed: ([^<]*)<", page.text) == ["1.3.0-dev."]
        assert (await _confirm(browser, {**retain, "channel": "dev"})).status == 303
        page, _ = await _plan(browser, {**retain, "channel": "dev"})
        assert "There is nothing to do" in page.text
        assert (await _confirm(browser, retain)).headers["location"] == PATH
        assert site.last()[0] == "retain"
        page = await browser.get(PATH)
        assert "The bytes of old releases of lamp were removed." in page.text
        assert "retired" in page.text

    asyncio.run(look())


def test_what_was_not_shown_is_not_made(tmp_path: Path) -> None:
    site = ProductSite(tmp_path)

    async def look() -> None:
        browser = await site.browser("lamp", manage=True)
        _, planned = await _plan(browser, PROMOTE)
        put(site.catalog, "1.1.5", board="d1")
        page = await browser.post(FORM, {**PROMOTE, "step": "confirm", "planned": planned})
        assert page.status == 200
        assert "not what you saw before" in page.text
        assert "1.1.5 → 1.2.0" in page.text
        # Nor is what another field would make of it.
        _, planned = await _plan(browser, PROMOTE)
        other = {**PROMOTE, "channel": "other", "step": "confirm", "planned": planned}
        assert "not what you saw before" in (await browser.post(FORM, other)).text
        assert site.last()[0] == "publish"

    asyncio.run(look())


def test_a_promotion_in_stages_says_whom_it_reaches(tmp_path: Path) -> None:
    site = ProductSite(tmp_path)
    policy = Policy.parse("1,100%").to_dict()
    change = RolloutChange(action="policy", channel="stable", policy=policy)
    site.catalog.changes.make("lamp", change)

    async def look() -> None:
        page, _ = await _plan(await site.browser("lamp", manage=True), PROMOTE)
        assert "1.2.0 goes there in stages, for d1." in page.text
        assert "1 → 100%" in page.text

    asyncio.run(look())


def test_the_stages_of_a_promotion_are_about_its_boards(tmp_path: Path) -> None:
    fleet = Asking(tmp_path)
    for board in ("d1", "d2"):
        put(fleet.catalog, "1.0.0", board=board)
        put(fleet.catalog, "1.1.0", board=board, channel="beta")
    fleet.policy("1,100%")

    async def look() -> None:
        for number, board in enumerate(("d1", "d2", "d2", "d2")):
            fleet.ask(number, board=board)
        browser = Browser(fleet_application(fleet))
        await browser.sign_in(create_token(fleet.folder, manage=True, publish="*"))
        for board, reached in (("d1", "1 → 1"), ("d2", "1 → 3")):
            page, _ = await _plan(browser, {**PROMOTE, "version": "1.1.0", "board": board})
            assert f"reach this many devices: {reached}" in page.text

    with fleet.stored():
        asyncio.run(look())


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({**WITHDRAW, "reason": " "}, "No reason is given."),
        ({**WITHDRAW, "reason": "x" * 9000}, "reason"),
        ({**PROMOTE, "version": "1.0.0", "channel": "beta"}, "1.2.0"),
        ({**PROMOTE, "channel": MARKUP}, "&lt;script&gt;"),
        ({**PROMOTE, "board": "none"}, "none"),
        ({"action": "rollback", "channel": "beta", "version": "", "board": "d1"}, "beta"),
        ({"action": "rollback", "channel": "stable", "version": "1.x", "board": "d1"}, "1.x"),
        ({"action": "promote", "version": "1.2.0", "channel": "stable"}, "No board is chosen."),
    ],
)
def test_what_cannot_be_made_is_said_in_the_form(
    tmp_path: Path, fields: dict[str, str], problem: str
) -> None:
    site = ProductSite(tmp_path)

    async def look() -> None:
        browser = await site.browser("*", manage=True)
        page = await _confirm(browser, fields)
        assert page.status == 422
        assert problem in page.text
        assert MARKUP not in page.text
        assert fields.get("reason", "") in page.text
        part = await browser.post(FORM, fields, hx_request="true")
        assert part.status == 200
        assert "<html" not in part.text
        assert site.last()[0] == "publish"

    asyncio.run(look())


@pytest.mark.parametrize(
    ("rights", "fields", "status"),
    [
        ({}, PROMOTE, 303),
        ({"read": True}, PROMOTE, 403),
        ({"manage": True}, PROMOTE, 403),
        ({"publish": "other"}, PROMOTE, 403),
        ({"publish": "lamp", "channels": ["beta"]}, PROMOTE, 403),
        ({"publish": "lamp"}, WITHDRAW, 403),
        ({"read": True}, {"action": "undo", "version": "1.2.0", "board": "d1"}, 403),
        ({"publish": "*"}, {"action": "rollback", "channel": "stable", "board": "d1"}, 403),
        ({"publish": "*"}, {"action": "delete", "version": "1.2.0", "reason": "x"}, 403),
        ({"read": True}, {"action": "retain", "keep": "1", "older_than": "0s"}, 403),
        ({"manage": True}, {"action": "explode", "version": "1.2.0"}, 400),
    ],
)
def test_who_may_not(
    tmp_path: Path, rights: dict[str, object], fields: dict[str, str], status: int
) -> None:
    site = ProductSite(tmp_path)

    async def look() -> None:
        browser = await site.browser(**rights)  # type: ignore[arg-type]
        await browser.get(PATH)
        query = "&".join(f"{name}={value}" for name, value in fields.items() if name != "reason")
        assert (await browser.get(f"{FORM}?{query}")).status == status
        page = await browser.post(FORM, {**fields, "step": "confirm"})
        # Who is not signed in has no form that could be sent.
        assert page.status == (status if rights else 403)
        assert site.last()[0] == "publish"

    asyncio.run(look())


def test_a_form_of_another_browser_is_refused(tmp_path: Path) -> None:
    site = ProductSite(tmp_path)

    async def look() -> None:
        browser = await site.browser("*", manage=True)
        _, planned = await _plan(browser, WITHDRAW)
        sent = {**WITHDRAW, "step": "confirm", "planned": planned}
        assert (await browser.post(FORM, {**sent, "csrf": ""})).status == 403
        assert (await browser.post(FORM, {**sent, "csrf": "0" * 64})).status == 403
        assert (await browser.post(FORM, sent, origin="http://evil.example")).status == 403
        assert site.last()[0] == "publish"

    asyncio.run(look())
