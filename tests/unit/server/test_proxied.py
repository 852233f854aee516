"""Connections through proxies that pass TCP through: real servers on both loops."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from uvicorn.server import ServerState

from acpublish.server import proxied
from acpublish.server.connections import Connections
from acpublish.server.listener import Listener
from acpublish.server.proxied import ProxiedPort, ProxiedProtocol
from acpublish.server.proxy_header import Proxies
from acpublish.server.sockets import listen
from tests.support.certificates import certificates
from tests.support.loops import LOOPS, server_on, tls_port
from tests.support.server import (
    PATIENCE_S,
    Answer,
    RunningServer,
    read_all,
    read_answer,
)
from tests.support.tls_client import TlsClient
from tests.unit.server.in_memory import lamp_catalog, make

#: The proxy connects from here; every other address of the loopback is a client's own.
PROXY = "127.0.0.2"
V1 = b"PROXY TCP4 192.0.2.7 203.0.113.1 4711 8443\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V2 = (
    SIGNATURE
    + b"\x21\x21\x00\x2b"
    + (
        socket.inet_pton(socket.AF_INET6, "2001:db8::7")
        + socket.inet_pton(socket.AF_INET6, "2001:db8::1")
        + b"\x12\x34\x56\x78\x04\x00\x04more"
    )
)
LOCAL = SIGNATURE + b"\x20\x00\x00\x00"
GET = b"GET /lamp/lamp-1.0.0_c3.bin.md5?%s HTTP/1.0\r\n\r\n"


@dataclass(frozen=True)
class Served:
    """A server, and how to connect to it."""

    server: RunningServer
    tls_port: int
    context: ssl.SSLContext

    def plain(self, source: str = PROXY) -> socket.socket:
        return socket.create_connection(
            (self.server.host, self.server.port), PATIENCE_S, (source, 0)
        )

    def tls(self, clear: bytes, source: str = PROXY) -> TlsClient:
        return TlsClient(self.tls_port, self.context, clear=clear, source=source)

    def logs(self, address: str, mark: str) -> bool:
        return self.server.logs(f" {address} GET /lamp/lamp-1.0.0_c3.bin.md5?{mark} 200")


@pytest.fixture(scope="module", params=LOOPS)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("proxied")
    files = certificates(folder)
    options = ["--tls-cert", str(files.server), "--tls-key", str(files.key), "--tls-port", "0"]
    options += ["--proxy-protocol", "192.0.2.0/24", "--proxy-protocol", PROXY]
    with server_on(request.param, lamp_catalog(folder), folder, *options) as server:
        context = ssl.create_default_context(cafile=str(files.ca))
        yield Served(server, tls_port(server), context)


HEADERS = {"v1": (V1, "192.0.2.7"), "v2": (V2, "2001:db8::7"), "local": (LOCAL, PROXY),
           "unknown": (b"PROXY UNKNOWN\r\n", PROXY)}  # fmt: skip


def test_a_header_names_the_client(served: Served) -> None:
    for kind, (header, _) in HEADERS.items():
        with served.plain() as connection:
            connection.sendall(header + GET % kind.encode())
            assert Answer.parse(read_all(connection)).status == 200
    assert all(served.logs(address, kind) for kind, (_, address) in HEADERS.items())


def test_a_header_comes_before_tls(served: Served) -> None:
    for kind, (header, _) in HEADERS.items():
        with served.tls(header) as connection:
            connection.sendall(GET % (b"tls-" + kind.encode()))
            assert Answer.parse(read_all(connection)).status == 200
    assert all(served.logs(address, f"tls-{kind}") for kind, (_, address) in HEADERS.items())


def test_a_header_may_arrive_byte_by_byte(served: Served) -> None:
    for kind, (header, _) in HEADERS.items():
        with served.plain() as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in header + GET % (b"slow-" + kind.encode()):
                connection.sendall(bytes([byte]))
            assert Answer.parse(read_all(connection)).status == 200
    assert all(served.logs(address, f"slow-{kind}") for kind, (_, address) in HEADERS.items())


def test_all_requests_of_a_connection_have_the_address(served: Served) -> None:
    """Also those that uvicorn's protocol answers, and those after it."""
    with served.plain() as connection:
        connection.sendall(V1)
        for target in (b"/api/v1/products?first", b"/api/v1/products?second"):
            connection.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % target)
            assert read_answer(connection).status == 200
        connection.sendall(GET % b"after")
        assert Answer.parse(read_all(connection)).status == 200
    assert served.logs("192.0.2.7", "after")
    log = served.server.log()
    for mark in ("first", "second"):
        assert f" 192.0.2.7 GET /api/v1/products?{mark} 200" in log


