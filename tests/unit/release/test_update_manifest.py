"""What an update manifest says of an image; whole clients read it in tests/conformance."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.image.esp32 import CHIPS
from acpublish.release.manifest import Release
from acpublish.release.update_manifest import chip_family, update_manifest
from tests.unit.catalog.holding import put


@pytest.fixture
def release(tmp_path: Path) -> Release:
    catalog = DirectoryCatalog(tmp_path)
    put(catalog, "1.2.3")
    return catalog.releases("lamp")[0]


@pytest.mark.parametrize(
    ("family", "chip", "name"),
    [
        ("esp8266", "esp8266", "ESP8266"),
        ("esp32", "esp32", "ESP32"),
        ("esp32", "esp32c3", "ESP32-C3"),
        ("esp32", "esp32s31", "ESP32-S31"),
        ("esp32", "esp32c61", "ESP32-C61"),
        ("esp32", "chip-99", None),
        (None, None, None),
    ],
)
def test_chips_are_spelled_as_esphome_does(
    release: Release, family: str, chip: str, name: str | None
) -> None:
    """``VARIANT_FRIENDLY`` of ESPHome 2026.6.5, components/esp32/const.py."""
    image = replace(release.images[0], family=family, chip=chip)
    assert chip_family(image) == name
    assert len(update_manifest(release, image)["builds"]) == (name is not None)


def test_every_chip_of_the_family_has_a_name(release: Release) -> None:
    names = {
        chip_family(replace(release.images[0], family="esp32", chip=chip))
        for chip in CHIPS.values()
    }
    assert None not in names
    assert len(names) == len(CHIPS)


def test_without_a_base_there_is_no_url(release: Release) -> None:
    image = release.images[0]
    assert "url" not in update_manifest(release, image)
    document = update_manifest(release, image, "https://h:1")
    assert document["url"] == f"https://h:1/lamp/{image.file}"
    assert document["path"] == document["builds"][0]["ota"]["path"] == f"/lamp/{image.file}"


def test_addresses_below_a_secret_path_begin_with_it(release: Release) -> None:
    image = release.images[0]
    document = update_manifest(release, image, "https://h:1", "/u/0123")
    assert document["path"] == f"/u/0123/lamp/{image.file}"
    assert document["url"] == f"https://h:1/u/0123/lamp/{image.file}"
    assert document["builds"][0]["ota"]["path"] == document["path"]


def test_a_filesystem_has_nothing_that_a_client_installs(release: Release) -> None:
    image = replace(release.images[0], kind="filesystem")
    assert {"url", "builds"}.isdisjoint(update_manifest(release, image, "http://h"))
