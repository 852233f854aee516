"""Upload by browser: what is shown of a file, what is published, and who may do it."""

from __future__ import annotations

import asyncio
import errno
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import CatalogError
from acpublish.image.stamper import stamp
from acpublish.release.submission import Receipt
from acpublish.server.pages import upload_page
from acpublish.server.token_file import TokenStore
from tests.support.images import (
    bootloader,
    esp32_image,
    esp8266_image,
    gzipped,
    littlefs,
    merged_image,
)
from tests.support.tokens import create_token
from tests.unit.server.pages.visiting import Browser, Page, application

SKETCH = esp8266_image(seed=1)
PATH = "/_/upload"
_CHECKS = re.compile(r'id="checks-([\w-]+)"')
_FIELD = re.compile(r'name="(product|version|board)\.([\w-]+)"[^>]*?(?: value="([^"]*)")?[ >]')


class Uploading:
    """Somebody with files."""

    def __init__(self, folder: Path, **grant: object) -> None:
        self.folder, self.state = folder, folder / "state"
        self.browser = Browser(application(folder))
        self.token = create_token(self.state, **(grant or {"publish": "*", "name": "ci"}))  # type: ignore[arg-type]

    async def drop(self, **files: bytes) -> Page:
        """Signs in if needed, and drops files; ``__`` in a name is a dot."""
        if "acpublish_session" not in self.browser.cookies:
            await self.browser.sign_in(self.token)
        await self.browser.get(PATH)
        named = {name.replace("__", "."): data for name, data in files.items()}
        answer = await self.browser.upload(f"{PATH}/files", named)
        assert (answer.status, answer.headers["location"]) == (303, PATH), answer
        return await self.browser.get(PATH)

    def ids(self, page: Page) -> list[str]:
        """Returns the ids of the files on a page."""
        return [found for found in _CHECKS.findall(page.text) if found != "all"]

    async def publish(self, page: Page, *typed: dict[str, str], **common: str) -> Page:
        """Types something for each file, and publishes."""
        fields = dict(common)
        for file, values in zip(self.ids(page), typed, strict=True):
            fields |= {f"{what}.{file}": value for what, value in values.items()}
        answer = await self.browser.post(f"{PATH}/publish", fields)
        assert answer.status == 303, answer.text
        return await self.browser.get(PATH)

    @property
    def catalog(self) -> DirectoryCatalog:
        """The catalog as it is on the disk."""
        return DirectoryCatalog(self.folder / "catalog", self.state)


def played(folder: Path, play: Callable[[Uploading], Awaitable[None]], **grant: object) -> None:
    """Lets somebody upload."""

    async def run() -> None:
        by = Uploading(folder, **grant)
        try:
            await play(by)
        finally:
            by.browser.app.site.waiting.close()

    asyncio.run(run())


def test_a_sketch_of_arduino_ide_becomes_a_release(tmp_path: Path) -> None:
    async def play(by: Uploading) -> None:
        page = await by.drop(Lamp__ino__d1_mini__bin=SKETCH)
        assert "From the name of the file." in page.text
        assert "Still to be filled in: version." in page.text
        assert by.catalog.products() == ()
        page = await by.publish(page, {"version": "1.0.0"}, channel="beta", why="the first one")
        assert "http://localhost/update/lamp/d1_mini?channel=beta" in page.text
        assert 'href="/_/products/lamp/1.0.0"' in page.text
        (release,) = by.catalog.releases("lamp")
        (image,) = release.images
        assert (str(release.version), image.board, image.stamped) == ("1.0.0", "d1_mini", True)
        (change,) = by.catalog.snapshots.product("lamp").channels.history
        assert (change.author.why, change.channel) == ("the first one", "beta")
        assert change.author.by == TokenStore(by.state).all()[0].id
        # The next file does not get what was said of this one.
        page = await by.drop(Lamp__ino__d1_mini__bin=esp8266_image(seed=2))
        assert 'value="beta"' in page.text
        assert "the first one" not in page.text

    played(tmp_path, play)


@pytest.mark.parametrize("where", ["this machine", "elsewhere"])
def test_whoever_signed_in_by_a_link_is_who_created_it(tmp_path: Path, where: str) -> None:
    async def play(by: Uploading) -> None:
        site = by.browser.app.site
        creator = site.tokens.find(by.token) if where == "elsewhere" else None
        secret = site.links.new(creator).partition("#")[2]
        await by.browser.get("/_/sign-in")
        assert (await by.browser.post("/_/sign-in", {"link": secret})).status == 303
        page = await by.drop(lamp_v1__0__0_c3__bin=esp32_image("esp32c3"))
        assert "ready" in page.text
        await by.publish(page, {})
        (change,) = by.catalog.snapshots.product("lamp").channels.history
        assert change.author.by == (creator.id if creator else "this machine")
        assert (">admin<" in page.text) == (">this machine<" not in page.text) == bool(creator)

    played(tmp_path, play, manage=True, name="admin")


