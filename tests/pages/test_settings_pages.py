"""The settings in a real browser: secrets shown once, confirmations, and what ends a session."""

from __future__ import annotations

import time
from collections.abc import Callable

from acpublish.fleet.fleet_events import FleetEvent
from acpublish.notices.webhook_file import WebhookFile, new_webhook
from acpublish.notices.webhook_queue import WebhookQueue, queue_path
from acpublish.server.device_access_file import DeviceAccessStore
from acpublish.server.pages.settings_sections import ROWS
from acpublish.server.token_file import TokenStore
from tests.support.browser import Watched
from tests.support.page_site import PageServer
from tests.support.receiver import receiving
from tests.support.tokens import create_token

Opened = Callable[..., Watched]
LONG = "a-very-long-name-of-a-token-for-the-machine-that-publishes-01234"
HOSTILE = "<img src=x onerror=alert(1)>"


def test_a_token_is_created_rotated_and_revoked(watch: Opened, fleet_server: PageServer) -> None:
    watched = watch(fleet_server.server)
    page = watched.sign_in(fleet_server.token)
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="Tokens").click()
    page.get_by_label("Name", exact=True).fill(HOSTILE)
    page.get_by_label("Expires after").fill("soon")
    page.get_by_label("Read", exact=True).check()
    page.get_by_role("button", name="Create the token").click()
    assert "is not a duration" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Name", exact=True).input_value() == HOSTILE
    page.get_by_label("Expires after").fill("30d")
    page.get_by_role("button", name="Create the token").click()
    secret = page.locator(".once code").inner_text()
    assert secret.startswith("acp_")
    assert HOSTILE in page.locator(".once h2").inner_text()
    watched.check()
    page.reload()
    assert page.locator(".once").count() == 0
    other = watch(fleet_server.server)
    assert HOSTILE in other.sign_in(secret).locator("header").inner_text()
    row = page.locator("tr", has_text=HOSTILE)
    row.get_by_role("button", name="Rotate…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Accept the old one for").fill("0s")
    dialog.get_by_role("button", name="Replace it").click()
    assert page.locator(".once code").inner_text() not in ("", secret)
    # Its stream has ended, so the page loads itself again.
    other.page.get_by_role("link", name="Sign in").wait_for()
    assert secret not in fleet_server.server.log_so_far()


def test_a_token_is_revoked_while_its_session_is_open(
    watch: Opened, fleet_server: PageServer
) -> None:
    token = create_token(fleet_server.site.state, manage=True, name="visitor")
    theirs = watch(fleet_server.server)
    theirs.sign_in(token)
    open_page = theirs.go("/_/settings/tokens")
    stream = theirs.context.new_page()
    stream.goto(f"{fleet_server.server.url}/_/settings")

    watched = watch(fleet_server.server)
    watched.sign_in(fleet_server.token)
    page = watched.go("/_/settings/sessions")
    assert page.locator("tr", has_text="visitor").count() == 1
    page = watched.go("/_/settings/tokens")
    page.locator("tr", has_text="visitor").get_by_role("button", name="Revoke…").click()
    dialog = page.get_by_role("dialog")
    assert "signed out" in dialog.inner_text()
    dialog.get_by_role("button", name="Revoke it").click()
    page.get_by_text("The token visitor was revoked.").wait_for()
    page = watched.go("/_/settings/sessions")
    assert page.locator("tr", has_text="visitor").count() == 0

    # What is open there can do nothing any more, neither a form nor a link.
    open_page.get_by_label("Name", exact=True).fill("by-the-revoked")
    open_page.get_by_label("Manage", exact=True).check()
    open_page.get_by_role("button", name="Create the token").click()
    open_page.get_by_label("Token").wait_for()
    names = {info.name for info in TokenStore(fleet_server.site.state).all()}
    assert "by-the-revoked" not in names
    assert theirs.go("/_/settings/tokens").get_by_label("Token").is_visible()
    # The page that was watched live asks again, and gets nothing.
    stream.wait_for_url("**/_/sign-in**")


