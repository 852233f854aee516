"""How the server starts and ends: one line when it listens, running downloads first at the end."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import acpublish
from tests.support.images import esp32_image
from tests.support.loops import LOOP, loop_of, server_on
from tests.support.server import RunningServer, read_all, running_server

BIG = bytes(24 * 1024 * 1024)
#: Kept in memory as a whole, and more than the kernel's buffers take.
MIDDLE = bytes(range(256)) * 40_000
REQUEST = b"GET /%s HTTP/1.0\r\n\r\n"


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("stop")
    (root / "big.txt").write_bytes(BIG)
    (root / "middle.txt").write_bytes(MIDDLE)
    time.sleep(2.2)
    return root


@pytest.fixture
def server(catalog: Path, tmp_path: Path) -> Iterator[RunningServer]:
    with running_server(catalog, tmp_path) as running:
        yield running


def begin(server: RunningServer, name: bytes) -> socket.socket:
    """Begins a download, and reads no further than its first bytes."""
    connection = server.connect()
    connection.sendall(REQUEST % name)
    assert connection.recv(12) == b"HTTP/1.1 200"
    return connection


def finish(connection: socket.socket) -> bytes:
    with connection:
        return read_all(connection).partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_idle_server_at_once(server: RunningServer, number: int) -> None:
    with server.connect() as idle, server.connect() as kept:
        kept.sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        assert kept.recv(12) == b"HTTP/1.1 404"
        began = time.monotonic()
        server.signal(number)
        assert server.wait() == 0
        assert time.monotonic() - began < 2
        assert idle.recv(1) == b""


@pytest.mark.parametrize(("name", "body"), [(b"big.txt", BIG), (b"middle.txt", MIDDLE)])
def test_running_downloads_finish(server: RunningServer, name: bytes, body: bytes) -> None:
    connection = begin(server, name)
    server.signal(signal.SIGTERM)
    time.sleep(0.5)
    assert server.process.poll() is None
    with pytest.raises(ConnectionRefusedError):
        server.connect()
    assert finish(connection) == body
    assert server.wait() == 0
    assert "Traceback" not in server.log()


def test_the_grace_time_is_the_limit(catalog: Path, tmp_path: Path) -> None:
    with running_server(catalog, tmp_path, "--grace", "0.5") as server:
        connection = begin(server, b"big.txt")
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert 0.4 < time.monotonic() - began < 3
        connection.close()
        assert "Traceback" not in server.log()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_at_once(server: RunningServer, number: int) -> None:
    connection = begin(server, b"big.txt")
    server.signal(number)
    time.sleep(0.4)
    assert server.process.poll() is None
    began = time.monotonic()
    server.signal(number)
    assert server.wait() == 0
    assert time.monotonic() - began < 2
    connection.close()
    assert "Traceback" not in server.log()


def test_a_port_that_is_taken_is_one_clear_line(server: RunningServer, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "acpublish", "serve", "-b", "127.0.0.1", "-d", str(tmp_path)]
    ended = subprocess.run(
        [*command, "-p", str(server.port)], capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode != 0
    assert ended.stdout == ""
    assert f"cannot listen on 127.0.0.1 port {server.port}" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-d", "/nowhere/at/all"], "catalog"),
        (["-b", "no such host"], "cannot listen"),
        (["-b", "192.0.2.1"], "cannot listen"),
    ],
)
def test_bad_options_are_one_clear_line(options: list[str], said: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "acpublish", "serve", "-p", "0"]
    ended = subprocess.run(
        [*command, *options], capture_output=True, text=True, timeout=30, check=False, cwd=tmp_path
    )
    assert ended.returncode != 0
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_the_line_is_printed_whatever_the_log(catalog: Path, tmp_path: Path) -> None:
    with running_server(catalog, tmp_path, "--log", "critical") as server:
        assert server.line == f"acpublish: serving {catalog} at http://127.0.0.1:{server.port}\n"
        assert server.get("/nothing").status == 404
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert server.log() == ""


def test_the_log_has_one_line_for_each_request_and_no_secret(server: RunningServer) -> None:
    server.get("/middle.txt", "Authorization: Basic dXNlcjpzM2NyZXQ=")
    server.get("/no such\xff file".encode("latin-1"))
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    lines = [line for line in server.log().splitlines() if " GET " in line]
    assert len(lines) == 2
    assert " 127.0.0.1 GET /middle.txt 200" in lines[0]
    assert " GET /no such\\xff file 404" in lines[1]
    assert "dXNlcjpzM2NyZXQ" not in server.log()


def test_every_open_file_may_be_used(catalog: Path, tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    # The server inherits a low limit, such as a shell's.
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1] // 2, limits[1]))
    try:
        with running_server(catalog, tmp_path) as server:
            soft, hard = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert soft == hard == limits[1]


def test_it_warns_when_others_can_read(catalog: Path, tmp_path: Path) -> None:
    with running_server(catalog, tmp_path, "--bind", "0.0.0.0") as server:
        assert server.logs("anyone who can reach")
        assert server.logs("Wi-Fi passwords")


def test_the_loop_is_uvloop_unless_the_tests_hide_it(catalog: Path, tmp_path: Path) -> None:
    pytest.importorskip("uvloop")
    with running_server(catalog, tmp_path) as server:
        assert loop_of(server) == LOOP


def test_without_uvloop_asyncio_serves(catalog: Path, tmp_path: Path) -> None:
    with server_on("asyncio", catalog, tmp_path) as server:
        assert finish(begin(server, b"middle.txt")) == MIDDLE
        connection = begin(server, b"middle.txt")
        server.signal(signal.SIGTERM)
        time.sleep(0.3)
        assert finish(connection) == MIDDLE
        assert server.wait() == 0


def test_without_the_extra_it_says_what_to_install(catalog: Path, tmp_path: Path) -> None:
    (tmp_path / "uvicorn.py").write_text("raise ModuleNotFoundError('no', name='uvicorn')\n")
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    ended = subprocess.run(
        [sys.executable, "-m", "acpublish", "serve", "-p", "0", "-b", "127.0.0.1"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert ended.returncode != 0
    assert "pip install 'acpublish[server]'" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_visible_file_that_is_removed_withdraws_nothing_and_the_log_says_what_to_do(
    tmp_path: Path,
) -> None:
    root = tmp_path / "catalog"
    root.mkdir()
    image = tmp_path / "firmware.bin"
    image.write_bytes(esp32_image("esp32c3"))
    published = acpublish.publish(image, to=root, product="lamp", version="1.0.0", board="c3")
    visible = root / published.file
    with running_server(root, tmp_path) as running:
        # A start repairs what it finds, beside answering requests.
        assert running.logs("products in the catalog: 1")
        assert "repaired: " not in running.log()
        data = visible.read_bytes()
        visible.unlink()
        for target in (f"/{published.file}", "/update/lamp/c3"):
            answer = running.get(target)
            assert (answer.status, answer.body) == (200, data)
    assert not visible.exists()
    with running_server(root, tmp_path) as running:
        assert running.logs(f"repaired: {published.file}")
        assert running.logs("that withdraws no release. To replace one, publish a higher version")
    assert visible.read_bytes() == data


def test_a_catalog_that_is_gone_is_said_once(tmp_path: Path) -> None:
    """As when its disk is unmounted; devices get nothing, and are not told why."""
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    (catalog / "lamp.bin").write_bytes(esp32_image())
    with running_server(catalog, tmp_path) as server:
        assert server.logs("products in the catalog")
        catalog.rename(tmp_path / "elsewhere")
        assert server.logs("is gone; until it is back, devices get nothing")
        (tmp_path / "elsewhere").rename(catalog)
        assert server.logs("catalog is back")
        assert server.log().count("is gone") == 1


def test_a_download_that_breaks_off_is_logged_as_cut(server: RunningServer) -> None:
    with begin(server, b"middle.txt"):
        pass
    assert server.logs(f" of {len(MIDDLE)} bytes; ")
    assert "GET /middle.txt 200 (cut after " in server.log()
