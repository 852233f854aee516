"""Tokens on the page: created, shown once, rotated and revoked as by the command."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from acpublish.server.pages.sessions import Session
from acpublish.server.pages.visits import Visit
from acpublish.server.token_file import TokenStore
from tests.support.tokens import create_token
from tests.unit.server.pages.settings_site import manager, reader
from tests.unit.server.pages.visiting import Browser, application

PATH = "/_/settings/tokens"
_SECRET = re.compile(r"acp_[\w-]{43}")


def test_a_token_is_shown_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def created() -> None:
        app = application(tmp_path)
        browser = await manager(app)
        await browser.get(PATH)
        fields = {
            "name": "ci",
            "publish": "lamp*",
            "channels": "beta, nightly",
            "expires": "30d",
            "read": "yes",
        }
        assert (await browser.post(f"{PATH}/create", fields)).headers["location"] == PATH
        # A page of another section does not use it up.
        assert not _SECRET.search((await browser.get("/_/settings/sessions")).text)
        (secret,) = _SECRET.findall((await browser.get(PATH)).text)
        assert not _SECRET.search((await browser.get(PATH)).text)
        token = app.site.tokens.find(secret)
        assert token is not None
        assert token.grant.scopes == ("publish:lamp*", "read")
        assert token.grant.channels == ("beta", "nightly")
        assert token.lifetime is not None
        assert token.lifetime.days == 30
        assert secret not in caplog.text

    asyncio.run(created())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "Choose Read or Manage"),
        ({"read": "yes", "expires": "soon"}, "is not a duration"),
        ({"read": "yes", "channels": "beta"}, "Name the products that it may publish as well"),
        ({"publish": "La mp"}, "La mp"),
        ({"read": "yes", "name": "x" * 100}, "the name"),
    ],
)
def test_what_is_wrong_is_beside_the_form(
    tmp_path: Path, fields: dict[str, str], words: str
) -> None:
    async def refused() -> None:
        browser = await manager(application(tmp_path))
        await browser.get(PATH)
        page = await browser.post(f"{PATH}/create", {"name": "kept", **fields})
        assert page.status in (400, 422)
        assert words in page.text.lower() or words in page.text
        assert page.text.index('action="/_/settings/tokens/create"') < page.text.index("note-bad")
        if "name" not in fields:
            assert 'value="kept"' in page.text

    asyncio.run(refused())


def test_a_token_is_rotated(tmp_path: Path) -> None:
    async def rotated() -> None:
        app = application(tmp_path)
        old = create_token(tmp_path / "state", read=True, name="ci")
        browser = await manager(app)
        await browser.get(PATH)
        id_ = next(info.id for info in TokenStore(tmp_path / "state").all() if info.name == "ci")
        assert (await browser.post(f"{PATH}/{id_}/rotate", {"grace": "x"})).status == 400
        assert (await browser.post(f"{PATH}/{id_}/rotate", {"grace": "0s"})).status == 303
        (new,) = _SECRET.findall((await browser.get(PATH)).text)
        assert app.site.tokens.find(old) is None
        assert app.site.tokens.find(new) is not None
        assert (await browser.post(f"{PATH}/{id_}/rotate", {"grace": "0s"})).status in (404, 409)

    asyncio.run(rotated())


def test_a_session_ends_at_once_with_its_token(tmp_path: Path) -> None:
    async def revoked() -> None:
        app = application(tmp_path)
        browser, other = await manager(app), await reader(app)
        stream = app.site.live.stream("server", lambda: None, _still(other))
        assert await anext(stream) == b"retry: 5000\n\n"
        id_ = next(info.id for info in TokenStore(tmp_path / "state").all() if info.name != "me")
        await browser.get(PATH)
        assert (await browser.post(f"{PATH}/{id_}/revoke")).status == 303
        events = [event async for event in stream]
        assert events[-1].startswith(b"event: ended\n")
        assert (await other.get("/_/settings")).headers["location"].startswith("/_/sign-in")
        assert [row.token.name for row in app.site.sessions.all()] == ["me"]
        assert (await browser.post(f"{PATH}/{id_}/revoke")).status == 404

    asyncio.run(revoked())


def _still(browser: Browser) -> Session:
    sessions = browser.app.site.sessions
    found = sessions.find(browser.cookies["acpublish_session"])
    assert found is not None
    return lambda: sessions.still(found[0]) is not None  # type: ignore[return-value]


def test_whoever_revokes_the_own_token_is_signed_out(tmp_path: Path) -> None:
    async def revoked() -> None:
        browser = await manager(application(tmp_path))
        await browser.get(PATH)
        id_ = TokenStore(tmp_path / "state").all()[0].id
        assert (await browser.post(f"{PATH}/{id_}/revoke")).status == 303
        assert (await browser.get(PATH)).headers["location"].startswith("/_/sign-in")

    asyncio.run(revoked())


def test_a_token_that_was_revoked_meanwhile_creates_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the first look and the lock, somebody may revoke it."""
    need = Visit.need

    async def sent() -> None:
        browser = await manager(application(tmp_path))
        await browser.get(PATH)

        def need_and_revoke(visit: Visit, *given: object) -> object:
            token = need(visit, *given)  # type: ignore[arg-type]
            TokenStore(tmp_path / "state").revoke(token.id)
            return token

        monkeypatch.setattr(Visit, "need", need_and_revoke)
        page = await browser.post(f"{PATH}/create", {"manage": "yes"})
        assert page.headers["location"] == "/_/sign-in"
        assert TokenStore(tmp_path / "state").all() == ()

    asyncio.run(sent())