def test_what_files_are(tmp_path: Path) -> None:
    async def play(by: Uploading) -> None:
        page = await by.drop(
            lamp__bin=stamp(esp32_image("esp32c3", seed=1), "lamp", "2.0.0"),
            porch_v1__0_d1__bin__gz=gzipped(SKETCH),
            fs__bin=littlefs(),
            merged__bin=merged_image(),
            boot__bin=bootloader(),
            notes__bin=b"These are notes.\n" * 20,
        )
        for text in (
            "esp32c3, 4MB flash",
            "From the stamp in the image.",
            "ESP-IDF v5",
            "unpacked from a gzip",
            "Filesystem",
            "The file is a merged factory image",
            "The file is a bootloader",
            "Not an image of an ESP",
        ):
            assert text in page.text, text
        # Nothing that can be typed would let the other three be published.
        ids = by.ids(page)
        assert {found[1] for found in _FIELD.findall(page.text)} == set(ids[:3])
        assert len(ids) == 6

    played(tmp_path, play)


def test_nothing_is_published_if_one_file_is_refused(tmp_path: Path) -> None:
    async def play(by: Uploading) -> None:
        page = await by.drop(lamp_v1__0__0_d1__bin=SKETCH, merged_v1__0__0_d1__bin=merged_image())
        page = await by.publish(page, {}, {})
        assert "Nothing was published." in page.text
        assert by.catalog.products() == ()
        _, merged = by.ids(page)
        await by.browser.post(f"{PATH}/remove", {"remove": merged})
        page = await by.browser.get(PATH)
        page = await by.publish(page, {})
        assert by.catalog.products() == ("lamp",)

    played(tmp_path, play)


def test_two_files_for_one_place(tmp_path: Path) -> None:
    async def play(by: Uploading) -> None:
        page = await by.drop(
            lamp_v1__0__0_d1__bin=SKETCH, lamp_v1__0__0_d1__bin__gz=gzipped(esp8266_image(seed=2))
        )
        assert "is also the firmware of lamp 1.0.0 for the board d1" in page.text
        page = await by.publish(page, {}, {"board": "d2"})
        (release,) = by.catalog.releases("lamp")
        assert sorted(image.board for image in release.images) == ["d1", "d2"]

    played(tmp_path, play)


def test_other_bytes_under_a_published_version(tmp_path: Path) -> None:
    async def play(by: Uploading) -> None:
        await by.publish(await by.drop(lamp_v1__0__0_d1__bin=SKETCH), {})
        page = await by.drop(lamp_v1__0__0_d1__bin=esp8266_image(seed=2))
        assert "is already published with different bytes" in page.text
        page = await by.publish(page, {"version": "1.0.1"})
        assert "lamp 1.0.1 for d1" in page.text
        page = await by.drop(lamp_v1__0__1_d1__bin=esp8266_image(seed=2))
        assert "on stable already, with the same bytes" in page.text

    played(tmp_path, play)


def test_wrong_values_are_named_beside_their_file(tmp_path: Path) -> None:
    async def play(by: Uploading) -> None:
        page = await by.drop(lamp_v1__0__0_d1__bin=SKETCH)
        evil = "<script>alert(1)</script>\x1b"
        page = await by.publish(page, {"product": evil, "version": "1.x"}, requires="1.x")
        assert "<script>alert" not in page.text
        assert "\x1b" not in page.text
        assert "Nothing was published." in page.text
        assert "not a valid" in page.text

    played(tmp_path, play)


def test_a_name_with_markup(tmp_path: Path) -> None:
    async def play(by: Uploading) -> None:
        await by.browser.sign_in(by.token)
        await by.browser.get(PATH)
        await by.browser.upload(f"{PATH}/files", {"C:\\x\\<img src=x>\u202e\x07.bin": SKETCH})
        page = await by.browser.get(PATH)
        assert "<img" not in page.text
        assert "&lt;img src=x&gt;\\u202e\\x07.bin" in page.text
        assert "C:" not in page.text

    played(tmp_path, play)


def test_what_a_token_may_not_publish(tmp_path: Path) -> None:
    async def play(by: Uploading) -> None:
        page = await by.drop(porch_v1__0__0_d1__bin=SKETCH)
        assert "the token is for another product" in page.text.lower()
        assert re.search(r'name="channel"[^>]* value="beta"', page.text)
        page = await by.publish(page, {"product": "lamp"}, channel="stable")
        assert "the token is for other channels" in page.text.lower()
        assert by.catalog.products() == ()
        await by.publish(page, {"product": "lamp"}, channel="beta")
        assert by.catalog.products() == ("lamp",)

    played(tmp_path, play, publish="lamp", channels=("beta",))


def test_a_token_that_is_revoked_publishes_nothing(tmp_path: Path) -> None:
    async def play(by: Uploading) -> None:
        page = await by.drop(lamp_v1__0__0_d1__bin=SKETCH)
        assert "ready" in page.text
        TokenStore(by.state).revoke("ci")
        answer = await by.browser.post(f"{PATH}/publish")
        # The form was one of a session that has ended.
        assert answer.status == 403
        assert by.catalog.products() == ()
        assert by.browser.app.site.waiting._batches == {}

    played(tmp_path, play)


