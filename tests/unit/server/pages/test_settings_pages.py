"""All sections of the settings: who sees them, and that nothing in a form runs or is believed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acpublish.server.pages.page_app import create_pages
from acpublish.server.pages.settings_sections import SECTIONS
from acpublish.server.tokens import Scope
from tests.unit.server.pages.settings_site import HOSTILE, manager, published, reader
from tests.unit.server.pages.visiting import Browser, application

CHANNEL = "/_/settings/policies/channel"
#: Each form with its fields.
FORMS = {
    "/_/settings/tokens/create": ("name", "publish", "channels", "expires", "read"),
    "/_/settings/tokens/x/rotate": ("grace",),
    "/_/settings/tokens/x/revoke": (),
    f"{CHANNEL}/set": (
        ("product", "channel", "stages", "soak", "halt", "on_halt", "window", "reason")
    ),
    f"{CHANNEL}/clear": ("product", "channel", "reason"),
    "/_/settings/device-access/credentials": ("product", "user", "password"),
    "/_/settings/device-access/credentials/revoke": ("product", "user"),
    "/_/settings/device-access/paths": ("products", "name"),
    "/_/settings/device-access/paths/x/revoke": (),
    "/_/settings/webhooks/add": ("url", "format", "token", "event"),
    "/_/settings/webhooks/x/test": (),
    "/_/settings/webhooks/x/retry": (),
    "/_/settings/webhooks/x/remove": (),
    "/_/settings/sessions/x/end": (),
}


def test_the_table_has_each_form(tmp_path: Path) -> None:
    app = application(tmp_path)
    create_pages(app.site)
    from acpublish.server.pages.settings_pages import settings_routes

    posts = {route.path for route in settings_routes(app.site) if "POST" in (route.methods or ())}
    assert {path.replace("{id}", "x") for path in posts} == set(FORMS)


def test_each_form_is_only_for_who_may_manage(tmp_path: Path) -> None:
    async def sent() -> None:
        app = published(tmp_path)
        visitor, only_reads, browser = Browser(app), await reader(app), await manager(app)
        await visitor.get("/_/sign-in")
        await browser.get("/_/settings/tokens")
        for path in FORMS:
            page = await visitor.post(path)
            assert (page.status, page.headers["location"]) == (303, "/_/sign-in")
            assert (await only_reads.post(path)).status == 403
            for wrong in ("", "0" * 64):
                page = await browser.post(path, {"csrf": wrong})
                assert (page.status, "not one of this browser" in page.text) == (403, True)

    asyncio.run(sent())


@pytest.mark.parametrize("text", [HOSTILE, "\x00\x1b[31m\u202e", "x" * 3000, ""])
def test_nothing_that_is_sent_runs_or_fails(tmp_path: Path, text: str) -> None:
    async def sent() -> None:
        app = published(tmp_path)
        browser = await manager(app)
        await browser.get("/_/settings/tokens")
        known = {"product": "lamp", "channel": "stable", "url": "http://127.0.0.1:9/"}
        pages = []
        for path, names in FORMS.items():
            fields = dict.fromkeys(names, text)
            pages += [await browser.post(path, fields), await browser.post(path, fields | known)]
        pages += [await browser.get(section.path) for section in SECTIONS]
        for page in pages:
            assert page.status in (200, 303, 400, 401, 404, 409, 422), page
            assert "<script>" not in page.text
            assert "\x1b" not in page.text
            assert "\u202e" not in page.text

    asyncio.run(sent())


def test_who_sees_a_section(tmp_path: Path) -> None:
    async def shown() -> None:
        app = published(tmp_path)
        visitor, only_reads, browser = Browser(app), await reader(app), await manager(app)
        for path, _, needs in SECTIONS:
            assert (await visitor.get(path)).status == (200 if needs is None else 303)
            read = await only_reads.get(path)
            assert read.status == (403 if needs is Scope.MANAGE else 200)
            assert str(tmp_path) not in read.text
            if read.status == 200:
                assert 'href="/_/settings/tokens"' not in read.text
                # Only to sign out.
                assert read.text.count('method="post"') <= 2
            page = await browser.get(path)
            assert (page.status, 'aria-current="page"' in page.text) == (200, True)

    asyncio.run(shown())
