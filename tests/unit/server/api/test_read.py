"""Documents about products."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

import acpublish
from acpublish.release.manifest import Release
from acpublish.server.api import read
from tests.support.images import esp32_image
from tests.unit.server.in_memory import ask, lamp_catalog, make

DEVICE = [(b"user-agent", b"ESP32-http-Update"), (b"x-esp32-version", b"1.0.0")]


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return lamp_catalog(tmp_path)


def document(app: Any, path: bytes) -> tuple[int, dict[str, Any]]:
    status, body = asyncio.run(ask(app, b"/api/v1/products" + path))
    return status, json.loads(body)


def test_products(catalog: Path) -> None:
    assert document(make(catalog), b"") == (200, {"products": ["lamp"]})


def test_releases_are_in_the_order_of_their_versions(catalog: Path) -> None:
    image = catalog.parent / "image.bin"
    for seed, version in enumerate(("1.10.0", "1.2.0")):
        image.write_bytes(esp32_image(seed=seed + 5))
        acpublish.publish(image, to=catalog, product="lamp", version=version, board=f"c{seed}")
    status, shown = document(make(catalog), b"/lamp")
    assert (status, shown["product"]) == (200, "lamp")
    assert [release["version"] for release in shown["releases"]] == ["1.0.0", "1.2.0", "1.10.0"]


def test_a_product_that_is_not_there(catalog: Path) -> None:
    status, shown = document(make(catalog), b"/door")
    assert (status, shown["code"]) == (404, "not-found")


@pytest.mark.parametrize("what", [b"devices", b"keys"])
def test_an_invalid_name(catalog: Path, what: bytes) -> None:
    status, shown = document(make(catalog), b"/La mp/" + what)
    assert (status, shown["code"]) == (422, "name")


def test_the_devices_of_a_product(catalog: Path) -> None:
    app = make(catalog)
    for number in range(3):
        mac = (b"x-esp32-sta-mac", b"24:0A:C4:00:00:%02d" % number)
        assert asyncio.run(ask(app, b"/update/lamp/c3", [*DEVICE, mac]))[0] == 304
    status, shown = document(app, b"/lamp/devices")
    assert status == 200
    assert shown["devices"] == [{"board": "c3", "version": "1.0.0", "count": 3}]
    assert shown["since"].endswith("Z")
    assert document(app, b"/door/devices")[1]["devices"] == []


def test_the_rows_of_devices_are_limited(catalog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "MAX_ROWS", 1)
    app = make(catalog)
    for number, version in enumerate((b"1.0.0", b"1.0.0", b"0.9.0", b"0.8.0")):
        headers = [
            (b"user-agent", b"ESP32-http-Update"),
            (b"x-esp32-version", version),
            (b"x-esp32-sta-mac", b"24:0A:C4:00:00:%02d" % number),
        ]
        asyncio.run(ask(app, b"/update/lamp/c3", headers, method="HEAD"))
    shown = document(app, b"/lamp/devices")[1]
    assert len(shown["devices"]) == 1
    assert shown["devices"][0]["count"] + shown["omitted"] == 4


def test_releases_are_written_once_for_each_state(
    catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A directory that changed a moment ago is read again for each request.
    time.sleep(0.15)
    written: list[str] = []
    to_dict = Release.to_dict

    def counted(self: Release) -> Any:
        written.append(str(self.version))
        return to_dict(self)

    monkeypatch.setattr(Release, "to_dict", counted)
    app = make(catalog)
    for _ in range(3):
        assert len(document(app, b"/lamp")[1]["releases"]) == 1
    assert written == ["1.0.0"]


def test_the_keys_of_a_product(catalog: Path) -> None:
    assert document(make(catalog), b"/lamp/keys") == (200, {"product": "lamp", "keys": []})
