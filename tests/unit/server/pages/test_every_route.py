"""Every page and every form that there is: without a session, and without its CSRF token."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from acpublish.server.pages.page_app import PAGES
from acpublish.server.pages.page_site import PageSite
from tests.unit.server.pages.known_devices import known_devices
from tests.unit.server.pages.visiting import Browser, Page

UPLOAD = "/_/upload/files"
#: It needs to know what for.
FORM = "/_/products/lamp/change"
#: What anyone may open; each other page leads to the form to sign in.
PUBLIC = {
    "/",
    "/_/sign-in",
    "/_/parts",
    "/_/products",
    "/_/products/lamp",
    "/_/products/lamp/history",
    "/_/products/lamp/1.1.0",
    "/_/settings/policies",
}
_VALUES = {"product": "lamp", "version": "1.1.0", "device": "lamp/24:0a:c4:00:00:03"}


def paths_of(site: PageSite, verb: str) -> list[str]:
    """Returns the addresses of all routes of the pages, with what there is in their braces."""
    routes = [route for page in PAGES for route in page(site) if verb in (route.methods or ())]
    return [
        re.sub(r"\{(\w+)(?::\w+)?\}", lambda part: _VALUES.get(part[1], "x"), route.path)
        for route in routes
    ]


async def sent(browser: Browser, path: str, csrf: str) -> Page:
    """Sends a form that has nothing but a CSRF token."""
    if path == UPLOAD:
        return await browser.upload(path, {"a.bin": b"x"}, csrf=csrf)
    return await browser.post(path, {"csrf": csrf})


def test_every_form_needs_its_csrf_token(tmp_path: Path) -> None:
    with known_devices(tmp_path, 3) as known:
        forms = paths_of(known.app.site, "POST")

        async def refused() -> None:
            own, other = await known.signed_in(), await known.signed_in()
            by_link = Browser(known.app)
            secret = known.app.site.links.new().partition("#")[2]
            await by_link.get("/_/sign-in")
            assert (await by_link.post("/_/sign-in", {"link": secret})).status == 303
            await other.get("/_/parts")
            for path in forms:
                for csrf in ("", "0" * 64, other.csrf):
                    page = await sent(by_link, path, csrf)
                    assert page.status == 403, (path, csrf, page.text)
                    assert "not one of this browser" in page.text, path
            # With the right token, none of them says so; that for signing out ends the session.
            await own.get("/_/parts")
            for path in sorted(forms, key="/_/sign-out".__eq__):
                assert "not one of this browser" not in (await sent(own, path, own.csrf)).text, path

        assert len(forms) > 20
        asyncio.run(refused())


def test_every_page_shows_a_stranger_only_what_anyone_may_see(tmp_path: Path) -> None:
    with known_devices(tmp_path, 3) as known:
        # A stream has no end; its topics say who may watch.
        pages = set(paths_of(known.app.site, "GET")) - {"/_/live"}

        async def opened() -> None:
            seen = set()
            for path in pages:
                page = await Browser(known.app).get(path)
                assert "24:0a:c4:00:00:03" not in page.text, path
                if page.status == 303:
                    assert page.headers["location"].startswith("/_/sign-in"), path
                elif path != FORM:
                    assert page.status == 200, (path, page.text)
                    seen.add(path)
            assert seen == PUBLIC

        asyncio.run(opened())
