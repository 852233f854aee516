"""Who is signed in, and how others end a session."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from acpublish.server.pages.sessions import Once
from tests.unit.server.pages.settings_site import manager, reader
from tests.unit.server.pages.visiting import ELSEWHERE, Browser, application

PATH = "/_/settings/sessions"
_END = re.compile(r'action="(/_/settings/sessions/[0-9a-f]{16}/end)"')


def test_a_session_is_listed_and_ended(tmp_path: Path) -> None:
    async def ended() -> None:
        app = application(tmp_path, insecure_login=True)
        browser, other = await manager(app), await reader(app)
        link = Browser(app, ELSEWHERE)
        await link.get("/_/sign-in")
        await link.post("/_/sign-in", {"link": app.site.links.new().partition("#")[2]})
        page = await browser.get(PATH)
        assert page.text.count("<tr>") == 4
        assert "this machine" in page.text
        assert ELSEWHERE in page.text
        assert "this browser" in page.text
        for cookie in (other.cookies | link.cookies).values():
            assert cookie not in page.text
        theirs = (await other.get(PATH)).text
        assert theirs.count("<tr>") == 2
        assert not _END.search(theirs)
        for path in _END.findall(page.text):
            assert (await browser.post(path)).status == 303
            assert (await browser.post(path)).status == 404
        for gone in (other, link):
            assert (await gone.get(PATH)).headers["location"].startswith("/_/sign-in")
        assert (await browser.get(PATH)).status == 200

    asyncio.run(ended())


def test_a_secret_is_for_one_page_of_one_session(tmp_path: Path) -> None:
    async def shown() -> None:
        app = application(tmp_path)
        browser, other = await manager(app), await reader(app)
        session = next(row.session for row in app.site.sessions.all() if row.token.name == "me")
        session.once = Once(PATH, "A secret", "hush-hush", "")
        assert "hush-hush" not in repr(session)
        assert "hush-hush" not in (await browser.get("/_/settings")).text
        assert "hush-hush" not in (await other.get(PATH)).text
        assert "hush-hush" in (await browser.get(PATH)).text
        assert "hush-hush" not in (await browser.get(PATH)).text

    asyncio.run(shown())
