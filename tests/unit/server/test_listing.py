"""Lists of directories: for whom they are shortened, and how long they are remembered."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import threading
from pathlib import Path
from typing import Any

import pytest

import acpublish
from acpublish.catalog.contents import CatalogFiles
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.server import listing
from acpublish.server.lately import FRESH_S
from acpublish.server.listing import _paths
from tests.support.images import esp32_image, esp8266_image, gzipped
from tests.unit.server.in_memory import ask, lamp_catalog, make

ESP32 = [(b"user-agent", b"ESP32HTTPClient")]
ESP8266 = [(b"user-agent", b"ESP8266HTTPClient")]
ROOT = b"/_catalog?op=list&path=."


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return lamp_catalog(tmp_path)


def listed(catalog: Path, headers: list[tuple[bytes, bytes]] | None = None) -> list[dict[str, Any]]:
    status, body = asyncio.run(ask(make(catalog), ROOT, headers))
    assert status == 200
    entries: list[dict[str, Any]] = json.loads(body)
    return entries


def names(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["name"] for entry in entries]


def test_a_list_is_made_again_when_its_directory_changed(catalog: Path) -> None:
    app = make(catalog)

    async def names() -> set[str]:
        _, body = await ask(app, b"/_catalog?op=list&path=.")
        return {entry["name"] for entry in json.loads(body)}

    async def main() -> None:
        assert await names() == {"lamp"}
        (catalog / "new.bin").write_bytes(esp32_image())
        await asyncio.sleep(2 * FRESH_S)
        assert await names() == {"lamp", "new.bin"}

    asyncio.run(main())


def test_a_long_directory_is_scanned_once_for_all_who_ask(
    catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    entries = CatalogFiles.entries

    def counted(self: CatalogFiles, directory: Any) -> Any:
        calls.append(directory)
        return entries(self, directory)

    monkeypatch.setattr(CatalogFiles, "entries", counted)
    app = make(catalog)

    async def main() -> None:
        asked = [ask(app, b"/_catalog?op=list&path=.") for _ in range(20)]
        answers = await asyncio.gather(*asked)
        assert len(set(answers)) == 1

    asyncio.run(main())
    assert len(calls) == 1


@pytest.mark.parametrize("limit_s", [-1.0, 60.0])
def test_a_slow_look_at_the_disk_is_left_to_a_thread(
    catalog: Path, monkeypatch: pytest.MonkeyPatch, limit_s: float
) -> None:
    monkeypatch.setattr(listing, "_SLOW_STAMP_S", limit_s)
    threads: list[bool] = []
    products = DirectoryCatalog.products

    def noted(self: DirectoryCatalog) -> Any:
        threads.append(threading.current_thread() is threading.main_thread())
        return products(self)

    monkeypatch.setattr(DirectoryCatalog, "products", noted)

    async def main() -> None:
        app = make(catalog)
        first = await ask(app, ROOT, ESP32)
        await asyncio.sleep(2 * FRESH_S)
        threads.clear()
        assert await ask(app, ROOT, ESP32) == first

    asyncio.run(main())
    assert threads
    assert any(threads) == (limit_s > 0)


def test_a_devices_root_offers_the_stable_image_of_each_product(catalog: Path) -> None:
    image = catalog.parent / "image.bin"
    for version, channel in (("1.1.0", "stable"), ("1.2.0", "beta")):
        image.write_bytes(esp32_image(seed=len(version) + int(version[2])))
        acpublish.publish(
            image, to=catalog, product="lamp", version=version, board="c3", channel=channel
        )
    acpublish.publish(image, to=catalog, product="door", version="0.1.0", board="c3", channel="dev")
    # A product without a stable channel shows its newest image.
    assert {name for name in names(listed(catalog, ESP32)) if name.endswith(".bin")} == {
        "lamp/lamp-1.1.0_c3.bin",
        "door/door-0.1.0_c3.bin",
    }
    assert names(listed(catalog)) == ["door", "lamp"]


def test_a_devices_root_has_nothing_in_place_of_a_withdrawn_stable_image(catalog: Path) -> None:
    image = catalog.parent / "image.bin"
    for version, channel in (("0.1.0", "stable"), ("0.2.0-dev.1", "dev")):
        image.write_bytes(esp32_image(seed=len(version)))
        acpublish.publish(
            image, to=catalog, product="door", version=version, board="c3", channel=channel
        )
    acpublish.withdraw("door", "0.1.0", to=catalog, reason="it hangs")
    assert [name for name in names(listed(catalog, ESP32)) if name.startswith("door/")] == []


def test_a_device_does_not_see_the_other_familys_images(catalog: Path) -> None:
    (catalog / "ours.bin").write_bytes(esp8266_image())
    (catalog / "theirs.bin").write_bytes(esp32_image())
    assert "ours.bin" in names(listed(catalog, ESP8266))
    assert "theirs.bin" not in names(listed(catalog, ESP8266))
    assert {"ours.bin", "theirs.bin"} <= set(names(listed(catalog)))


def test_a_device_sees_the_newest_images_only(catalog: Path) -> None:
    for number in range(30):
        (catalog / f"{number:02}.bin").write_bytes(esp8266_image(seed=number))
        os.utime(catalog / f"{number:02}.bin", (1_700_000_000 + number, 1_700_000_000 + number))
    bins = [entry for entry in listed(catalog, ESP8266) if entry["type"] == "bin"]
    assert names(bins) == [f"{number:02}.bin" for number in range(29, 4, -1)]
    # The seconds cost memory that a device does not have.
    assert {len(entry["time"]) for entry in bins} == {5}
    assert {len(entry["time"]) for entry in listed(catalog)} == {8}
    assert len(listed(catalog)) == 31


def test_an_entry_that_would_disable_a_devices_page_is_omitted(
    catalog: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # ArduinoJson 5 needs the most: 106 bytes with a size of six digits, 102 with one of seven.
    for length, size in ((106, 32768), (107, 32768), (102, 1_000_000), (103, 1_000_000)):
        name = f"{size}".ljust(length - 4, "n") + ".bin"
        (catalog / name).write_bytes(esp8266_image(size))
    with caplog.at_level(logging.WARNING):
        shown = {len(name) for name in names(listed(catalog, ESP8266)) if name.endswith("n.bin")}
    assert shown == {106, 102}
    assert "omitted from a device's list, its name is too long: '32768nnn" in caplog.text


def test_a_damaged_file_is_no_firmware_for_anybody(catalog: Path) -> None:
    image = bytearray(esp8266_image())
    image[20000] ^= 1
    (catalog / "damaged.bin").write_bytes(image)
    (catalog / "sound.bin").write_bytes(esp8266_image())
    for headers in (ESP8266, None):
        types = {entry["name"]: entry["type"] for entry in listed(catalog, headers)}
        assert (types.get("damaged.bin", "file"), types["sound.bin"]) == ("file", "bin")


def test_a_list_reads_files_for_a_short_time_only(
    catalog: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (catalog / "sound.bin").write_bytes(esp8266_image())
    with caplog.at_level(logging.INFO), monkeypatch.context() as patch:
        patch.setattr("acpublish.server.listing._DEVICE_READING_S", -1.0)
        patch.setattr("acpublish.server.listing._READING_S", -1.0)
        assert "sound.bin" not in names(listed(catalog, ESP8266))
        # Others are shown what the headers say.
        assert {entry["type"] for entry in listed(catalog)} == {"bin", "directory"}
    assert "omits 1 images that are not read yet" in caplog.text
    assert "sound.bin" in names(listed(catalog, ESP8266))


def test_a_gzip_is_not_shown_to_an_esp32(catalog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acpublish.catalog.loose.SETTLED_S", -1.0)
    (catalog / "packed.bin").write_bytes(gzipped(esp8266_image()))
    assert "packed.bin" in names(listed(catalog, ESP8266))
    assert "packed.bin" not in names(listed(catalog, ESP32))


def test_images_that_are_cut_off_a_list_are_logged_once(
    catalog: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(30):
        (catalog / f"{number:02}.bin").write_bytes(esp8266_image(seed=number))
    with caplog.at_level(logging.WARNING):
        listed(catalog, ESP8266)
    (line,) = caplog.messages
    assert "the newest 25 images and omits 5 older ones" in line


@pytest.mark.parametrize("character", ["\t", "\n", "\r", "\x01", "\x7f", "\x85"])
def test_a_name_that_no_device_can_request_is_not_listed_to_one(
    catalog: Path, character: str, caplog: pytest.LogCaptureFixture
) -> None:
    name = f"a{character}b.bin"
    (catalog / name).write_bytes(esp8266_image())
    with caplog.at_level(logging.WARNING):
        assert name not in names(listed(catalog, ESP8266))
    assert "no device can request it" in caplog.text
    assert name in names(listed(catalog))


def test_a_device_never_gets_an_empty_list(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (entry,) = listed(tmp_path / "empty", ESP32)
    assert (entry["name"], entry["type"]) == (".", "directory")
    assert set(entry) == {"name", "type", "date", "time", "size"}
    assert listed(tmp_path / "empty") == []


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/_catalog", 400),
        (b"/_catalog?op=delete&path=.", 400),
        (b"/_catalog?op=list&path=missing", 404),
        (b"/_catalog?op=list&path=image.bin", 404),
        (b"/_catalog?op=list", 200),
        (b"/_catalog?op=list&path=/lamp/", 200),
    ],
)
def test_other_requests(catalog: Path, target: bytes, status: int) -> None:
    assert asyncio.run(ask(make(catalog), target))[0] == status


@pytest.mark.parametrize(
    ("query", "paths"),
    [
        (b"op=list&path=a&b", (b"a&b", b"a", b"a")),
        (b"op=list&path=a+b%20c", (b"a+b%20c", b"a+b%20c", b"a b c")),
        (b"path=a&op=list", (b"a", b"a")),
        (b"op=list", (b"", b"")),
        (b"op=other&path=a", None),
        (b"", None),
    ],
)
def test_a_path_is_taken_literally_first(query: bytes, paths: tuple[bytes, ...] | None) -> None:
    assert _paths(query) == paths
