"""Signing in and out in a real browser: by token, by link, and what ends a session."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

from acpublish.server.token_file import TokenStore
from tests.support.browser import Watched
from tests.support.page_site import PageServer
from tests.support.tokens import create_token

Opened = Callable[..., Watched]


def login_link(served: PageServer) -> str:
    """Returns a link, as the command prints it."""
    command = [sys.executable, "-m", "acpublish", "login-link", "--state", str(served.site.state)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "within 10 minutes" in done.stderr
    return done.stdout.strip()


def test_sign_in_by_token_and_out(watch: Opened, fleet_server: PageServer) -> None:
    watched = watch(fleet_server.server)
    page = watched.go("/")
    assert page.get_by_role("heading", name="Overview").is_visible()
    assert "Devices" not in page.locator("main").inner_text()
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Token").fill("acp_wrong")
    page.get_by_role("button", name="Sign in").click()
    assert "does not know this token" in page.get_by_role("alert").inner_text()
    page.get_by_label("Token").fill(fleet_server.token)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()
    assert page.url == f"{fleet_server.server.url}/"
    assert page.get_by_text("admin").is_visible()
    assert page.locator(".tile", has_text="Devices").locator(".tile-figure").inner_text() == "12"
    cookies = {cookie["name"]: cookie for cookie in watched.context.cookies()}
    name = f"acpublish_session_{fleet_server.server.url.rpartition(':')[2]}"
    assert cookies[name]["httpOnly"]
    assert cookies[name]["sameSite"] == "Strict"
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="Sign in").wait_for()
    assert name not in {cookie["name"] for cookie in watched.context.cookies()}


def test_sign_in_by_link_works_once(watch: Opened, fleet_server: PageServer) -> None:
    link = login_link(fleet_server)
    watched = watch(fleet_server.server)
    watched.page.goto(link)
    watched.page.get_by_role("button", name="Sign out").wait_for()
    assert watched.page.get_by_text("this machine").is_visible()
    secret = link.partition("#")[2]
    assert len(secret) > 40
    assert secret not in watched.page.url
    assert secret not in fleet_server.server.log_so_far()
    other = watch(fleet_server.server)
    other.page.goto(link)
    other.page.get_by_role("alert").wait_for()
    assert "used already" in other.page.get_by_role("alert").inner_text()
    assert json.loads((fleet_server.site.state / "signed-in.json").read_text())["first"]


def test_a_session_ends_with_its_token(watch: Opened, fleet_server: PageServer) -> None:
    state = fleet_server.site.state
    watched = watch(fleet_server.server)
    page = watched.sign_in(create_token(state, manage=True, name="short-lived"))
    TokenStore(state).revoke("short-lived")
    page.reload()
    page.get_by_role("link", name="Sign in").wait_for()
    assert "Devices" not in page.locator("main").inner_text()


def test_a_link_on_another_site_finds_whoever_is_signed_in(
    watch: Opened, fleet_server: PageServer
) -> None:
    watched = watch(fleet_server.server)
    page = watched.sign_in(fleet_server.token)
    # To a browser, this is another site, whose links lead here without the session's cookie.
    here, other = "127.0.0.1", "localhost"
    page.goto(page.url.replace(here, other))
    page.locator("a.brand").evaluate(
        "(link, href) => { link.href = href }", f"{fleet_server.server.url}/_/devices?q=24"
    )
    page.locator("a.brand").click()
    page.get_by_role("heading", name="Devices", level=1).wait_for()
    assert page.url == f"{fleet_server.server.url}/_/devices?q=24"
    watched.elsewhere.clear()


def test_the_parts(watch: Opened, fleet_server: PageServer) -> None:
    watched = watch(fleet_server.server)
    page = watched.go("/_/parts")
    assert page.locator("script:not([src])").count() == 0
    assert "\\x1b[31m\\u202ered" in page.locator("dl.facts").inner_text()
    page.get_by_role("button", name="Withdraw…").click()
    page.get_by_role("dialog").wait_for()
    assert watched.problems() == []
    page.get_by_role("button", name="Cancel").click()
    assert page.get_by_role("dialog").count() == 0
    page.get_by_role("button", name="Switch between light and dark").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.reload()
    assert page.locator("html").get_attribute("data-theme") == "dark"


def test_what_asks_back_needs_no_javascript(watch: Opened, fleet_server: PageServer) -> None:
    state = fleet_server.site.state
    create_token(state, read=True, name="superfluous")
    watched = watch(fleet_server.server, java_script_enabled=False)
    page = watched.sign_in(fleet_server.token)
    watched.go("/_/settings/tokens")
    row = page.locator("tr", has=page.get_by_role("rowheader", name="superfluous"))
    assert row.get_by_role("button", name="Revoke…").count() == 0
    assert row.get_by_role("button", name="Cancel").count() == 0
    row.get_by_role("button", name="Revoke it").click()
    page.get_by_text("The token superfluous was revoked.").wait_for()
    watched.go("/_/products/lamp")
    assert page.locator("dialog:visible").count() == 0


def test_pages_can_be_read_without_javascript(watch: Opened, fleet_server: PageServer) -> None:
    watched = watch(fleet_server.server, java_script_enabled=False)
    page = watched.sign_in(fleet_server.token)
    assert page.get_by_role("heading", name="Newest releases").is_visible()
    assert "UTC" in page.locator("table time").first.inner_text()
    assert page.get_by_role("button", name="Switch between light and dark").count() == 0
