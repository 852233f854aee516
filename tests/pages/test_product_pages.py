"""Products and releases in a real browser: looked at, compared, withdrawn, promoted, downloaded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from tests.support.browser import Watched
from tests.support.page_site import PageServer
from tests.support.tokens import create_token

Opened = Callable[..., Watched]


def test_a_release_is_withdrawn_and_promoted_again(
    watch: Opened, fleet_server: PageServer, tmp_path: Path
) -> None:
    watched = watch(fleet_server.server)
    state = fleet_server.site.state
    page = watched.sign_in(create_token(state, "lamp", manage=True, name="ann"))
    page.get_by_role("navigation").get_by_role("link", name="Products").click()
    page.get_by_role("link", name="lamp").wait_for()
    page.get_by_role("link", name="lamp").click()
    page.get_by_role("heading", name="Sizes").wait_for()
    page.get_by_role("link", name="1.1.0").first.click()
    # htmx puts the results of the checks there.
    page.get_by_role("columnheader", name="Finding").wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="lamp-1.1.0_c3.bin").click()
    stored = Path(download.value.path()).read_bytes()
    assert hashlib.md5(stored).hexdigest() in page.locator("main").inner_text()

    page.get_by_role("link", name="Withdraw…").click()
    dialog = page.get_by_role("dialog", name="Withdraw lamp 1.1.0?")
    dialog.wait_for()
    assert "1.1.0 → 1.0.0" in dialog.inner_text()
    assert "0 devices are known to run it." in dialog.inner_text()
    dialog.get_by_label("Order its devices back as well").check()
    dialog.get_by_text("Devices of c3 that run 1.1.0 are ordered back.").wait_for()
    watched.check()
    dialog.get_by_label("Reason").fill("it <b>hangs</b>")
    dialog.get_by_role("button", name="Withdraw").click()
    page.get_by_text("lamp 1.1.0 was withdrawn.").wait_for()
    assert "it <b>hangs</b>" in page.locator("main").inner_text()

    page.get_by_role("link", name="Undo the withdrawal…").click()
    page.get_by_role("button", name="Offer it again").click()
    page.get_by_text("lamp 1.1.0 is no longer withdrawn.").wait_for()
    page.get_by_role("link", name="Promote…").click()
    page.get_by_role("dialog").get_by_label("Channel").fill("beta")
    # The plan follows what is typed.
    page.get_by_role("dialog").get_by_label("Channel").press("Tab")
    page.get_by_text("nothing → 1.1.0").wait_for()
    page.get_by_role("button", name="Cancel").or_(page.get_by_role("link", name="Cancel")).click()
    assert page.get_by_role("dialog").count() == 0
    watched.go("/_/products/lamp/history")


def test_two_releases_are_compared(watch: Opened, fleet_server: PageServer) -> None:
    watched = watch(fleet_server.server)
    page = watched.sign_in(fleet_server.token)
    watched.go("/_/products/lamp/1.1.0")
    page.get_by_role("link", name="Compare with 1.0.0").click()
    page.get_by_role("heading", name="Segments").wait_for()
    assert "lamp 1.1.0" in page.get_by_role("region", name="Changes in the image").inner_text()


def test_a_channel_is_promoted_without_javascript(watch: Opened, fleet_server: PageServer) -> None:
    watched = watch(fleet_server.server, java_script_enabled=False)
    page = watched.sign_in(create_token(fleet_server.site.state, "lamp", manage=True))
    watched.go("/_/products/lamp/1.0.0")
    page.get_by_role("link", name="Promote…").click()
    page.get_by_label("Channel").fill("old")
    page.get_by_role("button", name="Show what devices will get").click()
    assert "nothing → 1.0.0" in page.locator("main").inner_text()
    page.get_by_role("button", name="Promote", exact=True).click()
    assert "lamp 1.0.0 was promoted to old." in page.locator("#notices").inner_text()
    page.get_by_role("link", name="Run the checks again").click()
    assert page.get_by_role("heading", name="Checks").is_visible()
