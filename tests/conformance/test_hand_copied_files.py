"""What is served of a folder into which people copy files by hand, and what never is."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from acpublish.publishing.directory_listing import list_directory
from acpublish.publishing.options import Destination
from bench.processes import read_bytes
from tests.conformance.conftest import ESP8266_SKETCH, SETTLE_S
from tests.support.images import esp8266_image, littlefs
from tests.support.loops import server_on
from tests.support.server import RunningServer, read_all, running_server

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n"
FILESYSTEM_MODE = ("User-Agent: ESP8266-http-Update", "x-ESP8266-mode: spiffs")
PRIVATE = {
    ".env": "PASSWORD=hunter2",
    ".git/config": "[core]",
    ".pio/build/d1/firmware.bin": "",
    "platformio.ini": "[env:d1]\nbuild_flags = -D PASSWORD=hunter2",
    "src/main.cpp": "int main() {}",
    "include/secrets.h": "#define PASSWORD",
    "signing.pem": PEM,
    "signing.key": PEM,
    "id_rsa": PEM,
    "innocent.txt": PEM,
    "innocent.bin": PEM,
    "lamp.ino": "void setup() {}",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project") / "lamp"
    for name, text in PRIVATE.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / ".pio/build/d1/firmware.bin").write_bytes(ESP8266_SKETCH)
    (root / "shortcut.bin").symlink_to(".pio/build/d1/firmware.bin")
    (root / "sketch.bin").write_bytes(ESP8266_SKETCH)
    (root / "littlefs.bin").write_bytes(littlefs(65536))
    (root / "spiffs.bin").write_bytes(b"\xff" * 65536)
    (root / "manifest.json").write_text("{}")
    time.sleep(SETTLE_S)
    return root


@pytest.fixture(scope="module")
def server(project: Path, loop: str) -> Iterator[RunningServer]:
    with server_on(loop, project, project.parent) as running:
        yield running


@pytest.mark.parametrize("name", [*PRIVATE, "shortcut.bin"])
@pytest.mark.parametrize("headers", [(), FILESYSTEM_MODE], ids=["browser", "filesystem mode"])
def test_nothing_private_is_served(
    server: RunningServer, name: str, headers: tuple[str, ...]
) -> None:
    for target in (f"/{name}", f"/{name}.md5", f"/src/../{name}", f"/{name.replace('.', '%2e')}"):
        assert server.get(target, *headers).status == 404


def test_what_updates_need_is_served(server: RunningServer) -> None:
    assert server.get("/sketch.bin").body == ESP8266_SKETCH
    assert server.get("/manifest.json").body == b"{}"
    assert server.get("/littlefs.bin").body == littlefs(65536)


def test_a_filesystem_without_a_mark_is_served_to_who_asks_for_a_filesystem(
    server: RunningServer,
) -> None:
    assert server.get("/spiffs.bin").status == 404
    assert server.get("/spiffs.bin", "User-Agent: ESP8266-http-Update").status == 404
    assert server.get("/spiffs.bin", *FILESYSTEM_MODE).body == b"\xff" * 65536


def test_lists_agree(server: RunningServer, project: Path) -> None:
    expected = {"sketch.bin", "littlefs.bin", "manifest.json", "src", "include"}
    answer = server.get("/_catalog?op=list&path=.")
    assert {entry["name"] for entry in json.loads(answer.body)} == expected
    assert {entry.name for entry in list_directory(Destination(to=str(project)))} == expected
    for hidden in (".git", ".pio", "src/../.git"):
        assert server.get(f"/_catalog?op=list&path={hidden}").status == 404


def test_the_start_names_what_was_seen(server: RunningServer) -> None:
    warnings = [line for line in server.log().splitlines() if "looks like a project" in line]
    assert len(warnings) == 1
    for name in (".env", ".git", "lamp.ino", "platformio.ini"):
        assert repr(name) in warnings[0]


def test_a_link_that_is_swapped_never_leads_out(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    inside, outside, link = catalog / "x.bin", tmp_path / "secret.bin", catalog / "link.bin"
    inside.write_bytes(ESP8266_SKETCH)
    secret = ESP8266_SKETCH[:-4] + b"\0\0\0\0"
    outside.write_bytes(secret)
    link.symlink_to(inside)
    end = threading.Event()

    def swap() -> None:
        while not end.is_set():
            for target in (outside, inside):
                (catalog / "fresh").symlink_to(target)
                (catalog / "fresh").replace(link)
                time.sleep(0.02)

    with running_server(catalog, tmp_path) as server:
        swapper = threading.Thread(target=swap)
        swapper.start()
        try:
            answers = [server.get("/link.bin") for _ in range(100)]
        finally:
            end.set()
            swapper.join()
    assert {answer.status for answer in answers} <= {200, 404}
    assert any(answer.status == 200 for answer in answers)
    assert all(answer.body == ESP8266_SKETCH for answer in answers if answer.status == 200)


def begin_slowly(slow: socket.socket, server: RunningServer) -> bytes:
    """Requests the large file, and returns the first part; the rest waits in the server."""
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    slow.settimeout(20)
    slow.connect((server.host, server.port))
    slow.sendall(b"GET /large.bin HTTP/1.0\r\n\r\n")
    return slow.recv(65536)


def test_a_file_overwritten_during_a_slow_download_is_never_complete(
    tmp_path: Path, loop: str
) -> None:
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    size = 24 * 1024 * 1024
    path = catalog / "large.bin"
    path.write_bytes(littlefs(65536) + bytes(size - 65536))
    time.sleep(SETTLE_S)
    with server_on(loop, catalog, tmp_path) as server, socket.socket() as slow:
        begin = begin_slowly(slow, server)
        assert begin.startswith(b"HTTP/1.1 200")
        with path.open("r+b") as file:
            file.seek(size // 2)
            file.write(b"\xff" * (size // 2))
            os.fsync(file.fileno())
        rest = read_all(slow)
        head, _, body = (begin + rest).partition(b"\r\n\r\n")
        assert f"Content-Length: {size}".encode() in head
        assert len(body) < size
        assert server.logs("was written to while it was being sent")


def test_a_file_that_is_replaced_by_another_is_sent_to_its_end(tmp_path: Path, loop: str) -> None:
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    size = 24 * 1024 * 1024
    path = catalog / "large.bin"
    content = littlefs(65536) + bytes(size - 65536)
    path.write_bytes(content)
    time.sleep(SETTLE_S)
    with server_on(loop, catalog, tmp_path) as server, socket.socket() as slow:
        begin = begin_slowly(slow, server)
        (catalog / "fresh.bin").write_bytes(b"\xff" * size)
        (catalog / "fresh.bin").replace(path)
        body = (begin + read_all(slow)).partition(b"\r\n\r\n")[2]
    assert body == content


def _listed(server: RunningServer, *headers: str) -> list[dict[str, str]]:
    listed: list[dict[str, str]] = json.loads(server.get("/_catalog?op=list&path=.", *headers).body)
    return listed


def test_ten_thousand_files_are_not_read_at_each_request(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    (catalog / "0.bin").write_bytes(esp8266_image(seed=11))
    for number in range(1, 10_000):
        os.link(catalog / "0.bin", catalog / f"{number}.bin")
    with running_server(catalog, tmp_path) as server:
        assert len(_listed(server)) == 10_000
        time.sleep(2.1)
        assert len(_listed(server, "User-Agent: ESP8266HTTPClient")) == 25
        before = read_bytes(server.process.pid)
        for _ in range(20):
            assert len(_listed(server, "User-Agent: ESP8266HTTPClient")) == 25
        # Each file has 4 KiB of headers alone.
        assert read_bytes(server.process.pid) - before < 100_000
