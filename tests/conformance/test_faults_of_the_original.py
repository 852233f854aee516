"""The faults of the original updateserver.py, by their numbers at the end of wire.md."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.conformance.conftest import ESP8266_SKETCH
from tests.support.images import esp8266_image
from tests.support.server import RunningServer, running_server

DEVICE = (
    "User-Agent: ESP8266-http-Update",
    "x-ESP8266-Chip-ID: 1",
    "x-ESP8266-STA-MAC: DE:BA:7A:B1:E0:42",
    "x-ESP8266-AP-MAC: DE:BA:7A:B1:E0:42",
    "x-ESP8266-free-space: 1695744",
    "x-ESP8266-sketch-size: 400000",
    "x-ESP8266-chip-size: 4194304",
    "x-ESP8266-sdk-version: 2.5.0",
    "x-ESP8266-mode: sketch",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    root = tmp_path_factory.mktemp("faults")
    catalog = root / "catalog"
    (catalog / "sub").mkdir(parents=True)
    (catalog / "sketch.bin").write_bytes(ESP8266_SKETCH)
    (catalog / "sub" / "inner.bin").write_bytes(ESP8266_SKETCH)
    (catalog / "прошивка.bin").write_bytes(ESP8266_SKETCH)
    (root / "catalog-secret").mkdir()
    (root / "catalog-secret" / "key.bin").write_bytes(b"secret")
    (root / "secret.bin").write_bytes(b"secret")
    (catalog / "way-out.bin").symlink_to(root / "secret.bin")
    (catalog / "way-out").symlink_to(root / "catalog-secret")
    with running_server(catalog, root) as running:
        yield running


def entries(server: RunningServer, path: str) -> dict[str, str]:
    answer = server.get(f"/_catalog?op=list&path={path}")
    assert answer.status == 200
    return {entry["name"]: entry["type"] for entry in json.loads(answer.body)}


@pytest.mark.parametrize(
    "target",
    [
        "/../../../etc/hostname",
        "/../secret.bin",
        "/%2e%2e/secret.bin",
        "/sub/../../secret.bin",
        "/..%2fsecret.bin",
        "/%252e%252e/secret.bin",
        "//etc/hostname",
        "/way-out.bin",
        "/way-out/key.bin",
        "/../catalog-secret/key.bin",
        "../secret.bin",
    ],
)
def test_fault_1_nothing_outside_the_catalog_is_served(server: RunningServer, target: str) -> None:
    answer = server.get(target, *DEVICE)
    assert answer.status == 404
    assert b"secret" not in answer.body
    assert b"etc" not in answer.body


@pytest.mark.parametrize(
    "path", ["../catalog-secret", "..", "../", "/..", "way-out", "%2e%2e", "sub/../..", "/etc"]
)
def test_fault_2_nothing_outside_the_catalog_is_listed(server: RunningServer, path: str) -> None:
    answer = server.get(f"/_catalog?op=list&path={path}")
    assert answer.status == 404
    assert b"key.bin" not in answer.body


@pytest.mark.parametrize("op", ["x%0d%0aSet-Cookie:%20a=b", "x\r\nSet-Cookie: a=b", "", "delete"])
def test_fault_3_the_operation_is_not_repeated(server: RunningServer, op: str) -> None:
    answer = server.get(f"/_catalog?op={op}&path=.")
    assert answer.status == 400
    assert not answer.all("set-cookie")
    assert b"Cookie" not in answer.body
    assert answer.one("content-type").startswith("text/plain")


def test_fault_4_a_relative_catalog_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "a.bin").write_bytes(ESP8266_SKETCH)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.chdir(tmp_path)
    with running_server(Path("bin"), tmp_path) as server:
        assert server.line.startswith(f"acpublish: serving {tmp_path}/bin at http://127.0.0.1:")
        assert entries(server, ".") == {"a.bin": "bin"}
        assert server.get("/a.bin").body == ESP8266_SKETCH


def test_fault_5_directories_are_listed_as_such(server: RunningServer) -> None:
    assert entries(server, ".")["sub"] == "directory"


def test_fault_6_one_bad_entry_does_not_hide_the_others(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog"
    (catalog / "x.bin").mkdir(parents=True)
    (catalog / "a.bin").write_bytes(ESP8266_SKETCH)
    (catalog / "gone.bin").symlink_to(catalog / "nowhere")
    (catalog / "loop.bin").symlink_to(catalog / "loop.bin")
    os.mkfifo(catalog / "pipe.bin")
    (catalog / "text.bin").write_bytes(b"no image")
    with running_server(catalog, tmp_path) as server:
        listed = entries(server, ".")
        assert listed["x.bin"] == "directory"
        assert listed["a.bin"] == "bin"
        assert not {"gone.bin", "loop.bin", "pipe.bin"} & set(listed)
        for name in ("x.bin", "gone.bin", "loop.bin", "pipe.bin"):
            assert server.get(f"/{name}").status == 404


def test_fault_7_an_idle_connection_blocks_nobody(server: RunningServer) -> None:
    with server.connect() as idle, server.connect() as half:
        half.sendall(b"GET /sketch.bin HT")
        for _ in range(3):
            began = time.monotonic()
            assert server.get("/sketch.bin", *DEVICE).body == ESP8266_SKETCH
            assert time.monotonic() - began < 2
        half.sendall(b"TP/1.0\r\n\r\n")
        assert half.recv(12) == b"HTTP/1.1 200"
        idle.sendall(b"GET /sketch.bin HTTP/1.0\r\n\r\n")
        assert idle.recv(12) == b"HTTP/1.1 200"


def test_fault_7_a_slow_reader_blocks_nobody(server: RunningServer) -> None:
    with server.connect() as slow:
        slow.sendall(b"GET /sketch.bin HTTP/1.0\r\n\r\n")
        assert slow.recv(1) == b"H"
        assert server.get("/sketch.bin").body == ESP8266_SKETCH


def test_fault_8_no_prefix_is_ever_served(tmp_path: Path) -> None:
    """While images are copied into a live catalog with cp, 200 times."""
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    images = [esp8266_image(200_000 + 40_000 * number, seed=number) for number in range(4)]
    sources = []
    for number, image in enumerate(images):
        source = tmp_path / f"image{number}.bin"
        source.write_bytes(image)
        sources.append(source)
    copied = threading.Event()

    def copy() -> None:
        for number in range(200):
            subprocess.run(["cp", sources[number % 4], catalog / "live.bin"], check=True)
            time.sleep(0.005 if number % 7 else 0.05)
        copied.set()

    with running_server(catalog, tmp_path, "--log", "error") as server:
        worker = threading.Thread(target=copy)
        worker.start()
        served = 0
        while not copied.is_set():
            answer = server.get("/live.bin", *DEVICE)
            assert answer.status in (200, 404)
            if answer.status == 200:
                served += 1
                assert answer.body in images
                assert answer.one("x-md5") == hashlib.md5(answer.body).hexdigest()
                assert answer.one("content-length") == str(len(answer.body))
        worker.join()
        assert served > 20
        assert server.get("/live.bin", *DEVICE).body == images[199 % 4]


def test_fault_8_what_cannot_prove_to_be_whole_must_be_left_alone_first(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    shown = 0
    with running_server(catalog, tmp_path) as server:
        (catalog / "half.bin").write_bytes(ESP8266_SKETCH[:200_000])
        assert server.get("/half.bin", *DEVICE).status == 404
        assert entries(server, ".") == {}
        with (catalog / "half.bin").open("ab") as file:
            file.write(ESP8266_SKETCH[200_000:])
        deadline = time.monotonic() + 20
        while not shown and time.monotonic() < deadline:
            shown = len(entries(server, "."))
        assert server.get("/half.bin", *DEVICE).body == ESP8266_SKETCH


def test_fault_9_no_header_is_demanded(server: RunningServer) -> None:
    assert server.ask(b"GET /sketch.bin HTTP/1.0\r\n\r\n").body == ESP8266_SKETCH


def test_fault_9_a_missing_file_is_404_and_leaks_nothing(server: RunningServer) -> None:
    answer = server.get("/nowhere/secret-name.bin", *DEVICE)
    assert answer.status == 404
    assert b"secret-name" not in answer.body
    assert b"catalog" not in answer.body


def test_fault_9_head(server: RunningServer) -> None:
    answer = server.get("/sketch.bin", method="HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.one("content-length") == str(len(ESP8266_SKETCH))
    assert answer.one("x-md5") == hashlib.md5(ESP8266_SKETCH).hexdigest()


def test_fault_9_range(server: RunningServer) -> None:
    answer = server.get("/sketch.bin", "Range: bytes=1000-1999")
    assert (answer.status, answer.body) == (206, ESP8266_SKETCH[1000:2000])
    assert answer.one("content-range") == f"bytes 1000-1999/{len(ESP8266_SKETCH)}"
    assert not answer.all("x-md5")


def test_fault_9_a_query_string_does_no_harm(server: RunningServer) -> None:
    assert server.get("/sketch.bin?time=1", *DEVICE).body == ESP8266_SKETCH


def test_fault_10_an_esp32_without_an_md5_is_served(
    tmp_path: Path, esp32_server: RunningServer
) -> None:
    answer = esp32_server.get(
        "/sketch.bin", "User-Agent: ESP32-http-Update", "x-ESP32-mode: sketch"
    )
    assert answer.status == 200


def test_also_non_ascii_names(server: RunningServer) -> None:
    name = "прошивка.bin"
    for target in (f"/{name}".encode(), f"/{quote(name)}".encode(), name.encode()):
        answer = server.get(target, *DEVICE)
        assert answer.body == ESP8266_SKETCH
        assert f"filename*=UTF-8''{quote(name)}" in answer.one("content-disposition")
        assert len(answer.head) < 500
    assert name.encode() in server.get("/_catalog?op=list&path=.").body


@pytest.mark.parametrize("path", ["sub", "/sub", "sub/", "./sub", "/sub/", "s%75b", "//sub//"])
def test_also_any_spelling_of_a_directory(server: RunningServer, path: str) -> None:
    assert entries(server, path) == {"inner.bin": "bin"}


def test_also_version_mode_sends_no_image(server: RunningServer) -> None:
    headers = [line.replace("mode: sketch", "mode: version") for line in DEVICE]
    answer = server.get("/sketch.bin", *headers, "x-ESP8266-version: 1.2.3")
    assert len(answer.body) < 200


def test_the_original_files_stay_as_they_are(server: RunningServer, tmp_path: Path) -> None:
    """Serving writes nothing into a catalog that has no releases."""
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    shutil.copy(Path(server.log_path).parent / "catalog" / "sketch.bin", catalog)
    with running_server(catalog, tmp_path) as fresh:
        assert fresh.get("/sketch.bin").status == 200
        assert [path.name for path in catalog.iterdir()] == ["sketch.bin"]
