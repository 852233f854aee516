"""One release: its images, their bytes for whoever may read them, its checks, and comparisons."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from acpublish.release.version import Version
from tests.unit.catalog.holding import ANY_ORDER, image, put
from tests.unit.server.pages.product_site import MARKUP, PATH, ProductSite


def test_a_release_with_its_images(tmp_path: Path) -> None:
    site = ProductSite(tmp_path)

    async def look() -> None:
        stranger = await site.browser()
        page = (await stranger.get(PATH + "/1.1.0")).text
        bytes_ = image("1.1.0")
        assert hashlib.md5(bytes_).hexdigest() in page
        assert hashlib.sha256(bytes_).hexdigest() in page
        assert ">esp8266<" in page
        assert "gzip" in page
        assert ">stamped<" in page
        # What is public has its public address; the rest needs a sign-in.
        assert 'href="/lamp/lamp-1.1.0_d1.bin"' in page
        for needs in ("Compare with", "/checks", "Promote", "Withdraw", "Devices that run it"):
            assert needs not in page
        reader = await site.browser(read=True)
        page = (await reader.get(PATH + "/1.1.0")).text
        assert "Compare with 1.0.0" in page
        assert "Devices that run it" in page
        assert f'hx-get="{PATH}/1.1.0/checks"' in page
        assert "Withdraw" not in page
        assert "Promote" not in page

    asyncio.run(look())


def test_the_bytes_of_a_release_that_was_withdrawn(tmp_path: Path) -> None:
    site = ProductSite(tmp_path)
    site.withdraw("1.0.0")

    async def look() -> None:
        stranger, reader = await site.browser(), await site.browser(read=True)
        assert "lamp/lamp-1.0.0_d1.bin" not in (await stranger.get(PATH + "/1.0.0")).text
        path = PATH + "/1.0.0/image?board=d1&kind=firmware"
        assert (await stranger.get(path)).status == 303
        page = await reader.get(path)
        assert page.status == 200
        assert page.headers["x-md5"] == hashlib.md5(image("1.0.0")).hexdigest()
        assert page.headers["content-disposition"].startswith("attachment")
        assert (await reader.get(PATH + "/1.0.0/image?board=none")).status == 404
        assert (await reader.get(PATH + "/1.0.0/image?board=d1&kind=x")).status == 400

    asyncio.run(look())


def test_the_checks_run_again(tmp_path: Path) -> None:
    site = ProductSite(tmp_path)
    reason = {**ANY_ORDER, "unstamped": MARKUP}
    put(site.catalog, "0.9.0", channel="old", skipped_checks=reason)

    async def look() -> None:
        stranger, reader = await site.browser(), await site.browser(read=True)
        assert (await stranger.get(PATH + "/0.9.0/checks")).status == 303
        page = (await reader.get(PATH + "/0.9.0/checks")).text
        assert "&lt;script&gt;" in page
        assert MARKUP not in page
        assert ">skipped<" in page
        assert "damaged" in page
        part = (await reader.get(PATH + "/0.9.0/checks", hx_request="true")).text
        assert "<html" not in part
        listed = (await stranger.get(PATH)).text
        assert "2 checks skipped" in listed
        # An object that was changed on the disk is told, and not a fault of the page.
        release = site.app.site.products.product("lamp").row(Version.parse("1.2.0")).release
        stored = site.catalog.object_path(release.images[0].sha256)
        stored.chmod(0o644)
        stored.write_bytes(b"x" * 100)
        page = (await reader.get(PATH + "/1.2.0/checks")).text
        assert "was changed on the disk" in page

    asyncio.run(look())


def test_two_releases_compared(tmp_path: Path) -> None:
    site = ProductSite(tmp_path)

    async def look() -> None:
        assert (await (await site.browser()).get(PATH + "/compare")).status == 303
        reader = await site.browser(read=True)
        page = await reader.get(PATH + "/compare?a=1.0.0&b=1.1.0&board=d2")
        assert page.status == 200
        assert "lamp 1.0.0" in page.text
        assert "lamp 1.1.0" in page.text
        assert "Sizes of the last releases" in page.text
        assert "1.1.0 for d1" in (await reader.get(PATH + "/compare")).text

    asyncio.run(look())


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("?a=1.0.0&b=7.7.7", "There is no release lamp 7.7.7."),
        ("?a=1.x&b=1.0.0", "1.x"),
        ("?a=1.0.0&b=1.2.0&board=d2", "lamp 1.2.0 has no firmware for d2."),
        ("?a=1.0.0&b=1.1.0&kind=filesystem", "has no filesystem for any board."),
        (f"?a={MARKUP}&b=1.0.0", "&lt;script&gt;"),
    ],
)
def test_what_cannot_be_compared(tmp_path: Path, query: str, problem: str) -> None:
    async def look() -> None:
        reader = await ProductSite(tmp_path).browser(read=True)
        page = await reader.get(PATH + "/compare" + query)
        assert page.status == 422
        assert problem in page.text
        assert MARKUP not in page.text

    asyncio.run(look())
