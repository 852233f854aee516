"""A rollout in a real browser: started, watched while 200 devices update, and rolled back."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import server as servers
from tests.support.browser import Watched
from tests.support.page_site import PageServer

if TYPE_CHECKING:
    from playwright.sync_api import Page

Opened = Callable[..., Watched]
DEVICES = 200
#: A check-in every four seconds; the new release does not boot on one of five devices.
PROFILE = """
[[kind]]
board = "c3"
chip = "esp32c3"
poll = "6h"
rolls_back = 20
"""
SPEED = 5_400


_RECEIVED = re.compile(r"Received whole\s+(\d+)")
#: Remembers all that a page has shown where it changes by itself, however short it was there.
_REMEMBER = """
window.seen = {};
new MutationObserver(() => {
  for (const place of document.querySelectorAll("[sse-swap]")) {
    const texts = (window.seen[place.getAttribute("sse-swap")] ??= []);
    if (!texts.includes(place.innerText)) texts.push(place.innerText);
  }
}).observe(document, { childList: true, subtree: true });
"""


@pytest.fixture(scope="module")
def rollout_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    """A server with one release, and another that is only on the channel ``beta``."""
    with PageServer.running(tmp_path_factory.mktemp("rollout")) as server:
        server.site.publish("1.0.0")
        server.site.publish("1.1.0", channel="beta")
        yield server


@contextlib.contextmanager
def simulated_fleet(served: PageServer, tmp: Path) -> Iterator[None]:
    """Lets ``acpublish simulate`` check in with the server until the end of the block."""
    (tmp / "fleet.toml").write_text(PROFILE)
    command = [
        *(sys.executable, "-m", "acpublish", "simulate", "--to", served.server.url),
        *("--product", "lamp", "--from", "1.0.0", "--devices", str(DEVICES)),
        *("--profile", str(tmp / "fleet.toml"), "--speed", str(SPEED), "--connections", "8"),
    ]
    with (tmp / "simulated.log").open("wb") as log:
        process = servers.start(command, stdout=subprocess.PIPE, stderr=log, env={**os.environ})
        try:
            yield
            assert process.poll() is None, (tmp / "simulated.log").read_text()
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(servers.PATIENCE_S)
            process.stdout.close()


def start(watched: Watched) -> None:
    """Starts a rollout of 1.1.0 to the channel ``stable``, after a look at whom it reaches."""
    page = watched.go("/_/rollouts/new")
    page.get_by_label("Version").select_option("1.1.0")
    page.get_by_label("Stages").fill("10%,100%")
    page.get_by_label("Soak").fill("0s,1h")
    page.get_by_label("Halt at").fill("25")
    page.get_by_role("button", name="See whom it reaches").click()
    page.get_by_text(re.compile(rf"^\d+, then all {DEVICES}$")).wait_for()
    watched.screenshot("rollout-new")
    page.get_by_role("button", name="Start the rollout").click()
    page.get_by_text("lamp 1.1.0 is on its way.").wait_for()
    assert "/_/rollouts/lamp-" in page.url


@pytest.mark.timeout(400)
def test_a_rollout_is_watched_while_200_devices_update_until_it_halts_and_is_rolled_back(
    watch: Opened, rollout_server: PageServer, tmp_path: Path
) -> None:
    served = rollout_server
    watched, overview = watch(served.server), watch(served.server)
    for each in (watched, overview):
        each.page.add_init_script(_REMEMBER)
    page = watched.sign_in(served.token)
    overview.sign_in(served.token)
    with simulated_fleet(served, tmp_path):
        devices = overview.page.locator(".tile", has_text="Devices").locator(".tile-figure")
        devices.get_by_text(str(DEVICES), exact=True).wait_for()
        start(watched)
        state = page.locator("[sse-swap=state]")
        state.get_by_text("halted", exact=True).wait_for()
        for place in ("attention", "news"):
            overview.page.locator(f"[sse-swap={place}]").get_by_text(
                "halted", exact=True
            ).wait_for()
        need_seen_live(page, overview.page)
        watched.screenshot("rollout-halted-live")
        overview.screenshot("overview-halted")
        roll_back(page)
        # The devices go back while the overview is open.
        versions = overview.page.locator("[sse-swap=versions] .shares")
        versions.get_by_text("1.1.0").first.wait_for(state="detached")
        versions.get_by_text(f"{DEVICES} 100").wait_for()
        assert overview.page.locator("[sse-swap=check_ins] li").count() == 10


def need_seen_live(page: Page, overview: Page) -> None:
    """Makes sure that both pages have shown the rollout as it went: a new page would forget it."""
    received = {
        int(figure) for text in page.evaluate("seen.progress") for figure in _RECEIVED.findall(text)
    }
    # On a machine with much else to do, a page is sent few of the figures between these.
    assert min(received) < 20 < 50 < max(received), received
    assert any("running" in text for text in page.evaluate("seen.state"))
    under_way = [text for text in overview.evaluate("seen.rollouts") if "lamp 1.1.0 →" in text]
    assert under_way[0] != under_way[-1], under_way


def roll_back(page: Page) -> None:
    """Withdraws the release that halted, and orders its devices back."""
    page.get_by_role("link", name="Withdraw…").click()
    page.get_by_label("Order its devices back as well").check()
    page.get_by_text("Devices of c3 that run 1.1.0 are ordered back.").wait_for()
    page.get_by_label("Reason").fill("it does not boot")
    page.get_by_role("button", name="Withdraw").click()
    page.get_by_text("lamp 1.1.0 was withdrawn.").wait_for()
