"""The points of wire.md that the captured requests alone do not show, by their numbers."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import acpublish
from acpublish.wire import ENTRY_DOCUMENT_BYTES, entry_cost
from tests.support.images import (
    bootloader,
    esp32_image,
    esp8266_image,
    gzipped,
    littlefs,
    merged_image,
)
from tests.support.server import RunningServer, read_all, read_answer, running_server

ESP8266 = "User-Agent: ESP8266HTTPClient"
ESP32 = "User-Agent: ESP32HTTPClient"
ESP8266_UPDATER = ("User-Agent: ESP8266-http-Update", "x-ESP8266-mode: sketch")
ESP32_UPDATER = ("User-Agent: ESP32-http-Update", "x-ESP32-mode: sketch")
SMALL8266 = esp8266_image(seed=11)
SMALL32 = esp32_image("esp32c3", seed=12)
SPECIAL = ("what?.bin", "a#b.bin", "100%.bin", "a%20b.bin", "a+b.bin", "a&b.bin", 'quo"te.bin')


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One catalog with all that is special, and two products."""
    root = tmp_path_factory.mktemp("points")
    catalog = root / "catalog"
    for folder in ("empty", "only32", "special & more", "many", "long", "odd"):
        (catalog / folder).mkdir(parents=True)
    (catalog / "for8266.bin").write_bytes(SMALL8266)
    (catalog / "for32.bin").write_bytes(SMALL32)
    (catalog / "only32" / "a.bin").write_bytes(SMALL32)
    for name in SPECIAL:
        (catalog / "special & more" / name).write_bytes(SMALL8266)
    for number in range(60):
        path = catalog / "many" / f"{number:02}.bin"
        path.write_bytes(SMALL8266)
        os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))
    for length in (100, 106, 107, 126, 160, 250):
        (catalog / "long" / ("n" * (length - 4) + ".bin")).write_bytes(SMALL8266)
    (catalog / "odd" / "gzip.bin").write_bytes(gzipped(SMALL8266))
    (catalog / "odd" / "merged.bin").write_bytes(merged_image("esp32c3"))
    (catalog / "odd" / "bootloader.bin").write_bytes(bootloader("esp32c3"))
    (catalog / "odd" / "FS.BIN").write_bytes(littlefs())
    (catalog / "odd" / "UPPER.BIN").write_bytes(SMALL8266)
    (catalog / "odd" / "notes.txt").write_text("text")
    (catalog / "odd" / "big.txt").write_bytes(bytes(20 * 1024 * 1024))
    (catalog / "odd" / "nothing.bin").write_bytes(b"")
    for board, image in (("d1_mini", esp8266_image), ("c3", esp32_image)):
        for version in ("1.0.0", "1.1.0"):
            file = root / "image.bin"
            file.write_bytes(image(seed=int(version[2])))
            acpublish.publish(file, to=str(catalog), product="lamp", version=version, board=board)
    file.write_bytes(littlefs(seed=5))
    publish(file, catalog, version="1.1.0", board="c3", kind="filesystem")
    file.write_bytes(esp32_image(seed=9))
    publish(file, catalog, version="2.0.0-rc.1", board="c3", channel="beta")
    (catalog / "lamp" / "by-hand.bin").write_bytes(SMALL32)
    time.sleep(2.2)
    with running_server(catalog, root) as running:
        yield running


def publish(file: Path, catalog: Path, **more: Any) -> None:
    acpublish.publish(file, to=str(catalog), product="lamp", **more)


def entries(server: RunningServer, path: str, *headers: str) -> list[dict[str, Any]]:
    answer = server.get(f"/_catalog?op=list&path={path}", *headers)
    assert answer.status == 200
    found: list[dict[str, Any]] = json.loads(answer.body)
    return found


def shown(server: RunningServer, path: str, *headers: str) -> set[str]:
    return {entry["name"] for entry in entries(server, path, *headers) if entry["type"] == "bin"}


def visible(server: RunningServer, name: str) -> bytes:
    return (server.log_path.parent / "catalog" / "lamp" / name).read_bytes()


@pytest.mark.parametrize("name", SPECIAL)
def test_point_2_the_target_is_taken_literally_first(server: RunningServer, name: str) -> None:
    assert server.get(f"/special & more/{name}").body == SMALL8266


@pytest.mark.parametrize("target", ["/special%20%26%20more/what%3F.bin", "/for32%2Ebin?x=%zz"])
def test_point_2_percent_is_decoded_as_a_fallback(server: RunningServer, target: str) -> None:
    assert server.get(target).status == 200


@pytest.mark.parametrize("query", ["op=list", "op=list&path=", "op=list&path=.", "path=.&op=list"])
def test_point_3_the_root_in_any_spelling(server: RunningServer, query: str) -> None:
    listed = json.loads(server.get(f"/_catalog?{query}").body)
    assert "for32.bin" in {entry["name"] for entry in listed}


