"""One request for uvicorn's protocol: its body hides no other, and the connection returns."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acpublish.server import deadlines, handover
from acpublish.server.bounds import MAX_PENDING_BYTES
from acpublish.server.connections import Connections
from acpublish.server.handover import _Cycle
from tests.unit.server.conversing import Wire, converse, line, statuses, talk

HIDDEN = b"GET hidden x HTTP/1.0\r\n\r\n"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "TICK_S", 0.005)


@pytest.mark.parametrize(
    "smuggled",
    [
        # Two lengths, or a length beside chunks: whoever believes the other one sees a request.
        b"Content-Length: 0\r\nContent-Length: %d" % len(HIDDEN),
        b"Content-Length: %d\r\nTransfer-Encoding: chunked" % len(HIDDEN),
        b"Content-Length: +0",
        b"Content-Length: 0x10",
        b"Content-Length: -1",
        b"Content-Length : %d" % len(HIDDEN),
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        b"Transfer-Encoding: xchunked",
    ],
)
@pytest.mark.parametrize("method", [b"PUT", b"GET", b"HEAD", b"DELETE"])
@pytest.mark.parametrize("cut", [False, True])
def test_no_hidden_request_is_served(smuggled: bytes, cut: bool, method: bytes) -> None:
    raw = method + b" /put HTTP/1.1\r\nHost: x\r\n" + smuggled + b"\r\n\r\n"
    parts = [raw, HIDDEN] if cut else [raw + HIDDEN]
    assert talk(*parts) == []
    assert statuses(*parts) == [b"400"]


@pytest.mark.parametrize("method", ["PUT", "GET", "HEAD", "POST", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("cut", range(0, 130, 7))
def test_a_body_is_counted_and_the_connection_returns(method: str, cut: int) -> None:
    body = HIDDEN
    head = f"{method} /put HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    raw = head.encode() + body + line(b"GET a b HTTP/1.1")
    seen, wire = asyncio.run(converse([raw[:cut], raw[cut:]]))
    assert seen == [(method, b"/put", body), ("GET", b"/a b", b"")]
    assert wire.written.count(b"HTTP/1.1 200") == 2
    assert not wire.closed


def test_many_requests_in_turn() -> None:
    put = b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"
    seen, wire = asyncio.run(converse([(put + line(b"GET /y HTTP/1.1")) * 5]))
    assert seen == [("PUT", b"/x", b"ab"), ("GET", b"/y", b"")] * 5
    assert wire.written.count(b"HTTP/1.1 200") == 10


@pytest.mark.parametrize(
    "request_line",
    [b"FOO /x HTTP/1.1", b"get /x HTTP/1.1", b"CONNECT /x HTTP/1.1", b"PRI /x HTTP/1.1"],
)
@pytest.mark.parametrize("length", [b"", b"Content-Length: %d\r\n" % len(HIDDEN)])
def test_what_uvicorns_parser_refuses(request_line: bytes, length: bytes) -> None:
    """The rest of what arrived is neither its body nor a request."""
    head = request_line + b"\r\nHost: x\r\n" + length + b"\r\n"
    for parts in ([head + HIDDEN + HIDDEN], [head, HIDDEN, HIDDEN]):
        seen, wire = asyncio.run(converse(parts))
        assert b"/hidden x" not in [target for _, target, _ in seen]
        assert wire.written.count(b"HTTP/1.1 ") == 1
        assert wire.closed


@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket"])
def test_an_upgrade_is_answered_and_ends_the_connection(upgrade: bytes) -> None:
    head = b"PUT /x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: " + upgrade + b"\r\n"
    # Without a length there is no body, and what follows is not read any more.
    for more, body in ((b"\r\n", b""), (b"Content-Length: %d\r\n\r\n" % len(HIDDEN), HIDDEN)):
        seen, wire = asyncio.run(converse([head + more + HIDDEN]))
        assert seen == [("PUT", b"/x", body)]
        assert wire.written.count(b"HTTP/1.1 ") == 1
        assert wire.closed


@pytest.mark.parametrize("close", [b"close", b"x, Close"])
def test_a_connection_ends_if_the_client_asks_for_it(close: bytes) -> None:
    head = b"PUT /x HTTP/1.1\r\nHost: x\r\nConnection: " + close + b"\r\n\r\n"
    seen, wire = asyncio.run(converse([head + HIDDEN]))
    assert seen == [("PUT", b"/x", b"")]
    assert b"Connection: close" in wire.written
    assert wire.closed
    seen, wire = asyncio.run(converse([b"PUT /x HTTP/1.0\r\nContent-Length: 0\r\n\r\n" + HIDDEN]))
    assert seen == [("PUT", b"/x", b"")]
    assert wire.closed


def test_chunked_is_the_last_message_of_a_connection() -> None:
    chunked = (
        b"PUT /put HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"4\r\nbody\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)
    )
    for parts in ([chunked + HIDDEN], [chunked, HIDDEN], [chunked[:70], chunked[70:] + HIDDEN]):
        seen, wire = asyncio.run(converse(parts))
        assert seen == [("PUT", b"/put", b"body" + HIDDEN)]
        assert wire.closed


def test_a_chunked_body_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "MAX_CHUNKED_BYTES", 100)
    head = b"PUT /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    for parts in ([head, b"Trailer: " + b"a" * 200], [head + b"Trailer: " + b"a" * 200]):
        seen, wire = asyncio.run(converse(parts))
        assert seen == []
        assert wire.written.startswith(b"HTTP/1.1 400")
        assert wire.written.count(b"HTTP/1.1 ") == 1
        assert wire.closed


async def refuse(scope: Any, receive: Any, send: Any) -> None:
    """Responds without reading the body."""
    headers = [(b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


UPLOAD = b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1"


def test_the_rest_of_a_body_has_a_deadline_once_its_response_is_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(handover, "HEAD_DEADLINE_S", 0.05)

    async def wait(wire: Wire, connections: Connections) -> None:
        assert wire.written.startswith(b"HTTP/1.1 401")
        assert not wire.closed
        for _ in range(500):
            if wire.closed:
                return
            await asyncio.sleep(0.01)
        pytest.fail("the connection is still open")

    _, wire = asyncio.run(converse([UPLOAD], wait, app=refuse))
    assert wire.written.count(b"HTTP/1.1 ") == 1


def test_the_connection_returns_after_the_rest_of_a_body() -> None:
    seen, wire = asyncio.run(
        converse([UPLOAD, b"2345", b"6789" + line(b"GET /y HTTP/1.1")], app=refuse)
    )
    assert seen == [("GET", b"/y", b"")]
    assert [wire.written.count(status) for status in (b" 401 ", b" 200 ")] == [1, 1]


def test_a_client_that_waits_for_100_continue() -> None:
    head = b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    seen, wire = asyncio.run(converse([head, b"", b"ab"]))
    assert seen == [("PUT", b"/x", b"ab")]
    assert wire.written.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ")


def test_what_arrives_during_a_response_is_bounded() -> None:
    go = asyncio.Event()

    async def wait_and_refuse(scope: Any, receive: Any, send: Any) -> None:
        await go.wait()
        await refuse(scope, receive, send)

    async def flood(wire: Wire, connections: Connections) -> None:
        for _ in range(200):
            wire.feed(b"GET /x HTTP/1.1\r\n" * 100)
            assert len(wire.protocol._rest) <= MAX_PENDING_BYTES
        go.set()
        for _ in range(60):
            await asyncio.sleep(0)
        assert wire.closed

    _, wire = asyncio.run(converse([line(b"PUT /x HTTP/1.1")], flood, app=wait_and_refuse))
    assert wire.written.count(b"HTTP/1.1 ") == 1


def test_a_client_that_does_not_read_gets_one_response() -> None:
    """A connection whose buffer is full returns full: nothing more is answered meanwhile."""
    put = line(b"PUT /x HTTP/1.1")
    wires: list[Wire] = []

    async def respond_until_full(scope: Any, receive: Any, send: Any) -> None:
        await refuse(scope, receive, send)
        # What the transport does when a response does not fit the socket.
        wires[0].protocol.pause_writing()

    async def look(wire: Wire, connections: Connections) -> None:
        wires.append(wire)
        wire.feed(put + put + line(b"GET /y HTTP/1.1"))
        for expected in (1, 2, 3):
            for _ in range(60):
                await asyncio.sleep(0)
            assert wire.written.count(b"HTTP/1.1 ") == expected
            wire.protocol.resume_writing()

    asyncio.run(converse([], look, app=respond_until_full))


def test_an_application_that_fails_ends_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("a fault")

    _, wire = asyncio.run(converse([line(b"PUT /x HTTP/1.1") + HIDDEN], app=fail))
    assert wire.written.startswith(b"HTTP/1.1 500")
    assert wire.written.count(b"HTTP/1.1 ") == 1
    assert wire.closed
    assert "a fault" in caplog.text


def test_the_end_of_the_server_waits_for_the_response() -> None:
    go = asyncio.Event()

    async def wait_and_refuse(scope: Any, receive: Any, send: Any) -> None:
        await go.wait()
        await refuse(scope, receive, send)

    async def end(wire: Wire, connections: Connections) -> None:
        for connection in list(connections.open):
            connection.shutdown()
        assert not wire.closed
        go.set()
        for _ in range(20):
            await asyncio.sleep(0)
        assert wire.closed

    parts = [line(b"PUT /x HTTP/1.1") + line(b"GET /y HTTP/1.1")]
    seen, wire = asyncio.run(converse(parts, end, app=wait_and_refuse))
    assert wire.written.startswith(b"HTTP/1.1 401")
    assert seen == []


_PARTS = (
    *(b"GET ", b"PUT /x", b"FOO /x", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b"\r\n", b"\n"),
    *(b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n"),
    *(b"Expect: 100-continue\r\n", b"Connection: Upgrade\r\nUpgrade: h2c\r\n"),
    *(b"5\r\n", b"0\r\n\r\n", b"hello", b"x y", b"/", b" HTTP/1.1\r\n\r\n"),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(_PARTS), max_size=25), st.booleans())
def test_no_mixture_of_parts_makes_the_protocol_fail(parts: list[bytes], whole: bool) -> None:
    """Nor two answers for one request: there are never more answers than request lines."""
    seen, wire = asyncio.run(converse([b"".join(parts)] if whole else parts))
    assert len(seen) <= sum(part in (b"GET ", b"PUT /x", b"FOO /x") for part in parts)
    assert wire.written.count(b"HTTP/1.1 500") == 0


# The head of a response.


class Transport:
    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data


def cycle(method: str = "GET", *, keep_alive: bool = True) -> Any:
    return _Cycle(
        scope=cast(Any, {"method": method}),
        transport=cast(Any, Transport()),
        flow=cast(Any, SimpleNamespace(write_paused=False)),
        logger=cast(Any, None),
        access_logger=cast(Any, None),
        access_log=False,
        default_headers=[(b"date", b"now")],
        message_event=cast(Any, None),
        expect_100_continue=False,
        keep_alive=keep_alive,
        on_response=lambda: None,
    )


def head_of(made: Any, status: int, headers: list[tuple[bytes, bytes]]) -> bytes:
    message = {"type": "http.response.start", "status": status, "headers": headers}
    asyncio.run(made.send(message))
    written: bytes = made.transport.written
    return written


@pytest.mark.parametrize(
    ("method", "status", "headers", "more"),
    [
        ("GET", 200, [(b"content-length", b"1")], b"Content-Length: 1\r\n"),
        ("GET", 200, [], b"Transfer-Encoding: chunked\r\n"),
        ("HEAD", 200, [], b""),
        ("GET", 304, [], b""),
        ("GET", 204, [], b""),
        ("GET", 404, [(b"content-length", b"0")], b"Content-Length: 0\r\n"),
        ("GET", 304, [(b"connection", b"close")], b"Connection: close\r\n"),
    ],
)
def test_heads(method: str, status: int, headers: list[Any], more: bytes) -> None:
    head = head_of(cycle(method), status, headers)
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert head.partition(b"\r\n")[2] == b"Date: now\r\n" + more + b"\r\n"
    closing = head_of(cycle(method, keep_alive=False), status, headers)
    assert closing.count(b"Connection: close\r\n") == 1


def test_a_value_never_ends_its_line() -> None:
    with pytest.raises(ValueError, match="line break"):
        head_of(cycle(), 200, [(b"content-type", b"a\r\nb: c")])
