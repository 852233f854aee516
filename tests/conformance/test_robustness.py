"""What clients at fault, files at fault and folders of unusual names must not be able to do."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import acpublish
from acpublish.server import protocol
from tests.support.images import esp32_image, esp8266_image, littlefs
from tests.support.server import Answer, RunningServer, read_all, running_server

ESP8266_UPDATER = ("User-Agent: ESP8266-http-Update", "x-ESP8266-mode: sketch")
ESP32_UPDATER = ("User-Agent: ESP32-http-Update", "x-ESP32-mode: sketch")
SKETCH = esp8266_image(seed=21)
SETTLE_S = 2.2


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "catalog"
    path.mkdir()
    return path


@pytest.fixture
def server(catalog: Path, tmp_path: Path) -> Iterator[RunningServer]:
    with running_server(catalog, tmp_path) as running:
        yield running


def listed(server: RunningServer, path: str = ".", *headers: str) -> dict[str, str]:
    answer = server.get(f"/_catalog?op=list&path={path}", *headers)
    assert answer.status == 200
    return {entry["name"]: entry["type"] for entry in json.loads(answer.body)}


def memory_kb(server: RunningServer) -> int:
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS:")))


def test_whoever_is_refused_costs_no_memory(server: RunningServer) -> None:
    head = (
        "PUT /api/v1/releases/lamp/1.0.0/d1 HTTP/1.1\r\nHost: x\r\n"
        f"Content-Length: {32 << 20}\r\n\r\n"
    ).encode()
    before = memory_kb(server)
    held = []
    for _ in range(6):
        connection = server.connect()
        connection.sendall(head)
        for _ in range(16):
            connection.sendall(bytes(1 << 20))
        held.append(connection)
    added = memory_kb(server) - before
    for connection in held:
        connection.close()
    assert added < 40_000


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_body_that_does_not_come_does_not_hold_the_connection(
    server: RunningServer, method: str
) -> None:
    with server.connect() as connection:
        connection.settimeout(protocol.HEAD_DEADLINE_S + 5)
        connection.sendall(
            f"{method} /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1".encode()
        )
        begin = time.monotonic()
        Answer.parse(read_all(connection))
        assert time.monotonic() - begin < protocol.HEAD_DEADLINE_S + 3


def test_a_copy_that_stalls_is_no_firmware(server: RunningServer, catalog: Path) -> None:
    (catalog / "half8266.bin").write_bytes(SKETCH[: len(SKETCH) // 2])
    half32 = esp32_image("esp32c3", seed=22)
    (catalog / "half32.bin").write_bytes(half32[: len(half32) // 2])
    time.sleep(SETTLE_S)

    assert server.get("/half8266.bin", *ESP8266_UPDATER).status == 403
    assert server.get("/half32.bin", *ESP32_UPDATER).status == 403
    # Whoever is no device may look at it.
    assert server.get("/half8266.bin").status == 200
    assert listed(server) == {"half8266.bin": "file", "half32.bin": "file"}


def test_a_sum_that_does_not_hold_is_no_firmware(server: RunningServer, catalog: Path) -> None:
    broken = bytearray(esp32_image("esp32c3", seed=23))
    broken[200] ^= 1
    (catalog / "broken.bin").write_bytes(broken)
    (catalog / "longer.bin").write_bytes(SKETCH + b"x")
    time.sleep(SETTLE_S)

    assert server.get("/broken.bin", *ESP32_UPDATER).status == 403
    assert server.get("/longer.bin", *ESP8266_UPDATER).status == 200


@pytest.mark.parametrize("seconds", [300_000_000_000, -5])
def test_a_file_of_a_far_time_hides_nothing(
    server: RunningServer, catalog: Path, seconds: int
) -> None:
    for name in ("far.bin", "near.bin"):
        (catalog / name).write_bytes(SKETCH)
    try:
        os.utime(catalog / "far.bin", (seconds, seconds))
    except OSError:
        pytest.skip("this file system has no such times")
    assert listed(server) == {"far.bin": "bin", "near.bin": "bin"}


@pytest.mark.parametrize("folder", ["update", "update/attic", "api"])
def test_a_folder_of_any_name_is_served(server: RunningServer, catalog: Path, folder: str) -> None:
    (catalog / folder).mkdir(parents=True)
    (catalog / folder / "x.bin").write_bytes(SKETCH)

    assert listed(server, folder) == {"x.bin": "bin"}
    assert server.get(f"/{folder}/x.bin").body == SKETCH
    assert server.get(f"{folder}/x.bin", *ESP8266_UPDATER).body == SKETCH


def test_the_state_is_not_seen_inside_a_catalog(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "tokens.json").write_text('{"format": 1, "tokens": []}')
    (tmp_path / "state" / "y.bin").write_bytes(SKETCH)
    (tmp_path / "x.bin").write_bytes(SKETCH)
    # A file that is not an image is served only once it has not changed for a while.
    time.sleep(SETTLE_S)
    # The state folder of running_server is beside the catalog, and so in this one.
    with running_server(tmp_path, tmp_path) as server:
        assert "state" not in listed(server)
        assert server.get("/state/tokens.json").status == 404
        assert server.get("/state/y.bin").status == 404
        assert server.get("/x.bin").status == 200


@pytest.mark.parametrize("version", ["1.0\r\nx-evil: 1", "1.0\x01", "1.0\n"])
def test_a_version_of_control_characters_is_not_told(
    server: RunningServer, catalog: Path, version: str
) -> None:
    image = esp32_image("esp32c3", project="lamp", version=version, seed=24)
    (catalog / "x.bin").write_bytes(image)

    answer = server.get("/x.bin", "User-Agent: ESP32-http-Update", "x-ESP32-mode: version")

    assert answer.status == 404
    assert not answer.all("x-evil")


def test_a_large_object_is_compared_before_it_is_sent(
    server: RunningServer, catalog: Path, tmp_path: Path
) -> None:
    data = littlefs(20 << 20, seed=25)
    (tmp_path / "fs.bin").write_bytes(data)
    acpublish.publish(
        tmp_path / "fs.bin",
        to=catalog,
        product="lamp",
        version="1.0.0",
        board="d1",
        kind="filesystem",
    )
    address = "/lamp/lamp-1.0.0_d1.fs.bin"
    assert hashlib.sha256(server.get(address).body).digest() == hashlib.sha256(data).digest()

    stored = catalog / ".acpublish" / "objects" / hashlib.sha256(data).hexdigest()
    stored.chmod(0o644)
    with stored.open("r+b") as file:
        file.seek(1000)
        file.write(b"other")

    assert server.get(address).status >= 400


def test_a_sketch_may_read_a_published_filesystem(
    server: RunningServer, catalog: Path, tmp_path: Path
) -> None:
    (tmp_path / "fs.bin").write_bytes(littlefs(65536, seed=26))
    acpublish.publish(
        tmp_path / "fs.bin",
        to=catalog,
        product="lamp",
        version="1.0.0",
        board="d1",
        kind="filesystem",
    )
    answer = server.get("/lamp/lamp-1.0.0_d1.fs.bin", "User-Agent: ESP32HTTPClient")
    assert answer.status == 200


def test_silent_connections_are_closed(server: RunningServer) -> None:
    with server.connect() as connection:
        connection.settimeout(protocol.HEAD_DEADLINE_S + 5)
        assert connection.recv(1) == b""
