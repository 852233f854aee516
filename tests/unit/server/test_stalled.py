"""Connections that do not move are dropped, and slow ones are not."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path

import pytest

from acpublish.server import stalled
from acpublish.server.connections import Connections
from acpublish.server.stalled import StalledWatch
from tests.support.images import esp32_image
from tests.unit.server.test_connections import serve

#: More than all buffers between the two sides.
IMAGE = b"GET /large.bin HTTP/1.0\r\n\r\n"


@pytest.fixture(autouse=True)
def _large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stalled, "STALLED_S", 1.0)
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / "large.bin").write_bytes(esp32_image("esp32c3", size=6_000_000))


async def begin(port: int) -> socket.socket:
    def connect() -> socket.socket:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        connection.connect(("127.0.0.1", port))
        connection.settimeout(5)
        connection.sendall(IMAGE)
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
        return connection

    return await asyncio.to_thread(connect)


def test_who_reads_nothing_is_dropped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(connections: Connections, port: int) -> None:
        watch = StalledWatch(connections)
        with await begin(port):
            for _ in range(30):
                await watch.look()
                await asyncio.sleep(0.1)
            assert not connections.open
            assert not watch._marks

    serve(tmp_path, scenario, most=10)
    assert "dropped 1 connections that acknowledged nothing" in caplog.text


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts what was acknowledged")
def test_who_reads_a_little_stays(tmp_path: Path) -> None:
    async def scenario(connections: Connections, port: int) -> None:
        watch = StalledWatch(connections)
        with await begin(port) as connection:
            for _ in range(20):
                # Less than what the system's buffer hides from the transport's.
                await asyncio.to_thread(connection.recv, 16384)
                await watch.look()
                await asyncio.sleep(0.1)
            assert len(connections.open) == 1

    serve(tmp_path, scenario, most=10)


def test_who_is_idle_is_none_of_its_business(tmp_path: Path) -> None:
    async def scenario(connections: Connections, port: int) -> None:
        watch = StalledWatch(connections)
        with await asyncio.to_thread(socket.create_connection, ("127.0.0.1", port)):
            for _ in range(5):
                await watch.look()
                await asyncio.sleep(0.1)
            assert len(connections.open) == 1

    serve(tmp_path, scenario, most=10)
