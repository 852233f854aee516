"""Real proxies that pass TCP through and name their clients: HAProxy, and nginx's stream module."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.peers import STREAM_MODULE, free_port, nginx_with, tool
from bench.report import Unavailable
from tests.support.certificates import certificates
from tests.support.loops import LOOPS, server_on, tls_port
from tests.support.server import PATIENCE_S, Answer, RunningServer, read_all
from tests.support.tls_client import TlsClient
from tests.unit.server.in_memory import lamp_catalog

#: Where the device is; the proxies are at 127.0.0.1.
DEVICE = "127.0.0.9"
GET = b"GET lamp/lamp-1.0.0_c3.bin.md5?%s HTTP/1.0\r\n\r\n"


@dataclass(frozen=True)
class Served:
    """A server that knows its proxies."""

    server: RunningServer
    tls_port: int
    context: ssl.SSLContext

    def asks_through(self, port: int, secure_port: int, mark: str) -> None:
        """Lets a device ask through a proxy, with TLS and without, and looks for its address."""
        with socket.create_connection(("127.0.0.1", port), PATIENCE_S, (DEVICE, 0)) as plain:
            plain.sendall(GET % mark.encode())
            assert Answer.parse(read_all(plain)).status == 200
        with TlsClient(secure_port, self.context, source=DEVICE) as secure:
            secure.sendall(GET % f"tls-{mark}".encode())
            assert Answer.parse(read_all(secure)).status == 200  # type: ignore[arg-type]
        for name in (mark, f"tls-{mark}"):
            # The target arrives without its slash, as no http proxy would pass it on.
            assert self.server.logs(f" {DEVICE} GET /lamp/lamp-1.0.0_c3.bin.md5?{name} 200")


@pytest.fixture(scope="module", params=LOOPS)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("proxies")
    files = certificates(folder)
    options = ["--tls-cert", str(files.server), "--tls-key", str(files.key), "--tls-port", "0"]
    options += ["--proxy-protocol", "127.0.0.1"]
    with server_on(request.param, lamp_catalog(folder), folder, *options) as server:
        yield Served(server, tls_port(server), ssl.create_default_context(cafile=str(files.ca)))


HAPROXY = """\
defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
"""
PASSED_ON = """\
listen port-{port}
  bind 127.0.0.1:{port}
  server acpublish 127.0.0.1:{to} {send} check inter 200ms
"""


@contextlib.contextmanager
def haproxy(folder: Path, blocks: str) -> Iterator[Path]:
    """Runs HAProxy in the foreground, and yields the file of its output."""
    try:
        program = tool("haproxy", "haproxy")
    except Unavailable as reason:
        pytest.skip(str(reason))
    config = folder / "haproxy.cfg"
    config.write_text(HAPROXY + blocks)
    output = folder / "haproxy.log"
    with output.open("wb") as file:
        process = subprocess.Popen([program, "-db", "-f", str(config)], stdout=file, stderr=file)
    try:
        yield output
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def wait_for(port: int) -> None:
    end = time.monotonic() + PATIENCE_S
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("send", ["send-proxy", "send-proxy-v2"])
def test_haproxy_names_the_device(served: Served, tmp_path: Path, send: str) -> None:
    """Its health checks, which it begins with a header of their own, are not logged."""
    before = served.server.log()
    port, secure_port = free_port(), free_port()
    blocks = PASSED_ON.format(port=port, to=served.server.port, send=send)
    blocks += PASSED_ON.format(port=secure_port, to=served.tls_port, send=send)
    with haproxy(tmp_path, blocks) as output:
        wait_for(port)
        wait_for(secure_port)
        served.asks_through(port, secure_port, send)
        # Several health checks.
        time.sleep(1)
        assert "DOWN" not in output.read_text()
    assert "WARNING" not in served.server.log().removeprefix(before)


def test_haproxy_that_sends_no_header_is_refused_in_one_line(
    served: Served, tmp_path: Path
) -> None:
    port = free_port()
    with haproxy(tmp_path, PASSED_ON.format(port=port, to=served.server.port, send="")):
        wait_for(port)
        with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as plain:
            plain.sendall(GET % b"unnamed")
            with contextlib.suppress(ConnectionResetError):
                assert plain.recv(1) == b""
    assert served.server.logs("as --proxy-protocol demands: it begins differently")


def test_nginx_names_the_device(served: Served, tmp_path: Path) -> None:
    if not STREAM_MODULE.exists():
        pytest.skip("nginx has no stream module (Debian: apt-get install libnginx-mod-stream)")
    port, secure_port = free_port(), free_port()
    servers = "".join(
        f"server {{ listen 127.0.0.1:{listen}; proxy_protocol on; proxy_pass 127.0.0.1:{to}; }}\n"
        for listen, to in ((port, served.server.port), (secure_port, served.tls_port))
    )
    with nginx_with(f"stream {{ {servers} }}", port, tmp_path, load=[STREAM_MODULE]):
        served.asks_through(port, secure_port, "nginx")
