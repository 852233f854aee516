"""Forms are taken only from this browser's own page; who asks, and what they get."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acpublish.server.pages.visits import Visit
from acpublish.server.token_file import TokenStore
from acpublish.server.tokens import Scope
from tests.support.tokens import create_token
from tests.unit.server.pages.visiting import ELSEWHERE, Browser, application

FORMS = (
    *("/_/sign-in", "/_/sign-out", "/_/parts"),
    *("/_/upload/check", "/_/upload/publish", "/_/upload/remove"),
)


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("signed_in", [False, True])
def test_each_form_needs_its_csrf_token(tmp_path: Path, path: str, signed_in: bool) -> None:
    async def refused() -> None:
        browser = Browser(application(tmp_path))
        if signed_in:
            await browser.sign_in(create_token(tmp_path / "state", manage=True))
        await browser.get("/_/parts")
        for wrong in ("", "0" * 64, "é", browser.csrf[:-1]):
            page = await browser.post(path, {"csrf": wrong})
            assert page.status == 403, wrong
            assert "not one of this browser" in page.text
        other = Browser(browser.app)
        await other.get("/_/parts")
        assert (await browser.post(path, {"csrf": other.csrf})).status == 403

    asyncio.run(refused())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"sec_fetch_site": "same-origin"}, 303),
        ({"sec_fetch_site": "none"}, 303),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"origin": "http://localhost"}, 303),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://localhost:81"}, 403),
        ({"origin": "null"}, 403),
        # A proxy may have another Host; the browser knows better.
        ({"origin": "https://page.example", "sec_fetch_site": "same-origin"}, 303),
    ],
)
def test_a_form_comes_from_the_own_page(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    async def sent() -> int:
        browser = Browser(application(tmp_path))
        await browser.get("/_/parts")
        return (await browser.post("/_/parts", {"name": "x"}, **headers)).status

    assert asyncio.run(sent()) == status


def test_a_notice_is_shown_once_and_escaped(tmp_path: Path) -> None:
    async def shown() -> None:
        browser = Browser(application(tmp_path))
        await browser.sign_in(create_token(tmp_path / "state", manage=True, name="<b>me</b>"))
        await browser.get("/_/parts")
        await browser.post("/_/parts", {"name": "<script>alert(1)</script>\x1b[1m"})
        page = await browser.get("/")
        assert "&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[1m" in page.text
        assert "&lt;b&gt;me&lt;/b&gt;" in page.text
        assert "alert(1)" not in (await browser.get("/")).text

    asyncio.run(shown())


def test_a_change_is_checked_again_before_it_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_visits: list[Visit] = []
    made = Visit.__init__

    def remember(visit: Visit, *given: object) -> None:
        made(visit, *given)  # type: ignore[arg-type]
        made_visits.append(visit)

    async def checked() -> None:
        browser = Browser(application(tmp_path))
        await browser.sign_in(create_token(tmp_path / "state", "lamp*", name="me"))
        monkeypatch.setattr(Visit, "__init__", remember)
        await browser.get("/")
        visit = made_visits[0]
        assert visit.check(Scope.PUBLISH, "lamp-2").name == "me"
        assert not visit.may("publish", "door")
        assert not visit.may("manage")
        assert visit.publishes
        TokenStore(tmp_path / "state").revoke("me")
        with pytest.raises(Exception, match="only for who is signed in"):
            visit.check(Scope.PUBLISH, "lamp-2")

    asyncio.run(checked())


@pytest.mark.parametrize(
    ("address", "headers", "is_local"),
    [
        ("127.0.0.1", {}, True),
        ("::1", {}, True),
        ("192.0.2.1", {}, True),
        (ELSEWHERE, {}, False),
        ("127.0.0.1", {"x_forwarded_for": ELSEWHERE}, False),
        ("127.0.0.1", {"forwarded": "for=192.0.2.7"}, False),
        ("127.0.0.1", {"x_forwarded_host": "updates.example"}, False),
        # A proxy on this machine that adds nothing, but sends the name on.
        ("127.0.0.1", {"host": "updates.example"}, False),
    ],
)
def test_who_is_on_this_machine(
    tmp_path: Path, address: str, headers: dict[str, str], is_local: bool
) -> None:
    """The folder of the state is shown on this machine alone."""
    app = application(tmp_path, hosts=("updates.example",))
    page = asyncio.run(Browser(app, address).get("/", **headers))
    assert page.status == 200
    assert (str(tmp_path / "state") in page.text) == is_local
