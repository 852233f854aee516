"""The start of a rollout, and whom it would reach."""

from __future__ import annotations

import asyncio
from datetime import datetime
from urllib.parse import urlencode

import pytest

from tests.unit.control.asking import Asking
from tests.unit.server.pages.rollout_site import fleet, signed_in

__all__ = ["fleet"]

PATH = "/_/rollouts/new"
WANTED = {
    "product": "lamp",
    "version": "1.1.0",
    "channel": "beta",
    "stages": "25%,100%",
    "soak": "1h",
    "halt": "2",
    "on_halt": "order-back-at-once",
    "window": "",
}


def asked(**fields: str) -> str:
    return f"{PATH}?{urlencode({**WANTED, 'plan': 'yes', **fields})}"


def test_it_begins_with_the_policy_of_the_channel(fleet: Asking) -> None:
    async def look() -> None:
        browser = await signed_in(fleet)
        page = (await browser.get(PATH)).text
        assert 'value="1,50%,100%"' in page
        assert 'name="soak" type="text" value="0s"' in page
        assert '<option value="1.2.0" selected>' in page
        # Nothing is started before somebody has seen whom it reaches.
        assert "Start the rollout" not in page
        # An address that names only what is not usual is enough.
        page = (await browser.get(f"{PATH}?version=1.1.0&channel=beta&plan=yes")).text
        assert "Start the rollout</button>" in page
        page = (await browser.get(f"{PATH}?product=lamp&channel=beta")).text
        assert 'value="1,10%,50%,100%"' in page

    asyncio.run(look())


def test_whom_it_reaches_is_shown_before_it_starts(fleet: Asking) -> None:
    async def look() -> None:
        browser = await signed_in(fleet)
        page = (await browser.get(asked(channel="stable", stages="3,100%"))).text
        assert "3, then all 8</p>" in page
        assert len(fleet.state.rollouts) == 1
        page = (await browser.get(asked())).text
        assert "No device of this channel is known yet" in page
        page = await browser.post(PATH, {**WANTED})
        assert page.status == 303
        started = fleet.state.rollouts[page.headers["location"].rpartition("/")[2]]
        assert (started.version, started.channel) == ("1.1.0", "beta")
        assert started.policy.to_dict() == {
            "stages": ["25%", "100%"],
            "soak": ["3600s", "3600s"],
            "halt": "2",
            "on_halt": "order-back",
            "at_once": True,
            "window": None,
        }

    asyncio.run(look())


def test_it_may_be_for_some_boards_and_begin_later(fleet: Asking) -> None:
    async def look() -> None:
        fleet.put("1.1.0", board="d2")
        for number in (1, 2, 20, 21, 22):
            fleet.ask(number, None, board="d2" if number > 9 else "d1").channel = "beta"
        browser = await signed_in(fleet)
        wanted = {**WANTED, "boards": "d2", "start_at": "2099-03-01T02:00"}
        page = (await browser.get(f"{PATH}?{urlencode({**wanted, 'plan': 'yes'})}")).text
        assert "Leave it empty for all: d1, d2." in page
        assert '<td class="right">3</td>' in page
        assert '<td class="right">5</td>' not in page
        page = await browser.post(PATH, wanted)
        started = fleet.state.rollouts[page.headers["location"].rpartition("/")[2]]
        assert [track.boards for track in started.tracks] == [("d2",)]
        assert started.offers_from == datetime(2099, 3, 1, 2).timestamp()
        page = await browser.get(page.headers["location"])
        assert "Offers from" in page.text

    asyncio.run(look())


@pytest.mark.parametrize(
    ("field", "value", "status", "problem"),
    [
        ("stages", "50%,10%", 400, "does not reach more"),
        ("stages", "tag:nobody,100%", 400, "reaches nobody"),
        ("soak", "<script>", 400, "&lt;script&gt;"),
        ("halt", "0", 400, "cannot halt at 0 failures"),
        ("window", "2-5", 400, "is not a window"),
        ("boards", "d1 d9", 404, "has no image for d9"),
        ("boards", "<script>", 422, "&lt;script&gt;"),
        ("start_at", "tomorrow", 400, "is not a time"),
        ("version", "9.9.9", 404, "there is no release 9.9.9"),
        ("version", "x", 422, "is not a valid SemVer"),
        ("channel", "A B", 422, "channel"),
    ],
)
def test_what_is_wrong_is_said_above_the_form(
    fleet: Asking, field: str, value: str, status: int, problem: str
) -> None:
    async def look() -> None:
        browser = await signed_in(fleet)
        page = await browser.get(asked(**{field: value}))
        assert page.status == status
        assert 'role="alert"' in page.text
        assert problem in page.text
        assert "<script>" not in page.text
        if field != "stages" or "tag" not in value:
            page = await browser.post(PATH, {**WANTED, field: value})
            assert page.status == status
        assert len(fleet.state.rollouts) == 1

    asyncio.run(look())


def test_it_needs_manage_and_the_form_of_this_browser(fleet: Asking) -> None:
    async def look() -> None:
        reader = await signed_in(fleet, manage=False)
        assert (await reader.get(PATH)).status == 403
        assert (await reader.post(PATH, WANTED)).status == 403
        manager = await signed_in(fleet)
        assert (await manager.post(PATH, {**WANTED, "csrf": "0" * 64})).status == 403
        # Without any field it is refused as well.
        assert (await manager.post(PATH)).status == 422
        assert len(fleet.state.rollouts) == 1

    asyncio.run(look())