@pytest.mark.parametrize(
    "path", ["special & more", "special%20%26%20more", "special+%26+more", "/special & more/"]
)
def test_point_3_a_directory_with_spaces(server: RunningServer, path: str) -> None:
    assert shown(server, path) == set(SPECIAL)


@pytest.mark.parametrize("query", ["", "?", "?path=.", "?op=", "?op=LIST&path=.", "?op=list2"])
def test_point_3_another_operation(server: RunningServer, query: str) -> None:
    answer = server.get("/_catalog" + query)
    assert answer.status == 400
    assert answer.one("content-type").startswith("text/plain")
    assert not query.strip("?") or query.encode() not in answer.body


def test_point_6_what_would_not_fit_a_device_is_left_out(server: RunningServer) -> None:
    listed = entries(server, "long", ESP8266)
    assert {len(entry["name"]) for entry in listed} == {100, 106}
    assert all(entry_cost(entry, 5) <= ENTRY_DOCUMENT_BYTES for entry in listed)
    assert len(entries(server, "long")) == 6
    assert server.logs("too long")


@pytest.mark.parametrize("path", ["empty", "only32", "lamp/nothing-there"])
def test_point_7_a_device_never_gets_an_empty_list(server: RunningServer, path: str) -> None:
    answer = server.get(f"/_catalog?op=list&path={path}", ESP8266)
    if path == "lamp/nothing-there":
        assert answer.status == 404
        return
    (only,) = json.loads(answer.body)
    assert (only["name"], only["type"]) == (".", "directory")
    assert set(only) == {"name", "type", "date", "time", "size"}


def test_point_7_a_client_gets_an_empty_list(server: RunningServer) -> None:
    assert entries(server, "empty") == []


def test_point_7_the_root_shows_devices_the_newest_of_each_product(server: RunningServer) -> None:
    assert shown(server, ".", ESP8266) == {"for8266.bin", "lamp/lamp-1.1.0_d1_mini.bin"}
    assert shown(server, ".", ESP32) == {"for32.bin", "lamp/lamp-1.1.0_c3.bin"}
    assert shown(server, ".") == {"for8266.bin", "for32.bin"}
    target = "/lamp/lamp-1.1.0_c3.bin"
    assert server.get(target, *ESP32_UPDATER).body == visible(server, "lamp-1.1.0_c3.bin")


