"""Credentials of devices and secret paths on the page, in the same file as by the commands."""

from __future__ import annotations

import asyncio
import html
import re
from pathlib import Path

import pytest

from acpublish.server.device_access_file import DeviceAccessStore
from tests.unit.server.pages.settings_site import manager, published

PATH = "/_/settings/device-access"
_ONCE = re.compile(r'class="card once".*?<code>([^<]*)</code>', re.DOTALL)


def test_a_password_is_made_or_given(tmp_path: Path) -> None:
    async def made() -> None:
        browser = await manager(published(tmp_path))
        store = DeviceAccessStore(tmp_path / "state")
        await browser.get(PATH)
        await browser.post(f"{PATH}/credentials", {"product": "lamp", "user": "one"})
        (password,) = _ONCE.findall((await browser.get(PATH)).text)
        assert store.all().credentials[0].verify(password.encode())
        assert not _ONCE.search((await browser.get(PATH)).text)
        fields = {"product": "door", "user": "two", "password": "a <b>phrase</b>"}
        await browser.post(f"{PATH}/credentials", fields)
        page = (await browser.get(PATH)).text
        assert "phrase" not in page
        # It is not published yet.
        assert "There is no product door" in page
        assert store.all().credentials[1].verify(b"a <b>phrase</b>")

    asyncio.run(made())


def test_the_last_credentials_go_only_with_a_yes(tmp_path: Path) -> None:
    async def revoked() -> None:
        browser = await manager(published(tmp_path))
        store = DeviceAccessStore(tmp_path / "state")
        for user in ("one", "two"):
            store.set_credentials("lamp", user, "a-password")
        page = (await browser.get(PATH)).text
        assert 'name="opens"' not in page
        fields = {"product": "lamp", "user": "one"}
        assert (await browser.post(f"{PATH}/credentials/revoke", fields)).status == 303
        assert 'name="opens"' in (await browser.get(PATH)).text
        # A dialog of a page that was loaded before does not say yes.
        fields = {"product": "lamp", "user": "two"}
        assert (await browser.post(f"{PATH}/credentials/revoke", fields)).status == 409
        assert len(store.all().credentials) == 1
        fields["opens"] = "yes"
        assert (await browser.post(f"{PATH}/credentials/revoke", fields)).status == 303
        assert store.all().credentials == ()

    asyncio.run(revoked())


def test_secret_paths(tmp_path: Path) -> None:
    async def made() -> None:
        browser = await manager(published(tmp_path))
        store = DeviceAccessStore(tmp_path / "state")
        await browser.get(PATH)
        for fields in ({}, {"products": "lamp", "every": "yes"}):
            page = await browser.post(f"{PATH}/paths", fields)
            assert (page.status, "for some products" in page.text) == (400, True)
        await browser.post(f"{PATH}/paths", {"products": "lamp, door", "name": "old"})
        (path,) = _ONCE.findall((await browser.get(PATH)).text)
        assert re.fullmatch("/u/[0-9a-f]{32}", path)
        await browser.post(f"{PATH}/paths", {"every": "yes"})
        (first, second) = store.all().paths
        assert (first.products, first.name, second.products) == (("lamp", "door"), "old", ("*",))
        page = (await browser.get(PATH)).text
        assert "every product" in page
        assert (await browser.post(f"{PATH}/paths/{first.id}/revoke")).status == 303
        assert store.all().paths == (second,)

    asyncio.run(made())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"product": "lamp", "user": ""}, "the user name is empty"),
        ({"product": "lamp", "user": "a:b"}, "contains a colon"),
        ({"product": "lamp", "user": "a", "password": "x" * 200}, "longer than 128 bytes"),
        ({"product": "La mp", "user": "a"}, "'La mp'"),
    ],
)
def test_what_is_wrong_is_beside_the_form(
    tmp_path: Path, fields: dict[str, str], words: str
) -> None:
    async def refused() -> None:
        browser = await manager(published(tmp_path))
        await browser.get(PATH)
        page = await browser.post(f"{PATH}/credentials", fields)
        assert page.status in (400, 422)
        assert words.lower() in html.unescape(page.text).lower()
        assert "x" * 200 not in page.text

    asyncio.run(refused())


def test_a_damaged_file_shows_no_path_of_the_server(tmp_path: Path) -> None:
    async def shown() -> None:
        browser = await manager(published(tmp_path))
        (tmp_path / "state/device-access.json").write_text("{")
        page = await browser.get(PATH)
        assert (page.status, str(tmp_path) in page.text) == (500, False)

    asyncio.run(shown())
