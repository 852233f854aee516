"""Devices in a real browser: found, pinned, explained, forgotten; hostile ones do nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.support.browser import Watched
from tests.support.fleet_devices import FleetDevice
from tests.support.page_site import PageServer

if TYPE_CHECKING:
    from playwright.sync_api import Page

Opened = Callable[..., Watched]
MARKUP = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"


@pytest.fixture(scope="module")
def device_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    """A server with 60 devices, which is more than a page of the list."""
    with PageServer.running(tmp_path_factory.mktemp("devices"), devices=60) as server:
        yield server


def test_a_device_is_found_explained_pinned_and_forgotten(
    watch: Opened, device_server: PageServer
) -> None:
    watched = watch(device_server.server)
    page = watched.sign_in(device_server.token)
    page.get_by_role("navigation").get_by_role("link", name="Devices").click()
    assert page.locator("tbody tr").count() == 50
    page.get_by_role("link", name="Next").click()
    assert page.locator("tbody tr").count() == 10
    watched.screenshot("devices")
    mac = device_server.devices[7].mac
    page.get_by_label("Search").fill(mac.replace(":", "-").upper())
    page.get_by_role("button", name="Show", exact=True).click()
    assert "q=24-" in page.url.lower()
    assert "board=" not in page.url
    page.get_by_role("link", name=mac).click()
    page.get_by_text("1.1.0 is offered").wait_for()
    page.locator("summary", has_text="What each rule says").click()
    assert "it is not pinned" in page.get_by_role("row", name="pin").inner_text()
    page.get_by_label("Pin to version").fill("9.9.9")
    page.get_by_role("button", name="Pin", exact=True).click()
    assert "9.9.9 has no firmware" in page.get_by_role("alert").inner_text()
    assert "There are 1.1.0, 1.0.0" in page.get_by_role("alert").inner_text()
    page.get_by_label("Pin to version").fill("1.0.0")
    page.get_by_role("button", name="Pin", exact=True).click()
    page.get_by_text("is pinned.").wait_for()
    page.get_by_label("Name").fill("kitchen")
    page.get_by_label("Tags").fill("canary, upstairs")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="kitchen").wait_for()
    # What is known of it changes while the page is open.
    page.get_by_role("heading", name="kitchen").evaluate("e => { e.dataset.still = 'here' }")
    device_server.devices[7].ask(device_server.server, "x-ESP32-version: 7.7.7")
    page.get_by_text("7.7.7").first.wait_for()
    assert page.locator("h1[data-still]").is_visible()
    watched.screenshot("device")
    page.get_by_role("button", name="Forget…").click()
    page.get_by_role("button", name="Forget it").click()
    page.get_by_text("kitchen is forgotten.").wait_for()
    assert page.locator(".tile", has_text="Devices").locator(".tile-figure").inner_text() == "59"


def test_many_devices_are_changed_at_once(watch: Opened, device_server: PageServer) -> None:
    watched = watch(device_server.server)
    page = watched.sign_in(device_server.token)
    watched.go("/_/devices?sort=device")
    page.get_by_label("Select all devices of this page").check()
    page.get_by_text("Change several devices").click()
    page.get_by_label("Names").fill("Not A Name")
    page.get_by_role("button", name="Apply").click()
    assert "not the name of a tag" in page.get_by_role("alert").inner_text()
    assert page.locator("tbody input:checked").count() == 50
    page.get_by_label("Names").fill("first half")
    page.get_by_role("button", name="Apply").click()
    page.get_by_text("50 devices were changed: they have first, half.").wait_for()
    page.get_by_text("More filters").click()
    page.get_by_label("Tag").select_option("half")
    page.get_by_role("button", name="Show", exact=True).click()
    page.get_by_text("Change several devices").click()
    page.get_by_label("Which devices").select_option("all")
    page.get_by_label("Do").select_option("ungroup")
    page.get_by_label("Names").fill("house")
    page.get_by_role("button", name="Apply").click()
    page.get_by_text("0 devices were changed").wait_for()


@dataclass(slots=True)
class Hostile(FleetDevice):
    """A device that sends something wherever it can.

    Attributes:
        nasty: What it sends.
        has_mac: Whether it also sends its MAC address.
    """

    nasty: str = ""
    has_mac: bool = True

    @property
    def headers(self) -> tuple[str, ...]:
        names = ("AP-MAC", "version", "sdk-version", "sketch-md5", "sketch-sha256", "sketch-size")
        return (
            f"User-Agent: ESP32-http-Update {self.nasty}",
            "x-ESP32-mode: sketch",
            *((f"x-ESP32-STA-MAC: {self.mac}",) if self.has_mac else ()),
            *(f"x-ESP32-{name}: {self.nasty}" for name in (*names, "free-space", "chip-size")),
        )


def test_nothing_that_devices_or_people_write_runs(
    watch: Opened, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with PageServer.running(tmp_path_factory.mktemp("hostile"), devices=1) as served:
        texts = (
            MARKUP,
            f"{MARKUP}\u202e\u200b",
            f"{MARKUP}\x01\x1b[31m\x7f",
            "\x85\u2028'\"`{{7*7}}",
        )
        for number, nasty in enumerate(texts):
            for has_mac in (True, False):
                device = Hostile(500 + number, b"", nasty=nasty, has_mac=has_mac)
                answer = device.ask(served.server)
                # What no header may contain is refused before anybody reads it.
                assert answer.status in ((400,) if "\x01" in nasty else (200, 304)), answer.head
        watched = watch(served.server)
        page = watched.sign_in(served.token)
        for path in ("/_/devices", f"/_/devices?q={quote(MARKUP)}&version={quote(MARKUP)}"):
            watched.go(path)
            need_no_effect(page)
        watched.go(f"/_/devices/{quote(MARKUP)}")
        need_no_effect(page)
        for device_id in page_ids(watched):
            watched.go(f"/_/devices/{device_id}")
            need_no_effect(page)
        assert MARKUP in page_text(watched, f"lamp/{Hostile(501, b'').mac}")
        page.get_by_label("Name").fill("<script>1</script>\u202e")
        page.get_by_role("button", name="Save").click()
        assert "\\u202e" in page.get_by_role("alert").inner_text()
        need_no_effect(page)
        page.get_by_label("Name").fill("<script>1</script>")
        page.get_by_label("Note").fill(MARKUP)
        page.get_by_role("button", name="Save").click()
        page.get_by_text("Saved.").wait_for()
        assert page.get_by_role("heading", level=1).inner_text() == "<script>1</script>"
        assert MARKUP in page.locator(".said").inner_text()
        need_no_effect(page)
        page.get_by_label("Tags").fill(MARKUP)
        page.get_by_role("button", name="Save").click()
        assert "is not the name of a tag" in page.get_by_role("alert").inner_text()
        need_no_effect(page)
        watched.screenshot("device-hostile")
        watched.go("/_/devices?sort=device")
        assert page.get_by_role("link", name="<script>1</script>").is_visible()
        need_no_effect(page)
        page.set_viewport_size({"width": 360, "height": 740})
        assert watched.overflow() == 0


def need_no_effect(page: Page) -> None:
    """Makes sure that no markup of somebody else became a part of the page."""
    assert page.locator("img, script:not([src])").count() == 0
    assert page.title() != "run"
    text = page.locator("body").inner_text()
    assert not set(text) & set("\x01\x1b\x7f\x85\u202e\u2028\u200b")


def page_ids(watched: Watched) -> list[str]:
    """Returns the ids of all devices in the list."""
    boxes = watched.go("/_/devices").locator("input[name=device]")
    return [box.get_attribute("value") or "" for box in boxes.all()]


def page_text(watched: Watched, device_id: str) -> str:
    """Opens the page of a device, and returns what it says."""
    return watched.go(f"/_/devices/{device_id}").locator("main").inner_text()
