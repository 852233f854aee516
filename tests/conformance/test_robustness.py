"""What clients at fault, files at fault and folders of unusual names must not be able to do."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import acpublish
from acpublish.server import protocol
from tests.support.images import esp32_image, esp8266_image, littlefs
from tests.support.pull_clients import arduino_http_client_length
from tests.support.server import RunningServer, read_all, running_server

ESP8266_UPDATER = ("User-Agent: ESP8266-http-Update", "x-ESP8266-mode: sketch")
ESP32_UPDATER = ("User-Agent: ESP32-http-Update", "x-ESP32-mode: sketch")
SKETCH = esp8266_image(seed=21)
SETTLE_S = 2.2


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog in which each test has a folder or names of its own."""
    path = tmp_path_factory.mktemp("robustness") / "catalog"
    path.mkdir()
    return path


@pytest.fixture(scope="module")
def server(catalog: Path) -> Iterator[RunningServer]:
    with running_server(catalog, catalog.parent) as running:
        yield running


@pytest.fixture(scope="module")
def faulty(catalog: Path) -> str:
    """A folder of files at fault that have been left alone for long enough to be served."""
    folder = catalog / "faulty"
    folder.mkdir()
    half32, broken = esp32_image("esp32c3", seed=22), bytearray(esp32_image("esp32c3", seed=23))
    broken[200] ^= 1
    (folder / "half8266.bin").write_bytes(SKETCH[: len(SKETCH) // 2])
    (folder / "half32.bin").write_bytes(half32[: len(half32) // 2])
    (folder / "broken.bin").write_bytes(broken)
    (folder / "longer.bin").write_bytes(SKETCH + b"x")
    time.sleep(SETTLE_S)
    return "/faulty"


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


#: The beginnings of requests that do not go on, and what they are answered after the deadline.
UNFINISHED = {
    b"": b"",
    b"GET /a HTTP/1.1\r\n\n": b"HTTP/1.1 408",
    b"GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1": b"HTTP/1.1 4",
    b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1": b"HTTP/1.1 4",
}


def test_a_request_that_does_not_go_on_does_not_hold_the_connection(
    server: RunningServer,
) -> None:
    """All of them at the same time, because each takes as long as the deadline."""
    begin = time.monotonic()
    with contextlib.ExitStack() as opened:
        waiting = {sent: opened.enter_context(server.connect()) for sent in UNFINISHED}
        for sent, connection in waiting.items():
            connection.settimeout(protocol.HEAD_DEADLINE_S + 20)
            connection.sendall(sent)
        received = {sent: read_all(connection) for sent, connection in waiting.items()}
    assert time.monotonic() - begin < protocol.HEAD_DEADLINE_S + 20
    for sent, raw in received.items():
        assert raw.startswith(UNFINISHED[sent])
        assert bool(raw) == bool(sent)
        # A client that compares the names of headers finds the length here, too.
        assert not raw or arduino_http_client_length(raw) is not None


def test_a_copy_that_stalls_is_no_firmware(server: RunningServer, faulty: str) -> None:
    assert server.get(f"{faulty}/half8266.bin", *ESP8266_UPDATER).status == 403
    assert server.get(f"{faulty}/half32.bin", *ESP32_UPDATER).status == 403
    # Whoever is no device may look at it.
    assert server.get(f"{faulty}/half8266.bin").status == 200
    kinds = listed(server, faulty)
    assert (kinds["half8266.bin"], kinds["half32.bin"]) == ("file", "file")


def test_a_sum_that_does_not_hold_is_no_firmware(server: RunningServer, faulty: str) -> None:
    assert server.get(f"{faulty}/broken.bin", *ESP32_UPDATER).status == 403
    assert server.get(f"{faulty}/longer.bin", *ESP8266_UPDATER).status == 200


@pytest.mark.parametrize("seconds", [300_000_000_000, -5])
def test_a_file_of_a_far_time_hides_nothing(
    server: RunningServer, catalog: Path, seconds: int
) -> None:
    folder = catalog / f"times {seconds}"
    folder.mkdir()
    for name in ("far.bin", "near.bin"):
        (folder / name).write_bytes(SKETCH)
    try:
        os.utime(folder / "far.bin", (seconds, seconds))
    except OSError:
        pytest.skip("this file system has no such times")
    assert listed(server, folder.name) == {"far.bin": "bin", "near.bin": "bin"}


@pytest.mark.parametrize("folder", ["update", "update/attic", "api"])
def test_a_folder_of_any_name_is_served(server: RunningServer, catalog: Path, folder: str) -> None:
    (catalog / folder).mkdir(parents=True, exist_ok=True)
    (catalog / folder / "x.bin").write_bytes(SKETCH)

    files = {name for name, kind in listed(server, folder).items() if kind != "directory"}
    assert files == {"x.bin"}
    assert listed(server, folder)["x.bin"] == "bin"
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
        product="large",
        version="1.0.0",
        board="d1",
        kind="filesystem",
    )
    address = "/large/large-1.0.0_d1.fs.bin"
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


@pytest.mark.parametrize(
    "target",
    [
        b"/%00",
        b"/a%00b.bin",
        b"//",
        b"//for32.bin/",
        b"/\\..\\x",
        b"/%",
        b"/%zz",
        b"/%ff%fe",
        b"/\xff\xfe",
        b"http://elsewhere/for32.bin",
        b"http:///",
        b"/" + b"a" * 5000,
        b"/" + b"a/" * 2000,
        b"/_catalog?op=list&path=%00",
        b"/_catalog?op=list&path=" + b"a" * 5000,
        b"/update/%00/%ff",
        b"/update/lamp/c3?channel=%00",
        b"/api/v1/products/%00",
        b"/api/v1/products/..%2f..",
        b"/api/v1/nothing",
        b"*",
        b"",
    ],
)
def test_no_form_of_a_request_is_a_servers_error(server: RunningServer, target: bytes) -> None:
    """Point 20 of wire.md."""
    for headers in ((), ESP8266_UPDATER):
        answer = server.get(target, *headers)
        assert answer.status in (200, 400, 403, 404)
        assert b"Traceback" not in answer.body


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    prefix=st.sampled_from([b"/", b"/_catalog?op=list&path=", b"/update/", b"/lamp/", b"/api/v1/"]),
    rest=st.binary(max_size=40).filter(lambda text: b"\r" not in text and b"\n" not in text),
    header=st.sampled_from(
        ["Range", "User-Agent", "x-ESP32-mode", "x-ESP32-version", "x-ESP8266-"]
    ),
    value=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
)
def test_nor_is_anything_random(
    server: RunningServer, prefix: bytes, rest: bytes, header: str, value: str
) -> None:
    answer = server.get(prefix + rest, f"{header}: {value}")
    assert answer.status < 500