def test_point_7_a_product_without_stable_shows_its_newest(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    file = tmp_path / "image.bin"
    for seed, version in enumerate(("2.0.0", "1.5.0")):
        file.write_bytes(esp32_image(seed=seed))
        publish(file, catalog, version=version, board="c3", channel="dev")
    with running_server(catalog, tmp_path) as server:
        assert shown(server, ".", ESP32) == {"lamp/lamp-1.5.0_c3.bin"}


def test_point_8_a_device_gets_the_25_newest(server: RunningServer) -> None:
    listed = [entry["name"] for entry in entries(server, "many", ESP8266)]
    assert listed == [f"{number:02}.bin" for number in range(59, 34, -1)]
    assert len(entries(server, "many")) == 60


def test_point_9_dates_do_not_depend_on_the_locale(server: RunningServer) -> None:
    newest = entries(server, "many")[0]
    assert (newest["date"], newest["time"]) == ("2023-11-14", "22:14:19")
    assert entries(server, "many", ESP8266)[0]["time"] == "22:14"


def test_point_12_nothing_is_redirected(server: RunningServer) -> None:
    for target in ("/lamp", "/lamp/", "/api/v1/products/", "/_catalog/", "//"):
        assert server.get(target).status == 404


def test_point_15_an_automatic_update(server: RunningServer) -> None:
    image = visible(server, "lamp-1.1.0_c3.bin")
    device = (*ESP32_UPDATER, "x-ESP32-STA-MAC: 24:0A:C4:00:00:15")
    answer = server.get("/update/lamp/c3", *device)
    assert (answer.status, answer.body) == (200, image)
    assert answer.one("x-md5") == hashlib.md5(image).hexdigest()
    running = f"x-ESP32-sketch-md5: {hashlib.md5(image).hexdigest()}"
    assert server.get("/update/lamp/c3", *device, running).status == 304
    other = f"x-ESP32-sketch-md5: {'0' * 32}"
    assert server.get("/update/lamp/c3", *device, other).status == 200
    claims = "x-ESP32-version: 9.0.0"
    assert server.get("/update/lamp/c3", *device, claims, other).status == 304


def test_point_15_an_old_core_sends_no_mac_address(server: RunningServer) -> None:
    # All such devices behind one address are one device, which gets one offer an hour.
    headers = (*ESP32_UPDATER, "User-Agent: an old core")
    assert server.get("/update/lamp/c3", *headers).status == 200
    assert server.get("/update/lamp/c3", *headers).status == 304


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        ("/update/lamp/c3?channel=beta", ESP32_UPDATER, 200),
        ("/update/lamp/c3?channel=nightly", ESP32_UPDATER, 404),
        ("/update/lamp/c3?channel=../x", ESP32_UPDATER, 404),
        ("/update/lamp/other", ESP32_UPDATER, 404),
        ("/update/nothing/c3", ESP32_UPDATER, 404),
        ("/update/lamp", ESP32_UPDATER, 404),
        ("/update/lamp/c3/x", ESP32_UPDATER, 404),
        ("/update/../lamp/c3", ESP32_UPDATER, 404),
        ("/update/lamp/c3", ESP8266_UPDATER, 403),
        ("/update/lamp/d1_mini", ESP8266_UPDATER, 200),
        ("/update/lamp/c3", (), 200),
        ("/lamp/lamp-1.1.0_c3.bin", ESP8266_UPDATER, 403),
        ("/for32.bin", ESP8266_UPDATER, 403),
        ("/for8266.bin", ESP32_UPDATER, 403),
        ("/odd/merged.bin", ESP32_UPDATER, 403),
        ("/odd/bootloader.bin", ESP32_UPDATER, 403),
        ("/odd/merged.bin", (), 200),
        ("/odd/nothing.bin", ESP32_UPDATER, 404),
        ("/odd/notes.txt", (), 200),
        ("/odd", (), 404),
        ("/lamp/by-hand.bin", (), 404),
        ("/.acpublish/releases/lamp/1.0.0.json", (), 404),
        ("/.ACPUBLISH/releases/lamp/1.0.0.json", (), 404),
        ("/lamp/../.acpublish/releases/lamp/1.0.0.json", (), 404),
    ],
)
def test_point_15_statuses(
    server: RunningServer, target: str, headers: tuple[str, ...], status: int
) -> None:
    # Each is another device.
    mac = hashlib.md5(target.encode()).hexdigest()[:12]
    answer = server.get(
        target, *headers, *(f"x-ESP{n}-STA-MAC: {mac}" for n in (32, 8266) if headers)
    )
    assert answer.status == status
    if status >= 400:
        assert answer.one("content-type").startswith("text/plain")
        assert answer.body.count(b"\n") == 1
        assert b"lamp" not in answer.body
        assert b"bin" not in answer.body


def test_point_16_version_mode(server: RunningServer) -> None:
    asks = ("User-Agent: ESP32-http-Update", "x-ESP32-mode: version")
    for target, version in (
        ("/update/lamp/c3", "1.1.0"),
        ("/update/lamp/c3?channel=beta", "2.0.0-rc.1"),
        ("/lamp/lamp-1.0.0_c3.bin", "1.0.0"),
    ):
        answer = server.get(target, *asks, "x-ESP32-version: 1.0.0")
        assert (answer.status, answer.body) == (200, b"")
        assert answer.one("x-version") == version
    assert server.get("/update/lamp/c3", *asks, "x-ESP32-version: 3.0.0").status == 304


def test_point_17_filesystems(server: RunningServer) -> None:
    asks = ("User-Agent: ESP32-http-Update", "x-ESP32-mode: littlefs")
    image = visible(server, "lamp-1.1.0_c3.fs.bin")
    assert server.get("/update/lamp/c3", *asks, "x-ESP32-version: 1.0.0").body == image
    assert server.get("/update/lamp/c3", *asks, "x-ESP32-version: 1.1.0").status == 304
    assert server.get("/update/lamp/c3", *asks).status == 304
    digest = f"x-ESP32-sketch-md5: {hashlib.md5(image).hexdigest()}"
    assert server.get("/lamp/lamp-1.1.0_c3.fs.bin", *asks, digest).body == image
    assert server.get("/lamp/lamp-1.1.0_c3.fs.bin", *ESP32_UPDATER).status == 403


def test_point_18_gzip_is_for_the_esp8266(server: RunningServer) -> None:
    answer = server.get("/odd/gzip.bin", *ESP8266_UPDATER)
    assert (answer.status, answer.body) == (200, gzipped(SMALL8266))
    assert answer.one("x-md5") == hashlib.md5(gzipped(SMALL8266)).hexdigest()
    assert not answer.all("content-encoding")
    assert server.get("/odd/gzip.bin", *ESP32_UPDATER).status == 403