def test_a_release_that_cannot_be_written_waits_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(by: Uploading) -> None:
        page = await by.drop(lamp_v1__0__0_d1__bin=SKETCH, porch_v1__0__0_d1__bin=SKETCH)
        put = DirectoryCatalog.put

        def full(catalog: DirectoryCatalog, *args: Any, **options: Any) -> Receipt:
            if args[1].product == "porch":
                raise CatalogError("a path of the server", hint="x") from OSError(errno.ENOSPC, "")
            return put(catalog, *args, **options)

        monkeypatch.setattr(DirectoryCatalog, "put", full)
        page = await by.publish(page, {}, {})
        assert "porch_v1.0.0_d1.bin was not published: the server&#39;s disk is full" in page.text
        assert "a path of the server" not in page.text
        assert by.catalog.products() == ("lamp",)
        assert len(by.ids(page)) == 1

    played(tmp_path, play)


def test_files_of_others_are_not_seen_and_go_at_sign_out(tmp_path: Path) -> None:
    async def play(by: Uploading) -> None:
        await by.drop(lamp_v1__0__0_d1__bin=SKETCH)
        other = Browser(by.browser.app)
        await other.sign_in(by.token)
        assert "lamp_v1" not in (await other.get(PATH)).text
        (batch,) = [batch for batch in by.browser.app.site.waiting._batches.values() if batch.files]
        await by.browser.post("/_/sign-out")
        assert all(file.file.closed for file in batch.files)
        assert (await by.browser.get(PATH)).status == 303

    played(tmp_path, play)


@pytest.mark.parametrize("path", ["files", "check", "publish", "remove"])
def test_who_may_not(tmp_path: Path, path: str) -> None:
    async def play(by: Uploading) -> None:
        await by.browser.get("/_/sign-in")
        page = await by.browser.upload(f"{PATH}/files", {"a.bin": SKETCH})
        assert (page.status, "sign-in" in page.headers["location"]) == (303, True)
        await by.browser.sign_in(by.token)
        page = (
            await by.browser.upload(f"{PATH}/files", {"a.bin": SKETCH})
            if path == "files"
            else await by.browser.post(f"{PATH}/{path}")
        )
        assert page.status == 403
        assert (await by.browser.get(PATH)).status == 403
        assert "Upload" not in (await by.browser.get("/")).text

    played(tmp_path, play, read=True)


@pytest.mark.parametrize("csrf", ["", "0" * 64])
def test_files_without_the_csrf_token_are_not_kept(tmp_path: Path, csrf: str) -> None:
    async def play(by: Uploading) -> None:
        await by.drop(lamp_v1__0__0_d1__bin=SKETCH)
        page = await by.browser.upload(f"{PATH}/files", {"late.bin": SKETCH}, csrf=csrf)
        assert page.status == 403
        foreign = await by.browser.upload(
            f"{PATH}/files", {"late.bin": SKETCH}, sec_fetch_site="cross-site"
        )
        assert foreign.status == 403
        kind = "multipart/form-data; boundary=s"
        head = b'--s\r\nContent-Disposition: form-data; name="f"; filename="late.bin"\r\n\r\n'
        body = head + b"x\r\n--s--"
        bare = await by.browser.send("POST", f"{PATH}/files", body, content_type=kind)
        assert bare.status == 403
        assert "late.bin" not in (await by.browser.get(PATH)).text

    played(tmp_path, play)


def test_a_file_that_is_too_large_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(by: Uploading) -> None:
        by.browser = Browser(application(tmp_path, upload_bytes=1 << 20))
        page = await by.drop(large__bin=bytes((1 << 20) + 1), lamp_v1__0__0_d1__bin=SKETCH)
        assert "large.bin was not accepted: the file is larger than 1 MiB" in page.text
        assert "lamp_v1.0.0_d1.bin" in page.text
        monkeypatch.setattr(upload_page, "_MAX_BODY", 1000)
        page = await by.browser.upload(f"{PATH}/files", {"large.bin": SKETCH})
        assert (page.status, "too large" in page.text) == (400, True)

    played(tmp_path, play)


def test_a_form_has_so_many_files(tmp_path: Path) -> None:
    async def play(by: Uploading) -> None:
        await by.drop(lamp_d1__bin=SKETCH)
        page = await by.browser.upload(f"{PATH}/files", {f"{n}.bin": b"" for n in range(300)})
        assert (page.status, "too many files" in page.text) == (400, True)

    played(tmp_path, play)


def test_a_script_gets_only_what_the_checks_say(tmp_path: Path) -> None:
    async def play(by: Uploading) -> None:
        page = await by.drop(lamp_d1__bin=SKETCH)
        (file,) = by.ids(page)
        fields = {f"version.{file}": "1.0.0", f"board.{file}": "d1", f"product.{file}": "lamp"}
        part = await by.browser.post(f"{PATH}/check", fields, hx_request="true")
        assert part.status == 200
        assert f'id="checks-{file}"' in part.text
        assert 'hx-swap-oob="true"' in part.text
        assert "lamp 1.0.0 for d1 will be published to stable." in part.text
        assert "<html" not in part.text

    played(tmp_path, play)
