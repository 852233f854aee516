"""The short form of "never a torn download", and that it sees a torn one."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server import RunningServer
from tests.torture.churning import content
from tests.torture.untorn import Broken, Connection, Response, download, judge

_FIRST, _SECOND = content("small.bin", 0), content("small.bin", 1)


@pytest.mark.slow
def test_no_download_is_torn(tmp_path: Path) -> None:
    tally, changes = download(tmp_path, 1200, 20)
    assert tally.found == []
    assert tally.counts["whole"] > 200
    assert tally.counts["in parts"] > 100
    assert set(changes) >= {"copied", "overwritten", "published", "replaced", "truncated"}


def _response(body: bytes, of: bytes) -> Response:
    md5, sha256 = hashlib.md5(of).hexdigest(), hashlib.sha256(of).hexdigest()
    headers = {"content-length": str(len(body)), "x-md5": md5, "etag": f'"{sha256}"'}
    return Response(200, headers, body)


def test_a_whole_download() -> None:
    assert judge("small.bin", _response(_FIRST, _FIRST)) == ""


@pytest.mark.parametrize(
    ("body", "of", "fault"),
    [
        (_FIRST, _SECOND, "ETag"),
        (_FIRST[:2000] + _SECOND[2000:], _FIRST, "ETag"),
        (_FIRST[:-1], _FIRST, "ETag"),
        (_FIRST[:2000] + _SECOND[2000:], _FIRST[:2000] + _SECOND[2000:], "2000 bytes of one file"),
    ],
)
def test_a_torn_download(body: bytes, of: bytes, fault: str) -> None:
    assert judge("small.bin", _response(body, of)).startswith(fault)


def test_another_md5() -> None:
    response = _response(_FIRST, _FIRST)
    response.headers["x-md5"] = hashlib.md5(_SECOND).hexdigest()
    assert judge("small.bin", response).startswith("x-MD5")


@pytest.fixture
def half_a_response() -> Iterator[RunningServer]:
    """A server that ends each connection within a response."""

    class Half(RunningServer):
        def __init__(self, port: int) -> None:
            self.host, self.port = "127.0.0.1", port

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")

        thread = threading.Thread(target=run)
        thread.start()
        yield Half(listener.getsockname()[1])
        thread.join()


def test_a_broken_connection(half_a_response: RunningServer) -> None:
    with pytest.raises(Broken):
        Connection(half_a_response).get("/x.bin", "")
