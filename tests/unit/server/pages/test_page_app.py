"""The door: which requests are for the pages, with which headers, under which hosts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acpublish.server.pages.page_app import POLICY
from tests.unit.server.pages.visiting import Browser, application

DEVICE = {
    "user_agent": "ESP8266-http-Update",
    "x_esp8266_sta_mac": "5C:CF:7F:00:00:01",
    "x_esp8266_mode": "sketch",
}


@pytest.mark.parametrize(
    ("path", "headers", "is_page"),
    [
        ("/", {}, True),
        ("/?sort=name", {}, True),
        ("/", {"accept": "*/*"}, False),
        ("/", {"accept": "application/json"}, False),
        # A device never gets the page, whatever it accepts.
        ("/", DEVICE, False),
        ("/", {"user_agent": "ESP32HTTPClient"}, False),
        ("/lamp", {}, False),
        ("/_catalog", {}, False),
        ("/_/sign-in", {"accept": "*/*"}, True),
        ("/_/sign-in", DEVICE, True),
        ("/_/nothing", {}, True),
    ],
)
def test_what_is_a_page(tmp_path: Path, path: str, headers: dict[str, str], is_page: bool) -> None:
    page = asyncio.run(Browser(application(tmp_path)).get(path, **headers))
    assert ("content-security-policy" in page.headers) == is_page
    assert page.headers["content-type"].startswith("text/html") == is_page


@pytest.mark.parametrize("path", ["/", "/_/sign-in", "/_/parts", "/_/nothing"])
def test_each_page_is_for_this_browser_alone(tmp_path: Path, path: str) -> None:
    page = asyncio.run(Browser(application(tmp_path)).get(path))
    assert page.headers["content-security-policy"] == POLICY
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "same-origin"
    assert "<script>" not in page.text
    assert " style=" not in page.text
    assert " onclick=" not in page.text


@pytest.mark.parametrize("path", ["/", "/_/sign-in", "/_/parts"])
def test_a_foreign_host_is_refused_with_a_page(tmp_path: Path, path: str) -> None:
    page = asyncio.run(Browser(application(tmp_path)).get(path, host="evil.example"))
    assert page.status == 421
    assert "--host evil.example" in page.text
    own = Browser(application(tmp_path, hosts=("evil.example",)))
    assert asyncio.run(own.get(path, host="evil.example")).status == 200


def test_style_sheets_come_under_any_host(tmp_path: Path) -> None:
    app = application(tmp_path)
    url = app.site.rendering.assets.url("tokens.css")
    assert asyncio.run(Browser(app).get(url, host="evil.example")).status == 200


@pytest.mark.parametrize(
    ("scheme", "host", "has_it"),
    [
        ("http", "127.0.0.1:8000", True),
        ("http", "localhost", True),
        ("http", "[::1]:8000", True),
        ("http", "192.0.2.1:8000", False),
        ("https", "192.0.2.1:8443", True),
        ("http", "updates.example", True),
    ],
)
def test_the_opener_policy_is_only_where_a_browser_heeds_it(
    tmp_path: Path, scheme: str, host: str, has_it: bool
) -> None:
    """Elsewhere each page would be an error in its console."""
    app = application(tmp_path, hosts=("https://updates.example",))
    page = asyncio.run(Browser(app, scheme=scheme).get("/", host=host))
    assert page.status == 200
    assert ("cross-origin-opener-policy" in page.headers) == has_it


def test_errors_are_pages(tmp_path: Path) -> None:
    app = application(tmp_path)
    browser = Browser(app)
    missing = asyncio.run(browser.get("/_/nothing"))
    assert (missing.status, "There is no such page" in missing.text) == (404, True)
    wrong = asyncio.run(browser.send("DELETE", "/_/sign-in"))
    assert (wrong.status, "does not accept that" in wrong.text) == (405, True)


def test_a_fault_shows_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = application(tmp_path)

    def fail() -> None:
        raise ZeroDivisionError("a detail of the inside")

    monkeypatch.setattr(app.site.catalog, "products", fail)
    page = asyncio.run(Browser(app).get("/"))
    assert page.status == 500
    assert "a detail" not in page.text
    assert "Traceback" not in page.text
    assert "a detail of the inside" in caplog.text


def test_all_that_a_page_loads_is_small() -> None:
    """The limit of issue 16, for all assets together."""
    from acpublish.server.pages.asset_files import AssetFiles

    assert sum(len(asset.compressed) for asset in AssetFiles().files.values()) < 150_000
