"""The page of a device: its story, what it would get now, and the forms below."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acpublish.fleet.known_device import Pin
from tests.unit.control.asking import mac
from tests.unit.server.pages.known_devices import Known, known_devices
from tests.unit.server.pages.visiting import Browser

ID = f"lamp/{mac(1)}"
PATH = f"/_/devices/{ID}"


def test_its_story_and_the_decision_with_each_rule(tmp_path: Path) -> None:
    async def look() -> None:
        with known_devices(tmp_path, 1) as known:
            device = known.fleet.ask(1)
            browser = await known.signed_in(manage=False)
            page = await browser.get(PATH)
            assert "It has checked in once so far" in page.text
            assert "1.1.0 is offered" in page.text
            assert "it is not on hold" in page.text
            assert 'action="/_/devices' not in page.text
            for _ in range(3):
                known.fleet.now += 7200
                known.fleet.ask(1, takes=True)
            device.hold = True
            known.fleet.state.changed("lamp")
            page = await browser.get(PATH)
            assert "The last 3 gaps between check-ins, the longest 2\u202fh" in page.text
            assert page.text.count('<rect class="bar"') == 3
            assert "downloaded, not back with it yet" in page.text
            assert "It took a release whole 3 times" in page.text
            assert "No offer of it until" in page.text
            assert "no offer" in page.text
            assert "It is on hold" in page.text

    asyncio.run(look())


@pytest.mark.parametrize("ref", [mac(1), "24-0A-C4-00-00-01", "kitchen", "lamp/240ac4000001"])
def test_other_names_of_a_device_lead_to_its_page(tmp_path: Path, ref: str) -> None:
    async def look() -> None:
        with known_devices(tmp_path, 1) as known:
            known.fleet.ask(1).name = "kitchen"
            page = await (await known.signed_in()).get(f"/_/devices/{ref}")
            assert (page.status, page.headers["location"]) == (303, PATH)

    asyncio.run(look())


async def sent(known: Known, browser: Browser, what: str, **fields: str) -> str:
    """Sends a form, and returns the problem; empty if it was done."""
    await browser.get(PATH)
    page = await browser.post(PATH, {"what": what, **fields})
    if page.status == 303:
        return ""
    assert page.status in (400, 404, 409, 422), page
    return page.text


def test_the_forms_do_what_the_commands_do(tmp_path: Path) -> None:
    async def change() -> None:
        with known_devices(tmp_path, 1) as known:
            device, browser = known.fleet.ask(1), await known.signed_in()
            assert not await sent(known, browser, "pin", version="1.0.0", order_back="yes")
            assert device.pin == Pin("1.0.0", True)
            assert not await sent(known, browser, "pin", version=" 1.1.0 ")
            assert device.pin == Pin("1.1.0")
            assert not await sent(known, browser, "hold")
            assert (device.pin, device.hold) == (None, True)
            assert not await sent(known, browser, "clear")
            assert not device.hold
            device.box = device.box._replace(broken=10)
            assert not await sent(known, browser, "retry")
            assert device.box.broken == 0
            assert "is offered its release again." in (await browser.get(PATH)).text
            assert not await sent(known, browser, "retry")
            assert "Nothing to do" in (await browser.get(PATH)).text
            said = {"name": " kitchen ", "note": "above", "tags": "a b", "groups": "house"}
            assert not await sent(known, browser, "describe", **said)
            assert (device.name, device.note, device.groups) == ("kitchen", "above", {"house"})
            # What somebody else has added since the page was shown stays.
            device.tags = frozenset({"a", "b", "c"})
            said = {"tags": "b d", "tags_before": "a b", "groups": "", "groups_before": "house"}
            assert not await sent(known, browser, "describe", **said)
            assert (device.name, device.tags, device.groups) == ("kitchen", {"b", "c", "d"}, set())
            assert not await sent(known, browser, "forget")
            assert len(known.fleet.state) == 0
            assert "kitchen is forgotten." in (await browser.get("/_/devices")).text
            assert (await browser.get(PATH)).status == 404

    asyncio.run(change())


def test_what_is_wrong_is_said_beside_the_form_which_keeps_its_fields(tmp_path: Path) -> None:
    async def change() -> None:
        with known_devices(tmp_path, 2) as known:
            known.fleet.ask(2).name = "kitchen"
            browser = await known.signed_in()
            for what, fields, problem in (
                ("pin", {"version": "1.x"}, "1.x"),
                ("pin", {"version": "2.0.0"}, "2.0.0 has no firmware for d1"),
                ("describe", {"name": mac(9), "note": "n"}, "is a MAC address"),
                ("describe", {"name": "kitchen"}, "kitchen"),
                ("describe", {"note": "a\x1bb"}, "\\x1b"),
                ("describe", {"tags": "Not"}, "is not the name of a tag"),
                ("paint", {}, "is not a form of a device"),
            ):
                text = await sent(known, browser, what, **fields)
                assert problem in text, what
                assert 'role="alert"' in text
                shown = [value.replace("\x1b", r"\x1b") for value in fields.values()]
                assert all(f'value="{value}"' in text for value in shown)
            assert known.fleet.ask(1).note == ""

    asyncio.run(change())


def test_who_may_not_change_it(tmp_path: Path) -> None:
    async def look() -> None:
        with known_devices(tmp_path, 1) as known:
            assert (await Browser(known.app).get(PATH)).status == 303
            reader = await known.signed_in(manage=False)
            await reader.get("/_/parts")
            manager = await known.signed_in()
            for what in ("describe", "pin", "hold", "clear", "retry", "forget"):
                assert (await reader.post(PATH, {"what": what})).status == 403
                assert (await manager.post(PATH, {"what": what, "csrf": ""})).status == 403
            assert len(known.fleet.state) == 1
            assert not known.fleet.ask(1).hold

    asyncio.run(look())


def test_what_changes_is_for_a_device_that_there_is(tmp_path: Path) -> None:
    async def look() -> None:
        with known_devices(tmp_path, 1) as known:
            known.fleet.ask(1).name = "kitchen"
            topic = known.app.site.live.topics["device"]
            parts = await topic.parts(ID)
            assert set(parts) == {"figures", "now", "rules", "story"}
            assert "1.1.0 is offered" in parts["now"]
            # A name would be searched for among all devices, again and again.
            assert await topic.parts("kitchen") == await topic.parts("lamp/x") == {}

    asyncio.run(look())
