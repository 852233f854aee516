"""The list of devices: what it shows for which address, and changes of many at once."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from acpublish.control.device_query import TROUBLES
from acpublish.control.fleet_summary import all_devices, summed_up
from tests.unit.control.asking import mac
from tests.unit.server.pages.known_devices import known_devices
from tests.unit.server.pages.visiting import Browser, Page, application

PATH = "/_/devices"
_ROW = re.compile(r'<th scope="row"><a href="([^"]*)">')


def shown(page: Page) -> list[str]:
    """Returns the MAC addresses of the rows."""
    assert page.status == 200, page.text
    return [path.rpartition("/")[2] for path in _ROW.findall(page.text)]


def test_it_is_filtered_and_sorted_by_its_address(tmp_path: Path) -> None:
    async def look() -> None:
        with known_devices(tmp_path, 4) as known:
            devices = [known.fleet.ask(number) for number in range(1, 5)]
            devices[0].name, devices[1].tags = "kitchen", frozenset({"canary"})
            devices[2].obstacle = "does-not-fit"
            devices[3].last_seen -= 90_000
            known.fleet.ask(2, "1.1.0")
            browser = await known.signed_in(manage=False)
            for query, numbers in (
                ("sort=-device", [4, 3, 2, 1]),
                ("sort=last_seen&q=24:0A", [4, 1, 2, 3]),
                ("q=KITCH", [1]),
                ("tag=canary", [2]),
                ("flagged=true", [3]),
                ("stuck=true&flagged=true", [3]),
                ("version=1.1.0", [2]),
                ("not_seen=1d", [4]),
                ("product=lamp&board=d1&version=1.0.0&sort=first_seen", [1, 3, 4]),
                ("product=door", []),
                ("page=99&q=kitchen", [1]),
                ("page=x&flagged=yes&q=kitchen", [1]),
            ):
                page = await browser.get(f"{PATH}?{query}")
                if query.startswith("sort=last"):
                    # Those that were seen at the same time stay as they were.
                    assert shown(page)[0] == mac(4)
                else:
                    assert shown(page) == [mac(number) for number in numbers], query
            assert "No device matches" in (await browser.get(f"{PATH}?product=door")).text
            # Who may only read has nothing to change devices with.
            assert page.text.count('method="post"') == page.text.count('action="/_/sign-out"') == 1
            assert "bulk" not in page.text

    asyncio.run(look())


def test_the_list_behind_a_number_of_the_overview_has_so_many_rows(tmp_path: Path) -> None:
    async def look() -> None:
        with known_devices(tmp_path, 9) as known:
            devices = [known.fleet.ask(number) for number in range(1, 10)]
            for device in devices:
                device.visits = 10
            devices[0].obstacle, devices[1].obstacle = "does-not-fit", "failed"
            for number, gap_s in ((2, 3600), (3, 3600), (4, 30 * 86400), (5, 30 * 86400)):
                # Five hours are long for those that ask each hour, and nothing for the others.
                devices[number].longest_gap_s = gap_s
                devices[number].last_seen -= 5 * 3600
                devices[number].last_heard -= 5 * 3600
            # The last is held, so it has a flag, but nobody has to look at it.
            devices[6].unverified, devices[7].unverified, devices[8].hold = True, True, True
            devices[6].obstacle = "other-chip"
            summary = summed_up(all_devices(known.fleet.state), known.fleet.state.clock.now())
            counts = {kind: troubled.count for kind, troubled in summary.troubles.items()}
            assert counts == {"unfit": 2, "stuck": 1, "silent": 2, "flagged": 1}
            page = known.app.site.rendering.render(
                "overview_attention.html", summary=summary, rollouts=[], counted=True, away=""
            )
            links = dict(re.findall(r'href="/_/devices\?trouble=([a-z]+)">(\d+) device', page))
            assert links == {kind: str(counts[kind]) for kind in TROUBLES}
            browser = await known.signed_in()
            for kind, count in counts.items():
                rows = await browser.get(f"{PATH}?trouble={kind}")
                assert len(shown(rows)) == count, kind
                assert re.search(f'<option value="{kind}" selected', rows.text)
            assert len(shown(await browser.get(f"{PATH}?trouble=unfit&q={mac(1)}"))) == 1
            # A change of all that the filter shows is a change of those.
            fields = {"what": "tag", "marks": "look", "which": "all", "trouble": "silent"}
            page_after = await browser.post(PATH, fields)
            assert page_after.headers["location"] == f"{PATH}?trouble=silent"
            tagged = [number for number, device in enumerate(devices) if device.tags]
            assert tagged == [2, 3]

    asyncio.run(look())


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("version=1.x", "1.x"),
        ("not_seen=soon", "is not a duration"),
        ("product=%3Cb%3E", "&lt;b&gt;"),
        ("trouble=lazy", "is not something that devices need somebody for"),
    ],
)
def test_a_filter_that_is_not_valid_is_said_beside_it(
    tmp_path: Path, query: str, problem: str
) -> None:
    async def look() -> None:
        with known_devices(tmp_path, 1) as known:
            page = await (await known.signed_in()).get(f"{PATH}?{query}")
            assert page.status == 400
            assert problem in page.text
            assert "note-bad" in page.text

    asyncio.run(look())


def test_pages_and_links_that_sort(tmp_path: Path) -> None:
    async def look() -> None:
        with known_devices(tmp_path, 120) as known:
            browser = await known.signed_in()
            page = await browser.get(f"{PATH}?sort=device&board=d1&page=2")
            assert shown(page) == [mac(number) for number in range(51, 101)]
            assert "51–100 of 120" in page.text
            assert f'rel="prev" href="{PATH}?board=d1&amp;sort=device"' in page.text
            assert f'rel="next" href="{PATH}?board=d1&amp;sort=device&amp;page=3"' in page.text
            # The column by which it is sorted turns round; others begin at their first page.
            assert f'href="{PATH}?board=d1&amp;sort=-device"' in page.text
            assert f'href="{PATH}?board=d1&amp;sort=runs"' in page.text
            assert 'aria-sort="ascending"' in page.text

    asyncio.run(look())


def test_what_is_selected_or_shown_is_changed(tmp_path: Path) -> None:
    async def change() -> None:
        with known_devices(tmp_path, 4) as known:
            fleet, browser = known.fleet, await known.signed_in()
            await browser.get(PATH)
            fields = {"what": "tag", "marks": "a, b", "which": "all", "q": mac(2), "sort": "device"}
            page = await browser.post(PATH, fields)
            assert (page.status, page.headers["location"]) == (
                303,
                f"{PATH}?q=24%3A0a%3Ac4%3A00%3A00%3A02&sort=device",
            )
            tags = [fleet.ask(number).tags for number in range(1, 5)]
            assert tags == [frozenset(), {"a", "b"}, frozenset(), frozenset()]
            assert "One device was changed: it has a, b." in (await browser.get(PATH)).text
            id_ = f"lamp/{mac(3)}"
            await browser.post(PATH, {"what": "group", "marks": "home", "device": id_})
            await browser.post(PATH, {"what": "untag", "marks": "b", "which": "all"})
            assert fleet.ask(3).groups == {"home"}
            assert fleet.ask(2).tags == {"a"}
            for fields, problem in (
                ({"what": "tag", "marks": "a"}, "no device is selected"),
                ({"what": "tag", "marks": "A", "device": id_}, "is not the name of a tag"),
                ({"what": "tag", "marks": "A", "device": id_}, f'value="{id_}" checked'),
                ({"what": "tag", "marks": " ", "device": id_}, "no tag or group is named"),
                ({"what": "x", "marks": "a", "device": id_}, "is not something to do"),
                ({"what": "tag", "marks": "a", "which": "all", "version": "?"}, "note-bad"),
            ):
                page = await browser.post(PATH, fields)
                assert page.status in (400, 422), fields
                assert problem in page.text

    asyncio.run(change())


def test_all_that_failed_are_retried(tmp_path: Path) -> None:
    async def change() -> None:
        with known_devices(tmp_path, 2) as known:
            device = known.fleet.ask(1)
            device.obstacle = "failed"
            device.box = device.box._replace(whole=3)
            browser = await known.signed_in()
            await browser.get(PATH)
            await browser.post(PATH, {"what": "retry"})
            assert device.box.whole == 0
            assert "One device is offered its release again." in (await browser.get(PATH)).text

    asyncio.run(change())


def test_who_may_see_and_change_it(tmp_path: Path) -> None:
    async def look() -> None:
        with known_devices(tmp_path, 1) as known:
            nobody = Browser(known.app)
            page = await nobody.get(f"{PATH}?q=a")
            assert (page.status, mac(1) in page.text) == (303, False)
            assert page.headers["location"] == "/_/sign-in?next=%2F_%2Fdevices%3Fq%3Da"
            reader = await known.signed_in(manage=False)
            await reader.get("/_/parts")
            fields = {"what": "tag", "marks": "a", "which": "all"}
            assert (await reader.post(PATH, fields)).status == 403
            manager = await known.signed_in()
            assert (await manager.post(PATH, {**fields, "csrf": "0" * 64})).status == 403
            assert known.fleet.ask(1).tags == frozenset()

    asyncio.run(look())


def test_a_server_without_devices_says_so(tmp_path: Path) -> None:
    async def look() -> None:
        with known_devices(tmp_path, 1) as known:
            without = known._replace(app=application(tmp_path))
            page = await (await without.signed_in()).get(PATH)
            assert page.status == 409
            assert "--no-fleet" in page.text

    asyncio.run(look())
