"""The server over TLS: the same routes beside plain HTTP, on both loops."""

from __future__ import annotations

import hashlib
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from acpublish import publish
from acpublish.server.config import DEFAULT_CACHE_BYTES
from tests.support.certificates import Certificates, certificates
from tests.support.images import esp32_image
from tests.support.loops import LOOPS, server_on, tls_port
from tests.support.openssl import needs_openssl
from tests.support.server import PATIENCE_S, Answer, RunningServer, read_all, read_answer
from tests.support.tls_client import TlsClient

FILE = b"/lamp/lamp-1.0.0_c3.bin"
#: The suite that BearSSL of the ESP8266 core prefers, of those with AES.
ESP8266_CIPHER = "ECDHE-ECDSA-AES128-GCM-SHA256"
CLIENTS = 200
#: A copy of the image would take 4 MiB. asyncio's TLS has a buffer of 256 KiB for each connection.
MAX_BYTES_EACH = 512 * 1024


@dataclass(frozen=True)
class Served:
    """A server, and how to connect to it."""

    server: RunningServer
    port: int
    files: Certificates
    image: bytes

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.files.ca))

    def connect(self) -> TlsClient:
        return TlsClient(self.port, self.context())


@pytest.fixture(scope="module", params=LOOPS)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("tls")
    catalog = folder / "catalog"
    catalog.mkdir()
    image = folder / "image.bin"
    image.write_bytes(esp32_image("esp32c3", 4 << 20))
    publish(image, to=catalog, product="lamp", version="1.0.0", board="c3")
    # It has a stamp now.
    published = (catalog / FILE.decode()[1:]).read_bytes()
    (catalog / "large.bin").write_bytes(published + bytes(DEFAULT_CACHE_BYTES))
    files = certificates(folder)
    options = ["--tls-cert", str(files.server), "--tls-key", str(files.key), "--tls-port", "0"]
    with server_on(request.param, catalog, folder, *options) as server:
        yield Served(server, tls_port(server), files, published)


def test_each_request_of_a_connection_is_answered(served: Served) -> None:
    """Small answers, those of uvicorn's protocol, what only devices send, and a large one."""
    with served.connect() as connection:
        for target in (FILE + b".md5", FILE[1:] + b".md5", b"/api/v1/products", FILE):
            connection.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = read_answer(connection)  # type: ignore[arg-type]
            assert answer.status == 200
            if target.endswith(b".bin"):
                assert answer.body == served.image
                assert answer.one("x-MD5") == hashlib.md5(served.image).hexdigest()


def test_an_image_that_ends_the_connection_is_whole(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(b"GET " + FILE + b" HTTP/1.0\r\n\r\n")
        assert Answer.parse(read_all(connection)).body == served.image  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [FILE, b"/large.bin"])
def test_a_request_that_arrives_with_the_end_of_the_handshake(served: Served, name: bytes) -> None:
    """The server's tickets of TLS 1.3 leave with the response, so its buffer empties within it."""
    patience_ends = time.monotonic() + PATIENCE_S
    # A large file that was written just now may not be complete.
    while served.server.get(name, "Range: bytes=0-0").status == 404:
        assert time.monotonic() < patience_ends
        time.sleep(0.1)
    lines = b"Host: localhost\r\nRange: bytes=0-1048575\r\n"
    for ending in (b"Connection: close\r\n", b""):
        request = b"GET " + name + b" HTTP/1.1\r\n" + lines + ending + b"\r\n"
        with TlsClient(served.port, served.context(), first=request) as connection:
            assert read_answer(connection).body == served.image[:1048576]  # type: ignore[arg-type]


@pytest.mark.parametrize("host", [b"", b"Host: localhost:%d\r\n", b"Host: 127.0.0.1:%d\r\n"])
def test_urls_begin_with_https(served: Served, host: bytes) -> None:
    name = b"localhost" if b"localhost" in host else b"127.0.0.1"
    with served.connect() as connection:
        line = host % served.port if host else b""
        connection.sendall(b"GET /update/lamp/c3.json HTTP/1.0\r\n" + line + b"\r\n")
        url = b'"url":"https://%s:%d/lamp/' % (name, served.port)
        assert url in Answer.parse(read_all(connection)).body  # type: ignore[arg-type]
    plain = served.server.send(b"GET /update/lamp/c3.json HTTP/1.0\r\n\r\n")
    assert b'"url":"http://127.0.0.1:%d/lamp/' % served.server.port in plain


