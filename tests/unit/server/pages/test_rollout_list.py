"""The list of rollouts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from acpublish.server.pages.rollout_list import PAGE
from tests.unit.control.asking import Asking
from tests.unit.server.pages.rollout_site import fleet, signed_in
from tests.unit.server.pages.visiting import Browser, application, fleet_application

__all__ = ["fleet"]


def test_it_has_those_under_way_with_their_health(fleet: Asking) -> None:
    async def look() -> None:
        browser = await signed_in(fleet, manage=False)
        page = (await browser.get("/_/rollouts")).text
        assert "lamp 1.2.0 → stable" in page
        assert "stage 1 of 3" in page
        assert "/_/rollouts/lamp-4" in page
        # Whoever may only read is not shown what only others can do.
        assert "Start a rollout" not in page
        assert "Start a rollout" in (await (await signed_in(fleet)).get("/_/rollouts")).text
        assert "There is no rollout here." in (await browser.get("/_/rollouts?state=ended")).text
        assert "lamp 1.2.0" in (await browser.get("/_/rollouts?state=open&product=lamp")).text
        assert "lamp 1.2.0" not in (await browser.get("/_/rollouts?product=door")).text

    asyncio.run(look())


def test_it_goes_on_page_by_page(fleet: Asking) -> None:
    (rollout,) = fleet.state.rollouts.values()
    for number in range(PAGE + 5):
        key = f"lamp-{100 + number}"
        old = replace(rollout, id=key, state="complete", started_at=float(number))
        fleet.state.rollouts[key] = old

    async def look() -> None:
        browser = await signed_in(fleet)
        first = (await browser.get("/_/rollouts")).text
        assert first.index("/_/rollouts/lamp-4") < first.index("/_/rollouts/lamp-129")
        assert f"1–{PAGE} of {PAGE + 6}" in first
        second = (await browser.get("/_/rollouts?page=2")).text
        assert f"{PAGE + 1}–{PAGE + 6} of {PAGE + 6}" in second
        assert "/_/rollouts/lamp-100" in second
        for odd in ("x", "-1", "99999999999", "\N{SUPERSCRIPT TWO}"):
            page = await browser.get(f"/_/rollouts?page={quote(odd)}")
            assert f"1–{PAGE} of {PAGE + 6}" in page.text, odd
        # Whoever has stayed on a page that is gone gets the last one.
        page = await browser.get("/_/rollouts?page=9&state=ended")
        assert f"{PAGE + 1}–{PAGE + 5} of {PAGE + 5}" in page.text
        assert 'rel="prev" href="?state=ended"' in page.text

    asyncio.run(look())


def test_it_needs_read_and_a_fleet(fleet: Asking, tmp_path: Path) -> None:
    async def look() -> None:
        assert (await Browser(fleet_application(fleet)).get("/_/rollouts")).status == 303
        parts = await fleet_application(fleet).site.live.topics["rollouts"].parts("/")
        assert "lamp 1.2.0" in parts["rows"]
        rows = fleet_application(fleet).site.live.topics["rollouts"].parts
        assert "lamp 1.2.0" in (await rows("open/lamp"))["rows"]
        assert "lamp 1.2.0" not in (await rows("ended/lamp"))["rows"]
        # What there is not can be watched under any number of names, so nothing is made of it.
        for invented in ("/nothing", "open/nothing", "never/lamp", "never"):
            assert await rows(invented) == {}, invented
        (tmp_path / "other").mkdir()
        without = application(tmp_path / "other")
        assert await without.site.live.topics["rollouts"].parts("/") == {}

    asyncio.run(look())
