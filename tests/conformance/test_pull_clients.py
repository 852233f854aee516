"""One publish, read by clients that are not ours: ESPHome, esp32FOTA and readers of the JSON."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import acpublish
from acpublish.release.update_manifest import ESP32FOTA_DOCUMENT_BYTES
from tests.support.images import esp32_image, esp8266_image, littlefs
from tests.support.loops import server_on
from tests.support.pull_clients import Esp32Fota, Esphome, EspHttpsOta, RejectedError, fetch
from tests.support.server import RunningServer, running_server

CHIPS = {"d1": "ESP8266", "devkit": "ESP32", "c3": "ESP32-C3", "s3": "ESP32-S3", "c6": "ESP32-C6"}
LONGEST = {"product": "http-" + "p" * 26, "version": f"1.2.3-{'v' * 25}", "board": "b" * 32}


def image_for(board: str, seed: int) -> bytes:
    if board in ("d1", LONGEST["board"]):
        return esp8266_image(seed=seed)
    return esp32_image({"devkit": "esp32"}.get(board, f"esp32{board}"), seed=seed)


def release(catalog: Path, version: str, board: str, image: bytes, **options: str) -> None:
    file = catalog.parent / "image.bin"
    file.write_bytes(image)
    options = {"product": "lamp", **options}
    acpublish.publish(file, to=str(catalog), version=version, board=board, **options)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    catalog = tmp_path_factory.mktemp("clients") / "catalog"
    catalog.mkdir()
    for seed, board in enumerate(CHIPS):
        release(catalog, "1.2.3", board, image_for(board, seed))
    release(catalog, "2.0.0-rc.1", "c3", image_for("c3", 20), channel="beta")
    release(catalog, "1.2.3", "c3", littlefs(seed=21), kind="filesystem")
    release(catalog, image=image_for(LONGEST["board"], 22), **LONGEST)
    return catalog


@pytest.fixture(scope="module")
def server(catalog: Path, loop: str) -> Iterator[RunningServer]:
    names = ("--host", "updates.example.com", "--host", "https://secure.example.com")
    with server_on(loop, catalog, catalog.parent, *names) as running:
        yield running


def manifest(server: RunningServer, address: str, host: str | None = None) -> dict[str, Any]:
    answer = fetch(f"{server.url}/update/{address}", host=host)
    assert answer.status == 200
    assert answer.one("content-type") == "application/json"
    assert answer.one("cache-control") == "no-store"
    document = json.loads(answer.body)
    assert isinstance(document, dict)
    return document


# ESPHome


@pytest.mark.parametrize(("board", "variant"), CHIPS.items())
def test_esphome_updates_every_chip(
    server: RunningServer, catalog: Path, board: str, variant: str
) -> None:
    client = Esphome(variant, "1.2.2", f"{server.url}/update/lamp/{board}.json")
    assert client.update()
    assert client.latest == "1.2.3"
    assert client.perform() == (catalog / "lamp" / f"lamp-1.2.3_{board}.bin").read_bytes()
    assert not Esphome(variant, "1.2.3", client.source).update()


def test_esphome_gets_nothing_for_another_chip(server: RunningServer) -> None:
    with pytest.raises(RejectedError, match="Failed to parse"):
        Esphome("ESP32-S2", "1.2.2", f"{server.url}/update/lamp/c3.json").update()
    with pytest.raises(RejectedError, match="Failed to fetch"):
        Esphome("ESP32-C3", "1.2.2", f"{server.url}/update/lamp/none.json").update()


def test_esphome_takes_a_path_with_http_in_it_for_a_url(server: RunningServer) -> None:
    address = f"{LONGEST['product']}/{LONGEST['board']}"
    client = Esphome("ESP8266", "1.0.0", f"{server.url}/update/{address}.json")
    assert client.update()
    assert client.perform() == fetch(f"{server.url}/update/{address}").body


def test_esphome_keeps_to_the_release_of_its_manifest(tmp_path: Path) -> None:
    """A release that is published between the manifest and the download changes nothing."""
    (tmp_path / "catalog").mkdir()
    release(tmp_path / "catalog", "1.0.0", "c3", image_for("c3", 1))
    with running_server(tmp_path / "catalog", tmp_path) as server:
        client = Esphome("ESP32-C3", "0.9.0", f"{server.url}/update/lamp/c3.json")
        assert client.update()
        before = fetch(f"{server.url}/update/lamp/c3").body
        release(tmp_path / "catalog", "1.1.0", "c3", image_for("c3", 2))
        assert client.perform() == before
        assert client.update()
        assert client.latest == "1.1.0"


def test_esphomes_ota_action_reads_the_md5_address(server: RunningServer) -> None:
    url = f"{server.url}/update/lamp/c3"
    assert Esphome.flash(url, md5_url=f"{url}.md5") == fetch(url).body


# esp32FOTA


@pytest.mark.parametrize(
    ("version", "newer"), [("1.2.2", True), ("1", True), ("1.2.3", False), ("2.0.0", False)]
)
def test_esp32fota_compares_versions(server: RunningServer, version: str, newer: bool) -> None:
    client = Esp32Fota("lamp", version, f"{server.url}/update/lamp/c3.json")
    assert client.exec_http_check() is newer
    assert client.exec_ota() == fetch(f"{server.url}/update/lamp/c3").body


def test_esp32fota_knows_neither_other_products_nor_pre_releases(server: RunningServer) -> None:
    url = f"{server.url}/update/lamp/c3.json"
    assert not Esp32Fota("door", "1.0.0", url).exec_http_check()
    assert not Esp32Fota("lamp", "1.0.0", f"{url}?channel=beta").exec_http_check()
    # Its device id goes into the query.
    assert Esp32Fota("lamp", "1.0.0", f"{url}?id=123456789").exec_http_check()


def test_esp32fota_installs_nothing_under_a_foreign_name(server: RunningServer) -> None:
    client = Esp32Fota("lamp", "1.0.0", f"{server.url}/update/lamp/c3.json")
    assert not client.exec_http_check(host="proxy.example")
    assert server.logs("without a URL: the Host is not a name of this server; see --host")
    assert client.exec_http_check(host="updates.example.com")


def test_the_largest_manifest_fits_esp32fota(server: RunningServer) -> None:
    """ArduinoJson 6: 16 bytes for each key and element, and each string with its final NUL."""
    host = f"{'h' * 250}.ex"
    address = f"{LONGEST['product']}/{LONGEST['board']}.json"
    document = manifest(server, address)
    document["url"] = f"https://{host}:65535{document['path']}"

    def cost(value: Any) -> int:
        if isinstance(value, dict):
            return sum(16 + len(key) + 1 + cost(part) for key, part in value.items())
        if isinstance(value, list):
            return sum(16 + cost(part) for part in value)
        return len(value) + 1 if isinstance(value, str) else 0

    assert cost(document) < ESP32FOTA_DOCUMENT_BYTES


# The document


def test_the_manifest_describes_the_image(server: RunningServer) -> None:
    document = manifest(server, "lamp/c3.json")
    image = fetch(server.url + document["path"]).body
    assert image == fetch(document["url"]).body == fetch(f"{server.url}/update/lamp/c3").body
    assert (document["name"], document["type"], document["version"]) == ("lamp", "lamp", "1.2.3")
    assert (document["board"], document["kind"]) == ("c3", "firmware")
    assert document["size"] == len(image)
    assert document["md5"] == hashlib.md5(image).hexdigest()
    assert document["sha256"] == hashlib.sha256(image).hexdigest()
    # With the digest, a client of its own requires exactly this image of the address that moves.
    required = f'If-Match: "{document["sha256"]}"'
    url = f"{server.url}/update/lamp/c3"
    assert EspHttpsOta(url, headers=[required]).run() == image
    assert manifest(server, "lamp/c3.json?channel=beta")["version"] == "2.0.0-rc.1"
    assert manifest(server, "Lamp/C3.json/") == document


def test_a_filesystem_is_never_offered_as_firmware(server: RunningServer) -> None:
    headers = ("User-Agent: ESP32-http-Update", "x-ESP32-mode: littlefs", "x-ESP32-version: 0.1.0")
    document = json.loads(server.get("/update/lamp/c3.json", *headers).body)
    assert document["kind"] == "filesystem"
    assert document["path"].endswith(".fs.bin")
    assert {"url", "builds"}.isdisjoint(document)


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("localhost:8000", "http://localhost:8000"),
        ("updates.example.com", "http://updates.example.com"),
        ("UPDATES.example.com.:8080", "http://updates.example.com:8080"),
        ("secure.example.com", "https://secure.example.com"),
        ("secure.example.com:8443", "https://secure.example.com:8443"),
        (f"{socket.gethostname()}", f"http://{socket.gethostname().lower()}"),
        ("[::ffff:127.0.0.1]:80", "http://[::ffff:7f00:1]:80"),
        ("203.0.113.9:8000", "http://203.0.113.9:8000"),
        ("evil.example", None),
        ("evil.example/updates.example.com", None),
        ("updates.example.com@evil.example", None),
        ("updates.example.com:" + "9" * 5000, None),
        ("updates.example.com evil.example", None),
    ],
)
def test_a_url_has_only_names_of_the_server(
    server: RunningServer, host: str, base: str | None
) -> None:
    document = manifest(server, "lamp/c3.json", host=host)
    assert document.get("url") == (base and f"{base}/lamp/lamp-1.2.3_c3.bin")
    # ESPHome needs none.
    assert document["builds"][0]["ota"]["path"] == "/lamp/lamp-1.2.3_c3.bin"
    assert b"evil" not in json.dumps(document).encode()


def test_a_client_without_a_host_gets_the_address_that_it_reached(server: RunningServer) -> None:
    answer = server.ask(b"GET /update/lamp/c3.json HTTP/1.0\r\n\r\n")
    assert json.loads(answer.body)["url"] == f"{server.url}/lamp/lamp-1.2.3_c3.bin"


def test_headers_of_a_proxy_are_not_believed(server: RunningServer) -> None:
    forged = ("X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https", "Forwarded: host=evil")
    answer = server.get("/update/lamp/c3.json", *forged)
    assert json.loads(answer.body)["url"] == "http://localhost/lamp/lamp-1.2.3_c3.bin"
