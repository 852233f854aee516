"""Every captured request, byte for byte over a raw socket, gets what that device understands."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from acpublish.wire import ENTRY_DOCUMENT_BYTES, MAX_IMAGE_HEADER_BYTES, entry_cost
from tests.conformance.conftest import ESP32_SKETCH, ESP8266_SKETCH, FILESYSTEM
from tests.support.loops import loop_of
from tests.support.server import Answer, RunningServer

WIRE = Path(__file__).parents[1] / "data" / "wire"
REQUESTS = sorted(WIRE.glob("*.http"))
LISTS = [path for path in REQUESTS if "catalog-list" in path.name]
IMAGES = [path for path in REQUESTS if path not in LISTS and "version-mode" not in path.name]
VERSIONS = [path for path in REQUESTS if "version-mode" in path.name]


def names(paths: list[Path]) -> list[str]:
    return [path.stem for path in paths]


@pytest.fixture
def server(request: pytest.FixtureRequest, loop: str, path: Path) -> tuple[RunningServer, bytes]:
    esp32 = path.name.startswith("5") or path.name.startswith("60")
    name = "esp32_server" if esp32 else "esp8266_server"
    return request.getfixturevalue(name), ESP32_SKETCH if esp32 else ESP8266_SKETCH


def ask(server: RunningServer, raw: bytes) -> Answer:
    # A device that keeps its connection alive is told to close, so that the end can be seen.
    return server.ask(re.sub(rb"(?i)connection: keep-alive", b"Connection: close", raw))


def test_every_captured_request_is_replayed() -> None:
    assert len(REQUESTS) == 27
    assert sorted([*LISTS, *IMAGES, *VERSIONS]) == REQUESTS


def test_they_are_replayed_on_both_loops(
    loop: str, esp8266_server: RunningServer, esp32_server: RunningServer
) -> None:
    assert [loop_of(esp8266_server), loop_of(esp32_server)] == [loop, loop]


@pytest.mark.parametrize("path", LISTS, ids=names(LISTS))
def test_catalog_list(path: Path, server: tuple[RunningServer, bytes]) -> None:
    answer = ask(server[0], path.read_bytes())
    assert answer.status == 200
    assert answer.one("content-type") == "application/json"
    assert answer.one("content-length") == str(len(answer.body))
    assert not answer.all("transfer-encoding")
    assert not answer.all("content-encoding")
    assert answer.body.startswith(b"[{")
    entries = json.loads(answer.body)
    assert all(set(entry) == {"name", "type", "date", "time", "size"} for entry in entries)
    assert all(entry_cost(entry) <= ENTRY_DOCUMENT_BYTES for entry in entries)
    expected = {"inner.bin"} if "folder" in path.name else {"sketch.bin", "my sketch.bin"}
    assert {entry["name"] for entry in entries if entry["type"] == "bin"} == expected


@pytest.mark.parametrize("path", IMAGES, ids=names(IMAGES))
def test_image(path: Path, server: tuple[RunningServer, bytes]) -> None:
    raw = path.read_bytes()
    answer = ask(server[0], raw)
    filesystem = re.search(rb"GET /(spiffs|fs)\.bin", raw)
    assert answer.status == 200
    assert answer.body == (FILESYSTEM if filesystem else server[1])
    assert answer.one("content-length") == str(len(answer.body))
    assert answer.one("x-md5") == hashlib.md5(answer.body).hexdigest()
    assert answer.one("x-sha256") == hashlib.sha256(answer.body).hexdigest()
    assert answer.one("content-type") == "application/octet-stream"
    assert not answer.all("transfer-encoding")
    assert not answer.all("content-encoding")
    assert len(answer.head) < MAX_IMAGE_HEADER_BYTES


@pytest.mark.parametrize("path", IMAGES, ids=names(IMAGES))
def test_a_device_that_runs_the_image_gets_304(
    path: Path, server: tuple[RunningServer, bytes]
) -> None:
    """wire.md, 15: digests decide, in sketch mode only."""
    raw, sketch = path.read_bytes(), server[1]
    md5 = hashlib.md5(sketch).hexdigest().encode()
    sha256 = sketch[-32:].hex().upper().encode()
    raw = re.sub(rb"(sketch-md5: )\w+", rb"\g<1>" + md5, raw)
    raw = re.sub(rb"(sketch-sha256: )\w+", rb"\g<1>" + sha256, raw)
    answer = ask(server[0], raw)
    if b"mode: sketch" in raw:
        assert (answer.status, answer.body) == (304, b"")
        assert not answer.all("transfer-encoding")
    else:
        assert (answer.status, answer.body) == (200, FILESYSTEM)


@pytest.mark.parametrize("path", VERSIONS, ids=names(VERSIONS))
def test_the_version_of_an_unstamped_file_is_not_known(
    path: Path, server: tuple[RunningServer, bytes]
) -> None:
    answer = ask(server[0], path.read_bytes())
    assert answer.status == 404
    assert not answer.all("x-version")
    assert len(answer.body) < 200
