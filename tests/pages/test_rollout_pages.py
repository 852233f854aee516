"""A rollout in a real browser: started, watched live until it halts, and ended."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from tests.support.browser import Watched
from tests.support.page_site import PageServer

Opened = Callable[..., Watched]
DEVICES = 24


@pytest.fixture(scope="module")
def rollout_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    """A server whose devices run 1.1.0."""
    tmp = tmp_path_factory.mktemp("rollout")
    with PageServer.running(tmp, devices=DEVICES) as server:
        server.check_in()
        server.check_in()
        yield server


def start(watched: Watched, served: PageServer) -> None:
    """Starts a rollout of 1.2.0 to the channel ``stable``, after a look at whom it reaches."""
    page = watched.go("/_/rollouts/new")
    page.get_by_label("Version").select_option("1.2.0")
    page.get_by_label("Stages").fill("50%,100%")
    page.get_by_label("Soak").fill("0s")
    page.get_by_label("Halts at").fill("2")
    page.get_by_role("button", name="See whom it reaches").click()
    page.get_by_text(re.compile(rf"^\d+, then all {DEVICES}$")).wait_for()
    watched.screenshot("rollout-new")
    page.get_by_role("button", name="Start the rollout").click()
    page.get_by_text("lamp 1.2.0 is on its way.").wait_for()
    assert "/_/rollouts/lamp-" in page.url


def test_a_rollout_is_started_watched_until_it_halts_and_aborted(
    watch: Opened, rollout_server: PageServer
) -> None:
    served = rollout_server
    # To another channel, so that it reaches nobody by itself.
    served.site.publish("1.2.0", channel="beta")
    watched, overview = watch(served.server), watch(served.server)
    page = watched.sign_in(served.token)
    overview.sign_in(served.token)
    start(watched, served)
    under_way = overview.page.locator("[sse-swap=rollouts]")
    under_way.get_by_text("lamp 1.2.0 → stable").wait_for()
    # Two of those that it reaches do not boot it; each change is seen without a reload.
    for device in served.devices:
        device.ask(served.server)
    updated = [device for device in served.devices if device.runs == served.site.images["1.2.0"]]
    assert len(updated) > 3
    for device in updated[:2]:
        device.runs = served.site.images["1.1.0"]
    for device in updated[2:]:
        device.ask(served.server)
    page.locator("[sse-swap=progress]").get_by_text(f"{len(updated) - 2} run it").wait_for()
    watched.screenshot("rollout")
    for device in updated[:2]:
        device.ask(served.server)
    page.locator("[sse-swap=state]").get_by_text("halted", exact=True).wait_for()
    overview.page.locator("[sse-swap=attention]").get_by_text("halted", exact=True).wait_for()
    overview.page.locator("[sse-swap=news]").get_by_text("halted", exact=True).wait_for()
    overview.screenshot("overview-halted")
    failed = page.locator("[sse-swap=progress]").get_by_role("link", name=updated[0].id)
    assert "/_/devices/lamp/" in str(failed.get_attribute("href"))
    page.get_by_role("button", name="Abort…").click()
    dialog = page.get_by_role("dialog")
    assert watched.problems() == []
    dialog.get_by_label("Reason").fill("<b>too warm</b>")
    dialog.get_by_role("button", name="Abort").click()
    page.get_by_text("is aborted.").wait_for()
    page.locator("[sse-swap=state]").get_by_text("<b>too warm</b>").wait_for()
    watched.go("/_/rollouts?state=ended")
    watched.screenshot("rollouts")


def test_check_ins_are_seen_as_they_come(watch: Opened, rollout_server: PageServer) -> None:
    watched = watch(rollout_server.server)
    page = watched.sign_in(rollout_server.token)
    list_ = page.locator("[sse-swap=check_ins] li").first
    for device in rollout_server.devices[3:5]:
        device.ask(rollout_server.server)
        list_.get_by_text(device.mac).wait_for()
    tile = page.locator(".tile", has_text="Devices").first
    assert str(DEVICES) in tile.inner_text()