def test_who_may_only_read(watch: Opened, fleet_server: PageServer) -> None:
    watched = watch(fleet_server.server)
    watched.sign_in(create_token(fleet_server.site.state, read=True, name="reader"))
    page = watched.go("/_/settings")
    tiles = page.locator(".tiles").first.inner_text().split("\n")
    assert tiles[tiles.index("Fleet store") + 1] == "open"
    assert tiles[tiles.index("Rollout task") + 1] == "on time"
    assert int(tiles[tiles.index("Connections") + 1]) > 0
    tabs = page.locator("nav.tabs").inner_text().split()
    assert tabs == ["Server", "Storage", "Policies", "Signed", "in"]
    assert str(fleet_server.site.catalog) not in page.content()
    assert str(fleet_server.site.state) not in watched.go("/_/settings/storage").content()
    page = watched.go("/_/settings/policies")
    assert page.get_by_text("stable").count() == 1
    assert page.locator("main form[method=post]").count() == 0
    assert "admin" not in watched.go("/_/settings/sessions").locator("main").inner_text()


def test_a_policy_credentials_and_a_webhook(watch: Opened, fleet_server: PageServer) -> None:
    watched = watch(fleet_server.server)
    watched.sign_in(fleet_server.token)
    page = watched.go("/_/settings/policies")
    page.get_by_role("link", name="Set… lamp stable").click()
    page.get_by_label("Stages").fill("10%,5%")
    page.get_by_role("button", name="Set the policy").click()
    assert "does not reach more than" in page.get_by_role("alert").inner_text()
    watched.check()
    page.get_by_label("Stages").fill("1,50%,100%")
    page.get_by_label("Soak").fill("1h")
    page.get_by_role("button", name="Set the policy").click()
    page.get_by_text("lamp stable: the policy is set.").wait_for()
    assert "1, 50%, 100%" in page.locator("tr", has_text="stable").inner_text()

    page = watched.go("/_/settings/device-access")
    page.get_by_label("Product", exact=True).fill("lamp")
    page.get_by_label("User").fill("devices")
    page.get_by_role("button", name="Set the credentials").click()
    assert len(page.locator(".once code").inner_text()) == 32
    assert fleet_server.server.get("/lamp/lamp-1.1.0_c3.bin").status == 401
    page.locator("tr", has_text="devices").get_by_role("button", name="Revoke…").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke, and open").click()
    page.get_by_text("were revoked").wait_for()

    with receiving() as receiver:
        page = watched.go("/_/settings/webhooks")
        page.get_by_label("URL").fill(f"{receiver.url}/hook")
        page.get_by_role("button", name="Add the webhook").click()
        assert page.locator(".once code").inner_text().startswith("whsec_")
        page.get_by_role("button", name="Test").click()
        page.get_by_text("The test was delivered.").wait_for()
        page.get_by_role("button", name="Remove…").click()
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        page.get_by_text("was removed").wait_for()
    watched.check()


def fill(server: PageServer) -> None:
    """Makes what the sections show, with long and hostile names."""
    state = server.site.state
    create_token(state, "lamp*", channels=("beta", "nightly"), name=LONG)
    for number in range(ROWS + 3):
        create_token(state, read=True, name=f"reader-{number}")
    access = DeviceAccessStore(state)
    access.set_credentials("lamp", HOSTILE, "a-password")
    access.create_path(("lamp", "door-controller"), "for the old sketches")
    webhook = new_webhook("https://example.com/hooks/" + "long/" * 20)
    queue = WebhookQueue(queue_path(state, webhook.id), disabled="the receiver answers HTTP 410")
    for kind in ("halted", "flagged"):
        data = {"device": HOSTILE, "reason": "it failed"}
        queue.add(FleetEvent(kind, time.time(), "lamp", data), time.time())
    queue.write()
    WebhookFile(state).add(webhook)


def test_long_and_hostile_names_fit(watch: Opened, fleet_server: PageServer) -> None:
    fill(fleet_server)
    watched = watch(fleet_server.server)
    watched.sign_in(fleet_server.token)
    for section in ("tokens", "webhooks", "device-access"):
        watched.go(f"/_/settings/{section}")
        watched.screenshot(f"settings-{section}-long")
    page = watched.go("/_/settings/tokens?page=2")
    page.get_by_role("button", name="Revoke…").first.click()
    watched.check()
    watched.screenshot("settings-dialog")
