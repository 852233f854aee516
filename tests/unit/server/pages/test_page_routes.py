"""Who gets a page, who waits, and how an error looks to htmx."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acpublish.server.pages import page_routes
from acpublish.server.pages.page_site import PARALLEL_PAGES
from tests.support.tokens import create_token
from tests.unit.server.pages.visiting import Browser, application


def test_the_header_of_htmx_is_as_good(tmp_path: Path) -> None:
    async def sent() -> tuple[int, str]:
        browser = Browser(application(tmp_path))
        await browser.get("/_/parts")
        headers = {"x_csrf_token": browser.csrf, "hx_request": "true"}
        page = await browser.post("/_/parts", {"csrf": ""}, **headers)
        refused = await browser.post("/_/parts", {"csrf": ""}, hx_request="true")
        assert refused.status == 403
        assert refused.headers["hx-retarget"] == "#notices"
        assert "<html" not in refused.text
        return page.status, page.headers["hx-redirect"]

    assert asyncio.run(sent()) == (200, "/_/parts")


def test_strangers_are_made_few_pages_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_routes, "MAX_STRANGERS", 3)

    async def opened() -> None:
        app = application(tmp_path)
        own = Browser(app)
        await own.sign_in(create_token(tmp_path / "state", read=True))
        # Each waits for one of these.
        for _ in range(PARALLEL_PAGES):
            await app.site.threads.acquire()
        waiting = [asyncio.create_task(Browser(app).get("/_/products")) for _ in range(3)]
        signed_in = asyncio.create_task(own.get("/_/products"))
        while app.site.strangers < 3:
            await asyncio.sleep(0)
        late = await Browser(app).get("/_/products")
        assert (late.status, late.headers["retry-after"]) == (503, "5")
        for _ in range(PARALLEL_PAGES):
            app.site.threads.release()
        assert {page.status for page in await asyncio.gather(*waiting, signed_in)} == {200}
        assert app.site.strangers == 0
        assert (await Browser(app).get("/_/products")).status == 200

    asyncio.run(opened())