def test_urls_have_the_address_that_the_client_is_connected_to(served: Served) -> None:
    get = b"GET /update/lamp/c3.json HTTP/1.0\r\n\r\n"
    with served.plain() as connection:
        connection.sendall(V1 + get)
        assert b'"http://203.0.113.1:8443/lamp/' in read_all(connection)
    with served.tls(V1) as connection:
        connection.sendall(get)
        assert b'"https://203.0.113.1:8443/lamp/' in read_all(connection)


def test_whoever_is_not_a_proxy_needs_no_header(served: Served) -> None:
    with served.plain("127.0.0.1") as connection:
        connection.sendall(GET % b"own")
        assert Answer.parse(read_all(connection)).status == 200
    with served.tls(b"", "127.0.0.1") as connection:
        connection.sendall(GET % b"own-tls")
        assert Answer.parse(read_all(connection)).status == 200
    assert served.logs("127.0.0.1", "own")
    assert served.logs("127.0.0.1", "own-tls")


@pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])
def test_the_header_of_anyone_else_is_a_bad_request(served: Served, header: bytes) -> None:
    with served.plain("127.0.0.1") as connection:
        connection.sendall(header + GET % b"forged")
        assert Answer.parse(read_all(connection)).status == 400
    with contextlib.suppress(OSError), served.tls(header, "127.0.0.1") as connection:
        pytest.fail("TLS began after a header")
    assert "forged" not in served.server.log_so_far()


def test_a_proxy_without_a_header_is_closed_and_logged_once(served: Served) -> None:
    refused = (
        f"no valid PROXY header from {PROXY}, as --proxy-protocol demands: it begins differently"
    )
    for data in (GET % b"none", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PROXX"):
        with served.plain() as connection:
            connection.sendall(data)
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(1) == b""
    with contextlib.suppress(OSError), served.tls(b""):
        pytest.fail("TLS began without a header")
    assert served.server.logs(refused)
    log = served.server.log_so_far()
    assert log.count(refused) == 1
    assert "Traceback" not in log


def test_a_health_check_that_sends_nothing_is_not_logged(served: Served) -> None:
    before = served.server.log_so_far()
    served.plain().close()
    (line,) = served.server.log_so_far().removeprefix(before).splitlines()
    assert "end-of-log" in line


@contextlib.asynccontextmanager
async def _served(
    folder: Path,
) -> AsyncIterator[tuple[ProxiedPort, asyncio.StreamReader, asyncio.StreamWriter]]:
    """Serves in this process, and connects as a proxy."""
    app = make(lamp_catalog(folder))
    loop = asyncio.get_running_loop()
    connections = Connections(app.routes, app.log, uvicorn.Config(app), ServerState(), loop)
    port = ProxiedPort(connections, Proxies(["127.0.0.1"]))
    listening = listen("127.0.0.1", 0)
    listener = Listener(loop, listening, lambda: ProxiedProtocol(port), pytest.fail)
    reader, writer = await asyncio.open_connection(*listening.getsockname())
    try:
        yield port, reader, writer
    finally:
        writer.close()
        listener.close()


def test_a_header_that_is_too_slow_ends_the_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(proxied, "PROXY_HEADER_S", 0.01)

    async def main() -> None:
        async with _served(tmp_path) as (port, reader, writer):
            writer.write(V1[:20])
            with contextlib.suppress(ConnectionResetError):
                assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
            assert not port.connections.open

    asyncio.run(main())
    refused = "no valid PROXY header from 127.0.0.1, as --proxy-protocol demands: it did not arrive"
    assert refused in caplog.text


def test_the_end_of_the_server_closes_connections_without_a_header(tmp_path: Path) -> None:
    async def main() -> None:
        async with _served(tmp_path) as (port, reader, _):
            while not port.connections.open:
                await asyncio.sleep(0.01)
            for connection in list(port.connections.open):
                connection.shutdown()
            assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
            assert not port.connections.open

    asyncio.run(main())


def test_the_end_of_the_server_does_not_wait_for_handshakes(served: Served) -> None:
    """The last test of a server."""
    with (
        socket.create_connection(("127.0.0.1", served.tls_port), PATIENCE_S, (PROXY, 0)) as named,
        socket.create_connection(("127.0.0.1", served.tls_port), PATIENCE_S) as other,
    ):
        named.sendall(V1 + b"\x16\x03\x01")
        other.sendall(b"\x16\x03\x01")
        log = served.server.end()
        for connection in (named, other):
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(1) == b""
    assert "Traceback" not in log
    assert "broke off" not in log
