"""One request of a connection in uvicorn's protocol, with what comes before and after it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from tests.support.server import RunningServer, read_all, read_answer, running_server

_LAST = b"GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
_POST = b"POST /first HTTP/1.1\r\nHost: h\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    root = tmp_path_factory.mktemp("handed over")
    (root / "catalog").mkdir()
    with running_server(root / "catalog", root) as running:
        yield running


def _statuses(raw: bytes) -> list[bytes]:
    return [part[:3] for part in raw.split(b"HTTP/1.1 ")[1:]]


def _in_parts(server: RunningServer, *parts: bytes) -> tuple[list[bytes], str]:
    """Sends parts, each after the response to the one before; returns statuses and their log."""
    statuses, before = [], len(server.log_so_far())
    with server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts[:-1]:
            connection.sendall(part)
            statuses.append(b"%d" % read_answer(connection).status)
            # The server has written its response, and returns to the loop.
            time.sleep(0.05)
        connection.sendall(parts[-1])
        statuses += _statuses(read_all(connection))
    return statuses, server.log_so_far()[before:]


def test_a_method_that_only_uvicorn_refuses_with_a_request_after_it(server: RunningServer) -> None:
    statuses, log = _in_parts(server, b"FOO /first HTTP/1.1\r\nHost: h\r\n\r\n" + _LAST)
    assert statuses == [b"400"]
    assert "ERROR" not in log
    assert "/last" not in log


def test_a_body_after_its_response_with_a_request_after_it(server: RunningServer) -> None:
    statuses, log = _in_parts(server, _POST + b"Content-Length: 3\r\n\r\n", b"abc" + _LAST)
    assert statuses == [b"405", b"404"]
    assert "/last 404" in log


def test_requests_with_bodies_before_a_half_close(server: RunningServer) -> None:
    """Each is answered, also where the end is noticed as soon as a response has been sent."""
    post = _POST + b"Content-Length: 3\r\n\r\nabc"
    awaited = b"GET /_catalog?op=list&path=/ HTTP/1.1\r\nHost: h\r\n\r\n"
    for requests, expected in (
        (post * 3, [b"405"] * 3),
        (post + awaited + post + _LAST, [b"405", b"200", b"405", b"404"]),
        (awaited + post, [b"200", b"405"]),
    ):
        with server.connect() as connection:
            connection.sendall(requests)
            connection.shutdown(socket.SHUT_WR)
            assert _statuses(read_all(connection)) == expected


def test_a_chunked_body_with_its_response_before_the_request_after_it(
    server: RunningServer,
) -> None:
    chunked = _POST + b"Transfer-Encoding: chunked\r\n\r\n"
    statuses, log = _in_parts(server, chunked, b"0\r\n\r\n" + _LAST)
    assert statuses == [b"405"]
    assert "/last" not in log


def test_a_chunked_body_with_anything_after_it(server: RunningServer) -> None:
    chunked = _POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    for rest in (_LAST, b"no HTTP\r\n\r\n", b"\x00" * 9):
        statuses, log = _in_parts(server, chunked + rest)
        assert statuses == [b"405"], rest
        assert "/last" not in log
        assert "ERROR" not in log


def test_a_tunnel_that_hides_a_request(server: RunningServer) -> None:
    head = b"CONNECT /first HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(_LAST)
    statuses, log = _in_parts(server, head + _LAST)
    assert statuses == [b"400"]
    assert "/last" not in log


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c"])
def test_an_upgrade_that_hides_a_request(server: RunningServer, protocol: bytes) -> None:
    lines = b"Connection: Upgrade\r\nUPGRADE: %s\r\n" % protocol
    head = _POST + lines + b"Content-Length: %d\r\n\r\n" % len(_LAST)
    other = _LAST.replace(b"/last", b"/other")
    statuses, log = _in_parts(server, head + _LAST + other)
    # The body is read as one, and the connection ends.
    assert statuses == [b"405"]
    assert "/last" not in log
    assert "/other" not in log