def test_point_18_checksum_files(server: RunningServer) -> None:
    for image in ("/for32.bin", "/lamp/lamp-1.1.0_c3.bin", "/special & more/what?.bin"):
        body = server.get(image).body
        for suffix, digest in ((".md5", hashlib.md5), (".sha256", hashlib.sha256)):
            answer = server.get(image + suffix)
            assert answer.status == 200
            assert answer.body.split()[0].decode() == digest(body).hexdigest()
    assert server.get("/nothing.bin.md5").status == 404
    assert server.get("/odd.md5").status == 404


def test_point_19_clients_that_leave_disturb_nobody(server: RunningServer) -> None:
    for _ in range(20):
        with server.connect() as connection:
            connection.sendall(b"GET /odd/big.txt HTTP/1.0\r\n\r\n")
            connection.recv(100)
            # Resets the connection instead of closing it.
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    assert server.get("/for32.bin", *ESP32_UPDATER).body == SMALL32
    assert "Traceback" not in server.log_so_far()


def test_point_19_a_slow_reader_gets_all(server: RunningServer) -> None:
    with server.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.sendall(b"GET /odd/big.txt HTTP/1.0\r\n\r\n")
        time.sleep(1)
        head, _, body = read_all(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert len(body) == 20 * 1024 * 1024


@pytest.mark.parametrize(
    ("wanted", "status", "body"),
    [
        ("bytes=0-0", 206, SMALL32[:1]),
        ("bytes=100-", 206, SMALL32[100:]),
        ("bytes=-10", 206, SMALL32[-10:]),
        ("bytes=-999999999", 206, SMALL32),
        ("bytes=10-999999999", 206, SMALL32[10:]),
        ("bytes=999999999-", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=5-1", 200, SMALL32),
        ("bytes=0-1,5-6", 200, SMALL32),
        ("bytes=-", 200, SMALL32),
        ("lines=1-2", 200, SMALL32),
        ("", 200, SMALL32),
    ],
)
def test_point_20_ranges(
    server: RunningServer, wanted: str, status: int, body: bytes | None
) -> None:
    answer = server.get("/for32.bin", f"Range: {wanted}")
    assert answer.status == status
    assert body is None or answer.body == body
    assert answer.one("content-length") == str(len(answer.body))
    assert len(answer.all("x-md5")) == (status == 200)
    if status == 416:
        assert answer.one("content-range") == f"bytes */{len(SMALL32)}"


def test_point_20_a_range_of_a_file_that_is_not_kept_in_memory(server: RunningServer) -> None:
    answer = server.get("/odd/big.txt", "Range: bytes=1000000-1999999")
    assert (answer.status, answer.body) == (206, bytes(1_000_000))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_refused(server: RunningServer, method: str) -> None:
    answer = server.get("/for32.bin", method=method)
    assert (answer.status, answer.one("allow")) == (405, "GET, HEAD")


def test_point_21_a_version_header_without_digest(server: RunningServer) -> None:
    asks = (*ESP32_UPDATER, "x-ESP32-version: 1.1.0")
    assert server.get("/lamp/lamp-1.1.0_c3.bin", *asks).status == 304
    assert server.get("/lamp/lamp-1.0.0_c3.bin", *asks).status == 200


def test_what_is_listed_as_bin(server: RunningServer) -> None:
    kinds = {entry["name"]: entry["type"] for entry in entries(server, "odd")}
    assert kinds["UPPER.BIN"] == kinds["gzip.bin"] == "bin"
    assert kinds["merged.bin"] == kinds["bootloader.bin"] == kinds["FS.BIN"] == "file"
    assert kinds["notes.txt"] == "file"
    for_device = {entry["name"] for entry in entries(server, "odd", ESP8266)}
    assert {"notes.txt", "UPPER.BIN", "gzip.bin"} <= for_device


def test_a_products_directory_shows_what_has_a_manifest(server: RunningServer) -> None:
    names = {entry["name"] for entry in entries(server, "lamp")}
    assert "by-hand.bin" not in names
    assert {"lamp-1.0.0_c3.bin", "lamp-1.1.0_c3.bin", "lamp-1.1.0_c3.fs.bin"} <= names


def test_the_hidden_folder_is_not_listed(server: RunningServer) -> None:
    assert ".acpublish" not in {entry["name"] for entry in entries(server, ".")}
    assert server.get("/_catalog?op=list&path=.acpublish").status == 404


def test_a_connection_is_kept_alive(server: RunningServer) -> None:
    ask = b"GET folder%s HTTP/1.1\r\nHost: x\r\n\r\n"
    with server.connect() as connection:
        for target in (b"/for32.bin", b"/nothing", b"/only32/a.bin"):
            connection.sendall(ask.replace(b"folder%s", target))
            answer = read_answer(connection)
            assert answer.status == (404 if target == b"/nothing" else 200)
            assert answer.status == 404 or answer.body == SMALL32
