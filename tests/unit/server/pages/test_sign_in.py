"""Who may sign in, how often one may guess, and over which connections."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from acpublish.server.login_links import GUESSES, has_signed_in
from acpublish.server.pages.sign_in import own_path
from acpublish.server.token_file import TokenStore
from tests.support.tokens import create_token
from tests.unit.server.pages.visiting import ELSEWHERE, HERE, Browser, application


async def attempt(browser: Browser, **fields: str) -> int:
    await browser.get("/_/sign-in")
    return (await browser.post("/_/sign-in", fields)).status


@pytest.mark.parametrize(
    ("grant", "address", "scheme", "headers", "options", "status"),
    [
        ({"manage": True}, HERE, "http", {}, {}, 303),
        ({"manage": True}, ELSEWHERE, "http", {}, {}, 403),
        ({"manage": True}, ELSEWHERE, "https", {}, {}, 303),
        ({"manage": True}, ELSEWHERE, "http", {}, {"insecure_login": True}, 303),
        ({"manage": True}, HERE, "http", {"x_forwarded_for": "192.0.2.9"}, {}, 403),
        ({"manage": True}, ELSEWHERE, "http", {"host": "a.b"}, {"hosts": ("https://a.b",)}, 303),
        ({"manage": True}, ELSEWHERE, "http", {"host": "a.b"}, {"hosts": ("a.b",)}, 403),
        ({"read": True}, ELSEWHERE, "http", {}, {}, 303),
        ({"publish": "lamp"}, ELSEWHERE, "http", {}, {}, 303),
    ],
)  # fmt: skip
def test_manage_needs_a_connection_that_nobody_reads(
    tmp_path: Path,
    grant: dict[str, object],
    address: str,
    scheme: str,
    headers: dict[str, str],
    options: dict[str, object],
    status: int,
) -> None:
    async def sent() -> None:
        browser = Browser(application(tmp_path, **options), address, scheme)
        token = create_token(tmp_path / "state", **grant)  # type: ignore[arg-type]
        await browser.get("/_/sign-in", **headers)
        page = await browser.post("/_/sign-in", {"token": token}, **headers)
        assert page.status == status
        assert token not in page.text
        secure = scheme == "https" or options.get("hosts") == ("https://a.b",)
        name = "__Host-acpublish_session=" if secure else "acpublish_session="
        session = [cookie for cookie in page.cookies if cookie.startswith(name)]
        assert len(session) == (status == 303)
        if session:
            assert "HttpOnly" in session[0]
            assert "SameSite=strict" in session[0]
            assert ("Secure" in session[0]) == secure
        assert has_signed_in(tmp_path / "state") == bool(session)

    asyncio.run(sent())


@pytest.mark.parametrize(
    ("scheme", "prefix", "usual"), [("http", "", 80), ("https", "__Host-", 443)]
)
def test_two_servers_on_one_host_sign_nobody_out(
    tmp_path: Path, scheme: str, prefix: str, usual: int
) -> None:
    """A browser sends the cookies of a host to all of its ports."""

    async def sent() -> None:
        browser = Browser(application(tmp_path), scheme=scheme)
        apps = {}
        for host in ("localhost:8001", "localhost:8002", "localhost"):
            folder = tmp_path / host
            folder.mkdir()
            apps[host] = browser.app = application(folder)
            token = create_token(folder / "state", read=True, name="me")
            await browser.get("/_/sign-in", host=host)
            page = await browser.post("/_/sign-in", {"token": token}, host=host)
            assert page.status == 303, host
        assert sorted(browser.cookies) == [
            f"{prefix}acpublish_session{port}" for port in ("", "_8001", "_8002")
        ]
        # The usual port may be written as well.
        for host, app in (*apps.items(), (f"localhost:{usual}", apps["localhost"])):
            browser.app = app
            assert "Sign out" in (await browser.get("/", host=host)).text, host
        browser.app = apps["localhost:8001"]
        await browser.get("/", host="localhost:8001")
        await browser.post("/_/sign-out", host="localhost:8001")
        assert "Sign out" not in (await browser.get("/", host="localhost:8001")).text
        browser.app = apps["localhost:8002"]
        assert "Sign out" in (await browser.get("/", host="localhost:8002")).text

    asyncio.run(sent())


def test_a_link_works_once_and_is_not_used_up_by_a_refusal(tmp_path: Path) -> None:
    async def sent() -> None:
        app = application(tmp_path)
        secret = app.site.links.new().partition("#")[2]
        assert await attempt(Browser(app, ELSEWHERE), link=secret) == 403
        browser = Browser(app)
        assert await attempt(browser, link=secret) == 303
        assert "this machine" in (await browser.get("/")).text
        assert await attempt(Browser(app), link=secret) == 401

    asyncio.run(sent())


def test_a_link_can_be_used_by_whoever_is_signed_in_and_pasted(tmp_path: Path) -> None:
    async def sent() -> None:
        app = application(tmp_path)
        browser = Browser(app)
        await browser.sign_in(create_token(tmp_path / "state", read=True, name="reader"))
        page = await browser.get("/_/sign-in")
        assert (page.status, "You are signed in as reader." in page.text) == (200, True)
        assert (await browser.get("/_/sign-in?next=/_/parts")).headers["location"] == "/_/parts"
        before = browser.cookies["acpublish_session"]
        link = f"http://localhost{app.site.links.new()}"
        # Without a script, the whole link is typed where a token is expected.
        assert (await browser.post("/_/sign-in", {"token": link})).status == 303
        assert "this machine" in (await browser.get("/")).text
        browser.cookies["acpublish_session"] = before
        assert "Sign out" not in (await browser.get("/")).text

    asyncio.run(sent())


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_link_ends_with_the_token_that_created_it(tmp_path: Path, when: str) -> None:
    async def sent() -> None:
        state, app = tmp_path / "state", application(tmp_path)
        text = create_token(state, manage=True, name="admin")
        authorization = {"authorization": f"Bearer {text}", "accept": "application/json"}
        answer = await Browser(app).send("POST", "/api/v1/login-links", **authorization)
        secret = json.loads(answer.text)["path"].partition("#")[2]
        browser = Browser(app)
        if when == "before":
            TokenStore(state).revoke("admin")
        assert await attempt(browser, link=secret) == (401 if when == "before" else 303)
        assert ("Sign out" in (await browser.get("/")).text) == (when == "after")
        if when == "after":
            assert "this machine" not in (await browser.get("/_/settings/sessions")).text
            TokenStore(state).revoke("admin")
            assert "Sign out" not in (await browser.get("/")).text

    asyncio.run(sent())


def test_guesses_are_throttled(tmp_path: Path) -> None:
    async def guessed() -> None:
        app = application(tmp_path)
        token = create_token(tmp_path / "state", read=True)
        guesser = Browser(app, ELSEWHERE)
        for _ in range(GUESSES):
            assert await attempt(guesser, token="acp_wrong") == 401
        page = await guesser.post("/_/sign-in", {"token": token})
        assert page.status == 429
        assert 0 < int(page.headers["retry-after"]) <= 60
        # Others are not kept out by that, nor is whoever is behind the same proxy and has a link.
        assert await attempt(Browser(app), token=token) == 303
        near = Browser(app, ELSEWHERE, "https")
        assert await attempt(near, link="wrong") == 429
        assert await attempt(near, link=app.site.links.new().partition("#")[2]) == 303

    asyncio.run(guessed())


@pytest.mark.parametrize(
    ("address", "scheme", "options", "refused"),
    [
        (HERE, "http", {}, False),
        (ELSEWHERE, "http", {}, True),
        (ELSEWHERE, "https", {}, False),
        (ELSEWHERE, "http", {"insecure_login": True}, False),
    ],
)
def test_where_a_link_would_be_refused_the_page_says_what_works(
    tmp_path: Path, address: str, scheme: str, options: dict[str, bool], refused: bool
) -> None:
    async def sent() -> None:
        app = application(tmp_path, **options)
        page = await Browser(app, address, scheme).get("/_/sign-in")
        assert "acpublish login-link" in page.text
        assert ("This page refuses such a link" in page.text) == refused
        secret = app.site.links.new().partition("#")[2]
        assert (await attempt(Browser(app, address, scheme), link=secret) == 403) == refused

    asyncio.run(sent())


@pytest.mark.parametrize("end", ["revoked", "rotated", "expired", "signed out"])
def test_what_ends_a_session(tmp_path: Path, end: str) -> None:
    async def ended() -> None:
        state = tmp_path / "state"
        browser = Browser(application(tmp_path))
        await browser.sign_in(create_token(state, manage=True, name="me", lifetime=timedelta(1)))
        cookie = browser.cookies["acpublish_session"]
        assert "me" in (await browser.get("/")).text
        if end == "revoked":
            TokenStore(state).revoke("me")
        elif end == "rotated":
            TokenStore(state).rotate("me", timedelta(0))
        elif end == "expired":
            path = state / "tokens.json"
            text = path.read_text()
            expires = TokenStore(state).all()[0].expires
            assert expires is not None
            path.write_text(text.replace(expires, "2020-01-01T00:00:00Z"))
        else:
            await browser.post("/_/sign-out")
        browser.cookies["acpublish_session"] = cookie
        assert "Sign out" not in (await browser.get("/")).text

    asyncio.run(ended())


def test_the_token_of_commands_is_for_them_alone(tmp_path: Path) -> None:
    async def sent() -> int:
        app = application(tmp_path)
        app.site.tokens.of_commands = "acp_of_commands"
        return await attempt(Browser(app), token="acp_of_commands")

    assert asyncio.run(sent()) == 401


def test_tokens_that_cannot_be_read(tmp_path: Path) -> None:
    async def sent() -> None:
        browser = Browser(application(tmp_path))
        await browser.sign_in(create_token(tmp_path / "state", manage=True))
        (tmp_path / "state/tokens.json").write_text("{")
        assert "Sign out" not in (await browser.get("/_/sign-in")).text
        browser.cookies.clear()
        await browser.get("/_/sign-in")
        page = await browser.post("/_/sign-in", {"token": "x"})
        assert page.status == 503
        assert str(tmp_path) not in page.text

    asyncio.run(sent())


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("/_/parts", "/_/parts"),
        ("/_/parts?a=b", "/_/parts?a=b"),
        ("", "/"),
        ("/lamp", "/"),
        ("//evil.example/_/", "/"),
        ("https://evil.example/_/", "/"),
        ("/_/\\evil", "/"),
        ("/_/a\r\nset-cookie: x=y", "/"),
    ],
)
def test_it_leads_only_to_own_pages(path: str, leads_to: str) -> None:
    assert own_path(path) == leads_to


def test_it_leads_back(tmp_path: Path) -> None:
    async def sent() -> str:
        browser = Browser(application(tmp_path))
        await browser.get("/_/sign-in?next=%2F_%2Fparts")
        fields = {"token": create_token(tmp_path / "state", read=True), "next": "/_/parts"}
        return (await browser.post("/_/sign-in", fields)).headers["location"]

    assert asyncio.run(sent()) == "/_/parts"
