"""The page of a rollout: what it shows, and what can be done there."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from acpublish.control.operations import run_here
from acpublish.fleet.policy import Policy
from tests.unit.control.asking import Asking
from tests.unit.server.pages.rollout_site import fleet, signed_in
from tests.unit.server.pages.visiting import Browser, fleet_application

__all__ = ["fleet"]

PATH = "/_/rollouts/lamp-4"


def state(fleet: Asking) -> str:
    return fleet.state.rollouts["lamp-4"].state


def test_it_has_each_stage_and_the_devices_behind_the_numbers(fleet: Asking) -> None:
    async def look() -> None:
        browser = await signed_in(fleet)
        page = (await browser.get(PATH)).text
        assert "Its stages reach 1, then" in page
        first = next(iter(fleet.state.live("lamp-4").progress.chosen))  # type: ignore[union-attr]
        number = int(first.rpartition(":")[2], 16)
        device = fleet.ask(number, "1.0.0", takes=True)
        fleet.ask(number, "1.2.0")
        device.name = "<b>kitchen</b>"
        again = await fleet_application(fleet).site.live.topics["rollout"].parts("lamp-4")
        assert "1 run it" in again["progress"]
        assert "&lt;b&gt;kitchen" in again["progress"]
        assert f"/_/devices/{device.id.replace(':', '%3A')}" in again["progress"]

    asyncio.run(look())


def test_it_is_paused_resumed_advanced_and_aborted(fleet: Asking) -> None:
    async def go() -> None:
        browser = await signed_in(fleet)
        page = await browser.get(PATH)
        assert "Resume" not in page.text
        page = await browser.post(f"{PATH}/pause", {"reason": "<i>lunch</i>"})
        assert (page.status, page.headers["location"]) == (303, PATH)
        assert state(fleet) == "paused"
        page = await browser.get(PATH)
        assert "lamp-4 is paused." in page.text
        assert "&lt;i&gt;lunch" in page.text
        assert "Advance" not in page.text
        await browser.post(f"{PATH}/resume")
        assert state(fleet) == "running"
        await browser.post(f"{PATH}/advance")
        assert fleet.state.rollouts["lamp-4"].stage == 1
        await browser.get(PATH)
        await browser.post(f"{PATH}/abort", {"reason": "too warm"})
        assert fleet.state.rollouts["lamp-4"].reason == "too warm"
        page = await browser.get(PATH)
        assert "Start again" in page.text
        assert "Abort" not in page.text

    asyncio.run(go())


def test_what_is_refused_is_shown_on_the_page(fleet: Asking) -> None:
    async def go() -> None:
        browser = await signed_in(fleet)
        await browser.get(PATH)
        page = await browser.post(f"{PATH}/resume")
        assert page.status == 409
        assert 'role="alert"' in page.text
        assert "cannot be resumed" in page.text
        page = await browser.post(f"{PATH}/pause", {"reason": "x" * 501})
        assert page.status == 400
        assert "Use a shorter reason" in page.text
        live = fleet.state.live("lamp-4")
        assert live is not None
        live.rollout = replace(live.rollout, offers_from=4_000_000_000)
        page = await browser.post(f"{PATH}/advance")
        assert page.status == 409
        assert "offers nothing before 2096-10-02T07:06:40Z" in page.text
        page = await browser.post("/_/rollouts/nothing/pause")
        assert page.status == 404
        assert "there is no rollout" in page.text.lower()

    asyncio.run(go())


def test_a_rollout_that_there_is_not_can_be_watched_in_vain(fleet: Asking) -> None:
    async def look() -> None:
        topic = fleet_application(fleet).site.live.topics["rollout"]
        assert await topic.parts("<b>") == {}
        assert set(await topic.parts("lamp-4")) == {"progress", "state"}

    asyncio.run(look())


def test_failed_devices_try_again(fleet: Asking) -> None:
    async def go() -> None:
        browser = await signed_in(fleet)
        assert "Retry failed" not in (await browser.get(PATH)).text
        live = fleet.state.live("lamp-4")
        assert live is not None
        number = int(next(iter(live.progress.chosen)).rpartition(":")[2], 16)
        fleet.ask(number, "1.0.0", takes=True)
        device = fleet.ask(number, "1.0.0")
        assert live.progress.failures() == [device.id]
        browser = await signed_in(fleet)
        assert "Retry failed" in (await browser.get(PATH)).text
        page = await browser.post(f"{PATH}/retry")
        assert page.status == 303
        assert "1 device may try again." in (await browser.get(PATH)).text
        assert live.progress.failures() == []

    asyncio.run(go())


def test_all_that_failed_are_retried_not_only_those_that_it_names(
    fleet: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def go() -> None:
        # As with 51 devices, and with more than are changed at once.
        monkeypatch.setattr("acpublish.control.stories.MAX_NAMED", 1)
        monkeypatch.setattr("acpublish.control.operations._AT_ONCE", 2)
        for _ in range(2):
            run_here(fleet.rollouts.advance("lamp-4"))
        live = fleet.state.live("lamp-4")
        assert live is not None
        # It must not halt before the last of them has failed.
        live.rollout = replace(live.rollout, policy=Policy.parse("1,50%,100%", halt="99"))
        for number in range(8):
            fleet.ask(number, "1.0.0", takes=True)
        failed = [fleet.ask(number, "1.0.0").id for number in (1, 3, 4, 6, 7)]
        assert sorted(live.progress.failures()) == failed
        browser = await signed_in(fleet)
        await browser.get(PATH)
        await browser.post(f"{PATH}/retry")
        assert "5 devices may try again." in (await browser.get(PATH)).text
        assert live.progress.failures() == []

    asyncio.run(go())


@pytest.mark.parametrize("what", ["pause", "resume", "advance", "abort", "retry"])
def test_changes_need_manage_and_the_form_of_this_browser(fleet: Asking, what: str) -> None:
    async def go() -> None:
        reader = await signed_in(fleet, manage=False)
        page = (await reader.get(PATH)).text
        assert 'method="post" action="/_/rollouts' not in page
        assert (await reader.post(f"{PATH}/{what}")).status == 403
        manager = await signed_in(fleet)
        assert (await manager.post(f"{PATH}/{what}", {"csrf": "0" * 64})).status == 403
        assert (await Browser(fleet_application(fleet)).get(PATH)).status == 303
        assert state(fleet) == "running"

    asyncio.run(go())
