"""The first page: counts, the newest releases, and the steps of an empty catalog."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from acpublish.catalog.directory import DirectoryCatalog
from tests.unit.catalog.holding import put
from tests.unit.server.pages.visiting import ELSEWHERE, Browser, application


def test_the_steps_have_the_address_of_this_server(tmp_path: Path) -> None:
    app = application(tmp_path)
    page = asyncio.run(Browser(app, ELSEWHERE).get("/", host="192.0.2.1:8000"))
    assert "--to http://192.0.2.1:8000 --insecure-http" in page.text
    assert "acpublish emulate --to http://192.0.2.1:8000 --auto lamp/d1_mini" in page.text
    secure = asyncio.run(Browser(app, ELSEWHERE, "https").get("/", host="192.0.2.1:8443"))
    assert "--to https://192.0.2.1:8443<" in secure.text


def test_the_newest_releases_with_what_channels_point_at(tmp_path: Path) -> None:
    app = application(tmp_path)
    for version in ("1.0.0", "1.1.0"):
        put(DirectoryCatalog(tmp_path / "catalog"), version)
    page = asyncio.run(Browser(app).get("/"))
    rows = re.findall(r"<tr>\s*<th scope=\"row\">(.*?)</tr>", page.text, re.S)
    assert len(rows) == 2
    stable = [row for row in rows if ">stable<" in row]
    assert len(stable) == 1
    assert "1.1.0" in stable[0]
    assert "Devices" not in page.text