def test_tls_1_2_with_a_suite_of_bearssl_is_enough(served: Served) -> None:
    context = served.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ESP8266_CIPHER)
    with TlsClient(served.port, context) as connection:
        assert connection.version == "TLSv1.2"
        connection.sendall(b"GET " + FILE + b".md5 HTTP/1.0\r\n\r\n")
        assert Answer.parse(read_all(connection)).status == 200  # type: ignore[arg-type]


@needs_openssl
def test_older_versions_are_refused(served: Served) -> None:
    for version, accepted in (("-tls1", False), ("-tls1_1", False), ("-tls1_2", True)):
        done = subprocess.run(
            [
                *("openssl", "s_client", "-connect", f"127.0.0.1:{served.port}", version),
                *("-cipher", "ALL:@SECLEVEL=0"),
            ],
            input=b"", capture_output=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        assert (done.returncode == 0) is accepted, done.stderr


@needs_openssl
def test_records_are_as_short_as_the_client_asks(served: Served, tmp_path: Path) -> None:
    """An ESP8266 has no memory for records of 16 KiB (RFC 6066, section 4)."""
    messages = tmp_path / "messages"
    done = subprocess.run(
        [
            *("openssl", "s_client", "-connect", f"127.0.0.1:{served.port}", "-tls1_2"),
            *("-maxfraglen", "512", "-quiet", "-ign_eof", "-msg", "-msgfile", str(messages)),
        ],
        input=b"GET " + FILE + b" HTTP/1.0\r\nRange: bytes=0-65535\r\n\r\n",
        capture_output=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert Answer.parse(done.stdout).body == served.image[:65536]
    records = re.findall(r"<<< .*RecordHeader.*\n    17 03 03 (\S\S) (\S\S)", messages.read_text())
    # Each has its content, and up to 256 bytes for its protection.
    assert 65536 / 512 < len(records) < 200
    assert all(int(high + low, 16) <= 512 + 256 for high, low in records)


def resident_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024  # type: ignore[index]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux has /proc")
def test_clients_that_never_read_share_the_image(served: Served) -> None:
    pid = served.server.process.pid
    before = resident_bytes(pid)
    clients = [served.connect() for _ in range(CLIENTS)]
    try:
        for client in clients:
            client.sendall(b"GET " + FILE + b" HTTP/1.0\r\n\r\n")
        # Each has been answered when its first bytes are there.
        for client in clients:
            assert client.socket.recv(1, socket.MSG_PEEK)
        served.server.log_so_far()
        assert resident_bytes(pid) - before < CLIENTS * MAX_BYTES_EACH
        assert Answer.parse(read_all(clients[-1])).body == served.image  # type: ignore[arg-type]
    finally:
        for client in clients:
            client.socket.close()


def test_what_is_not_tls_is_closed_and_said_once(served: Served) -> None:
    before = served.server.log_so_far()
    for data in (b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\0" * 100):
        with socket.create_connection(("127.0.0.1", served.port), PATIENCE_S) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1024):
                pass
    log = served.server.log_so_far().removeprefix(before)
    assert log.count("refused: TLS did not begin: a client sent plain HTTP") == 1
    assert "Traceback" not in log
    assert all("refused: TLS" in line or "end-of-log" in line for line in log.splitlines())


def test_a_renewed_certificate_is_shown_without_a_restart(served: Served, tmp_path: Path) -> None:
    new = certificates(tmp_path)
    with served.connect() as connection:
        connection.sendall(b"GET " + FILE + b".md5 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert read_answer(connection).status == 200  # type: ignore[arg-type]
        for source, target in ((new.server, served.files.server), (new.key, served.files.key)):
            shutil.move(source, target)
        assert served.server.logs("loaded the certificate again")
        # What is open goes on.
        connection.sendall(b"GET " + FILE + b".md5 HTTP/1.0\r\n\r\n")
        assert Answer.parse(read_all(connection)).status == 200  # type: ignore[arg-type]
    shutil.move(new.ca, served.files.ca)
    with served.connect() as connection:
        assert connection.certificate() == ssl.PEM_cert_to_DER_cert(served.files.server.read_text())
    assert "stays as it was" not in served.server.log()


def test_the_server_ends_while_clients_are_connected(served: Served) -> None:
    """The last test of a server."""
    with (
        served.connect() as connection,
        socket.create_connection(("127.0.0.1", served.port), PATIENCE_S),
    ):
        log = served.server.end()
        assert connection.recv(1) == b""
    assert "Traceback" not in log
