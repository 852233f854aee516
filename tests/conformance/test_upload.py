"""Publishing over HTTP, as bytes on a socket: who may, what is refused, what is held afterwards."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.images import esp32_image, esp8266_image, littlefs
from tests.support.server import Answer, RunningServer, running_server
from tests.support.tokens import create_token

IMAGE = esp32_image("esp32c3", project="lamp", version="1.0.0", seed=1)
TARGET = "/api/v1/releases/lamp/1.0.0/c3"


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningServer, str]]:
    """A server that refuses whatever the tests send, and a token that allows everything."""
    root = tmp_path_factory.mktemp("untouched")
    (root / "catalog").mkdir()
    with running_server(root / "catalog", root) as server:
        yield server, token(root)


def token(tmp_path: Path, publish: str = "*") -> str:
    """Makes a token, while the server runs."""
    return create_token(tmp_path / "state", publish)


def put(
    server: RunningServer, target: str, body: bytes, key: str | None, *more: str
) -> tuple[Answer, dict[str, Any]]:
    lines = [f"PUT {target} HTTP/1.1", "Host: catalog.local:99", f"Content-Length: {len(body)}"]
    lines += ["Connection: close", *more]
    if key is not None:
        lines.append(f"Authorization: Bearer {key}")
    answer = server.ask("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    document: dict[str, Any] = json.loads(answer.body)
    if answer.status >= 400:
        expected = {"error", "hint", "code"} | ({"check"} if document["code"] == "check" else set())
        assert set(document) == expected
        assert str(server.log_path.parent) not in answer.body.decode()
    return answer, document


def test_without_a_token_made_it_is_read_only(server: RunningServer) -> None:
    for key in (None, "acp_anything"):
        answer, document = put(server, TARGET, IMAGE, key)
        assert (answer.status, document["code"]) == (403, "forbidden")
        assert "acpublish token create" in document["hint"]


@pytest.mark.parametrize("left", ["nothing", "an empty directory"])
def test_a_catalog_that_was_unmounted_is_not_made_anew(
    server: RunningServer, tmp_path: Path, left: str
) -> None:
    key = token(tmp_path)
    catalog = tmp_path / "catalog"
    assert put(server, TARGET, IMAGE, key)[0].status == 201
    catalog.rename(tmp_path / "unmounted")
    if left != "nothing":
        catalog.mkdir()
    answer, document = put(server, "/api/v1/releases/lamp/1.0.0/c3x", IMAGE, key)
    assert (answer.status, document["code"]) == (503, "read-only")
    assert server.logs("was unmounted")
    assert server.logs("Mount it again")
    if left == "nothing":
        assert not catalog.exists()
    else:
        assert list(catalog.iterdir()) == []
        catalog.rmdir()
    (tmp_path / "unmounted").rename(catalog)
    assert put(server, "/api/v1/releases/lamp/1.0.0/c3x", IMAGE, key)[0].status == 201


def test_a_server_that_starts_before_the_disk_is_mounted(tmp_path: Path) -> None:
    key, catalog = token(tmp_path), tmp_path / "catalog"
    catalog.mkdir()
    with running_server(catalog, tmp_path) as server:
        assert put(server, TARGET, IMAGE, key)[0].status == 201
    catalog.rename(tmp_path / "unmounted")
    catalog.mkdir()
    with running_server(catalog, tmp_path) as server:
        assert server.logs("could not be repaired: the catalog")
        answer, document = put(server, "/api/v1/releases/lamp/1.0.0/c3x", IMAGE, key)
        assert (answer.status, document["code"]) == (503, "read-only")
        assert server.logs(f"To begin a new catalog there: mkdir -p {catalog}/.acpublish")
        assert list(catalog.iterdir()) == []
        catalog.rmdir()
        (tmp_path / "unmounted").rename(catalog)
        assert put(server, "/api/v1/releases/lamp/1.0.0/c3x", IMAGE, key)[0].status == 201
        assert server.get("/lamp/lamp-1.0.0_c3.bin").body == IMAGE


def test_publishing_twice(server: RunningServer, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "acpublish", "token", "create", "--publish", "*"]
    command += ["--state", str(tmp_path / "state")]
    key = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    provenance = 'X-Acpublish-Provenance: {"commit": "abc1234"}'
    answer, document = put(server, TARGET + "?channel=beta&chip=esp32c3", IMAGE, key, provenance)
    assert answer.status == 201
    assert document == {
        "outcome": "published",
        "product": "lamp",
        "version": "1.0.0",
        "board": "c3",
        "kind": "firmware",
        "channel": "beta",
        "points_at": "1.0.0",
        "rolling": False,
        "file": "lamp/lamp-1.0.0_c3.bin",
        "size": len(IMAGE),
        "md5": hashlib.md5(IMAGE).hexdigest(),
        "sha256": hashlib.sha256(IMAGE).hexdigest(),
        "compressed": None,
        "url": "http://catalog.local:99/lamp/lamp-1.0.0_c3.bin",
        "warnings": document["warnings"],
    }
    again, document = put(server, TARGET + "?channel=beta", IMAGE, key)
    assert (again.status, document["outcome"]) == (200, "already published")
    assert server.get("/lamp/lamp-1.0.0_c3.bin").body == IMAGE
    assert server.get("/update/lamp/c3?channel=beta").body == IMAGE
    listed = json.loads(server.get("/api/v1/products/lamp").body)
    (release,) = listed["releases"]
    assert release["images"][0]["provenance"] == {"commit": "abc1234"}
    assert json.loads(server.get("/api/v1/products").body) == {"products": ["lamp"]}
    assert key not in server.log_so_far()


def test_the_same_version_with_other_bytes(server: RunningServer, tmp_path: Path) -> None:
    key = token(tmp_path)
    put(server, TARGET, IMAGE, key)
    other = esp32_image("esp32c3", project="lamp", version="1.0.0", seed=2)
    answer, document = put(server, TARGET, other, key)
    assert (answer.status, document["code"]) == (409, "conflict")
    for image in (IMAGE, other):
        assert hashlib.sha256(image).hexdigest() in document["error"]
    assert server.get("/update/lamp/c3").body == IMAGE


def test_who_may(server: RunningServer, tmp_path: Path) -> None:
    key = token(tmp_path, "lamp")
    for given in (None, "", "acp_wrong", key[:-1], key + "x", "é"):
        answer, document = put(server, TARGET, IMAGE, given)
        assert (answer.status, document["code"]) == (401, "unauthorised")
        assert answer.one("www-authenticate") == "Bearer"
    answer, document = put(server, TARGET.replace("lamp", "door"), IMAGE, key)
    assert (answer.status, document["code"]) == (403, "forbidden")
    assert server.get("/api/v1/products/lamp").status == 404
    assert put(server, TARGET, IMAGE, key)[0].status == 201
    state = tmp_path / "state"
    assert state.stat().st_mode & 0o777 == 0o700
    assert (state / "tokens.json").stat().st_mode & 0o777 == 0o600
    assert key not in (state / "tokens.json").read_text()


@pytest.mark.parametrize(
    ("target", "body", "status", "code"),
    [
        (TARGET, b"", 422, "check"),
        (TARGET, b"no image at all", 422, "check"),
        (TARGET, IMAGE[:-100], 422, "check"),
        (TARGET, IMAGE[:500] + b"\x00\x01\x02\x03" + IMAGE[504:], 422, "check"),
        (TARGET + "?chip=esp32s3", IMAGE, 422, "check"),
        (TARGET + "?kind=filesystem", IMAGE, 422, "check"),
        (TARGET, littlefs(), 422, "check"),
        (TARGET + "?kind=other", IMAGE, 400, "request"),
        (TARGET + "?channel=No%20Name", IMAGE, 422, "name"),
        (TARGET.replace("1.0.0", "v1"), IMAGE, 422, "version"),
        (TARGET.replace("lamp", "La%20mp"), IMAGE, 422, "name"),
        (TARGET.replace("lamp", "api"), IMAGE, 422, "name"),
        (TARGET.replace("lamp", ".."), IMAGE, 422, "name"),
        (TARGET.replace("c3", "c3%00"), IMAGE, 422, "name"),
        ("/api/v1/releases/lamp/1.0.0", IMAGE, 404, "not-found"),
        ("/api/v1/releases/lamp/1.0.0/c3/", IMAGE, 404, "not-found"),
        ("/api/v1/products/lamp", IMAGE, 405, "method"),
    ],
)
def test_what_is_refused(
    untouched: tuple[RunningServer, str], target: str, body: bytes, status: int, code: str
) -> None:
    server, key = untouched
    answer, document = put(server, target, body, key)
    assert (answer.status, document["code"]) == (status, code)
    assert not answer.all("location")
    catalog = server.log_path.parent / "catalog"
    assert list(catalog.glob("*")) in ([], [catalog / ".acpublish"])
    assert not list(catalog.rglob("*.bin"))
    assert "Traceback" not in server.log_so_far()


@pytest.mark.parametrize("header", ["[1]", '{"a": 1}', "not json", "[" * 5000])
def test_a_provenance_that_is_none(untouched: tuple[RunningServer, str], header: str) -> None:
    server, key = untouched
    answer, document = put(server, TARGET, IMAGE, key, f"X-Acpublish-Provenance: {header}")
    assert (answer.status, document["code"]) == (400, "request")


def test_too_large(untouched: tuple[RunningServer, str]) -> None:
    server, key = untouched
    raw = f"PUT {TARGET} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
    answer = server.ask(f"{raw}Content-Length: {33 * 1024 * 1024}\r\n\r\n".encode())
    assert answer.status == 413
    assert json.loads(answer.body)["code"] == "too-large"


def test_chunked_is_taken(server: RunningServer, tmp_path: Path) -> None:
    key = token(tmp_path)
    raw = f"PUT {TARGET} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(part), part)
        for part in (IMAGE[at : at + 5000] for at in range(0, len(IMAGE), 5000))
    )
    answer = server.ask(f"{raw}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks + b"0\r\n\r\n")
    assert answer.status == 201


def test_an_expectation_is_met(server: RunningServer, tmp_path: Path) -> None:
    key = token(tmp_path)
    raw = f"PUT {TARGET} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(IMAGE)}\r\n"
    raw += "Connection: close\r\nExpect: 100-continue\r\n"
    with server.connect() as connection:
        connection.sendall(f"{raw}Authorization: Bearer {key}\r\n\r\n".encode())
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(IMAGE)
        assert connection.recv(12) == b"HTTP/1.1 201"
    with server.connect() as connection:
        connection.sendall(f"{raw}\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.1 401"


def test_an_upload_that_breaks_off_leaves_nothing(untouched: tuple[RunningServer, str]) -> None:
    server, key = untouched
    raw = f"PUT {TARGET} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
    with server.connect() as connection:
        connection.sendall(f"{raw}Content-Length: {len(IMAGE)}\r\n\r\n".encode() + IMAGE[:9999])
    assert server.get("/api/v1/products/lamp").status == 404
    assert not list((server.log_path.parent / "catalog").rglob("*.bin"))
    assert "Traceback" not in server.log_so_far()


def test_several_uploads_at_once(server: RunningServer, tmp_path: Path) -> None:
    key = token(tmp_path)
    images = {
        f"board{number}": esp8266_image(200_000, record=False, seed=number) for number in range(8)
    }
    found: dict[str, int] = {}

    def upload(board: str) -> None:
        target = f"/api/v1/releases/lamp/1.0.0/{board}"
        found[board] = put(server, target, images[board], key)[0].status

    workers = [threading.Thread(target=upload, args=(board,)) for board in images]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert set(found.values()) == {201}
    for board, image in images.items():
        assert server.get(f"/update/lamp/{board}").body == image


def test_a_new_release_is_offered_at_once(server: RunningServer, tmp_path: Path) -> None:
    key = token(tmp_path)
    for number in range(1, 20):
        image = esp32_image("esp32c3", project="lamp", version=f"1.0.{number}", seed=number)
        assert put(server, f"/api/v1/releases/lamp/1.0.{number}/c3", image, key)[0].status == 201
        assert server.get("/update/lamp/c3", "x-ESP32-mode: sketch").body == image
        name = f"lamp/lamp-1.0.{number}_c3.bin"
        listed = server.get("/_catalog?op=list&path=.", "User-Agent: ESP32HTTPClient").body
        assert name.encode() in listed
