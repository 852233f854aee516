"""The protocol of a connection: every cut, one request at a time, and bounds."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acpublish.server import deadlines, protocol
from acpublish.server.answer import Answer, Request, Responding
from acpublish.server.bounds import MAX_PENDING_BYTES
from acpublish.server.connections import Connections
from acpublish.server.request_head import MAX_LINE_BYTES
from acpublish.server.response_head import response_head
from tests.support.loops import LOOPS, run_on
from tests.unit.server.conversing import (
    Recorder,
    Scenario,
    Seen,
    Wire,
    connected,
    converse,
    line,
    statuses,
    talk,
    until_closed,
)

LATER = pytest.mark.parametrize("later", [False, True])


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "TICK_S", 0.005)


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /x\x00y HTTP/1.0",
        b"GET /x\ry HTTP/1.0",
        b"GET /x\x7f HTTP/1.0",
        b"GET\t/x HTTP/1.0",
        b"get /x y HTTP/1.0",
        b"POST folder/x HTTP/1.1",
        b"PUT /a b HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"CONNECT x:80 HTTP/1.1",
        b"\x16\x03\x01\x02",
        b"PRI * HTTP/2.0",
        b"garbage",
    ],
)
def test_other_lines_are_refused(request_line: bytes) -> None:
    """Targets as devices send them are for GET and HEAD only."""
    assert talk(line(request_line)) == []
    assert statuses(line(request_line)) == [b"400"]


def test_a_bare_line_feed_is_refused() -> None:
    assert statuses(b"GET /x HTTP/1.0\n\n") == [b"400"]


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_request_may_be_cut_anywhere(cut: int) -> None:
    raw = b"GET folder/my sketch.bin HTTP/1.0\r\nHost: x\r\nX-Long: yes\r\n\r\n"
    assert cut <= len(raw)
    assert talk(raw[:cut], raw[cut:]) == [("GET", b"/folder/my sketch.bin", b"")]


def test_a_request_may_come_byte_by_byte() -> None:
    raw = line(b"GET folder/my sketch.bin HTTP/1.0")
    assert talk(*(raw[at : at + 1] for at in range(len(raw)))) == [
        ("GET", b"/folder/my sketch.bin", b"")
    ]


HIDDEN = b"GET hidden x HTTP/1.0\r\n\r\n"
PIPELINE = (
    line(b"GET a b HTTP/1.1")
    + b"PUT /put HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(HIDDEN), HIDDEN)
    + line(b"HEAD /c HTTP/1.1")
    + b"\r\n"
    + line(b"GET d e HTTP/1.0")
    + line(b"GET /after-the-end HTTP/1.1")
)
PIPELINED: Seen = [
    ("GET", b"/a b", b""),
    ("PUT", b"/put", HIDDEN),
    ("HEAD", b"/c", b""),
    ("GET", b"/d e", b""),
]


@LATER
def test_pipelined_requests_with_a_request_in_a_body(later: bool) -> None:
    """Body bytes are never touched, and never taken for a request."""
    seen, wire = asyncio.run(converse([PIPELINE], later=later))
    assert seen == PIPELINED
    assert wire.written.count(b"HTTP/1.1 200") == 4
    assert wire.written.count(b"\r\n\r\nok") == 3
    assert wire.closed


@LATER
@pytest.mark.parametrize("cut", range(1, len(PIPELINE), 3))
def test_pipelined_requests_cut_anywhere(cut: int, later: bool) -> None:
    assert talk(PIPELINE[:cut], PIPELINE[cut:], later=later) == PIPELINED


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, len(PIPELINE)), max_size=12), st.booleans())
def test_pipelined_requests_cut_often(cuts: list[int], later: bool) -> None:
    ends = sorted({0, len(PIPELINE), *cuts})
    parts = (PIPELINE[a:b] for a, b in itertools.pairwise(ends))
    assert talk(*parts, later=later) == PIPELINED


@LATER
def test_many_requests_at_once_are_answered_in_turns(later: bool) -> None:
    many = protocol.ANSWERED_IN_TURN * 2 + 3
    seen, wire = asyncio.run(
        converse([line(b"GET /x HTTP/1.1") * many], wait_for(many), later=later)
    )
    assert seen == [("GET", b"/x", b"")] * many
    assert wire.written.count(b"\r\n\r\nok") == many


def wait_for(responses: int) -> Scenario:
    async def wait(wire: Wire, connections: Connections) -> None:
        for _ in range(1000):
            if wire.written.count(b"HTTP/1.1 ") == responses:
                break
            await asyncio.sleep(0)

    return wait


def test_one_request_is_answered_at_a_time() -> None:
    """Meanwhile nothing is read, so a client cannot make the server collect what it sends."""
    go = asyncio.Event()

    class Waiting:
        asked = 0

        def answer(self, request: Request) -> Responding:
            self.asked += 1
            return self._later()

        async def _later(self) -> Answer:
            await go.wait()
            return Answer(304, response_head(304, ()))

    routes = Waiting()

    async def look(wire: Wire, connections: Connections) -> None:
        assert routes.asked == 1
        assert not wire.reading
        go.set()
        await wait_for(3)(wire, connections)
        assert wire.reading

    asyncio.run(
        converse([line(b"GET /x HTTP/1.1") * 2, line(b"GET /x HTTP/1.1")], look, routes=routes)
    )
    assert routes.asked == 3


def test_a_client_that_does_not_read_is_not_answered() -> None:
    """Also when it sends one known head after the other, which are answered without parsing."""
    one = line(b"GET /x HTTP/1.1")

    async def send_on(wire: Wire, connections: Connections) -> None:
        wire.protocol.pause_writing()
        for _ in range(5):
            wire.feed(one)
        assert wire.written.count(b"HTTP/1.1 ") == 1
        wire.protocol.resume_writing()
        assert wire.written.count(b"HTTP/1.1 ") == 6

    seen, _ = asyncio.run(converse([one], send_on))
    assert len(seen) == 6


def test_what_waits_is_bounded() -> None:
    async def send_on(wire: Wire, connections: Connections) -> None:
        wire.protocol.pause_writing()
        for _ in range(100):
            wire.feed(b"GET /x HTTP/1.1\r\n" * 100)
            assert len(wire.protocol._incoming) <= MAX_PENDING_BYTES
        wire.protocol.resume_writing()
        assert wire.written.count(b"HTTP/1.1 ") == 1

    asyncio.run(converse([line(b"GET /x HTTP/1.1")], send_on))


def test_an_upgrade_is_answered_as_usual_and_ends_the_connection() -> None:
    upgrade = b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    seen, wire = asyncio.run(converse([upgrade, HIDDEN]))
    assert seen == [("GET", b"/x", b"")]
    assert wire.closed


def test_what_follows_a_last_request_does_not_disturb_its_answer() -> None:
    seen, wire = asyncio.run(converse([line(b"GET /x HTTP/1.0") + b"\x00garbage\r\n\r\n"]))
    assert seen == [("GET", b"/x", b"")]
    assert wire.written.endswith(b"\r\n\r\nok")


@LATER
def test_garbage_after_a_request_waits_for_its_answer(later: bool) -> None:
    parts = [line(b"GET /x HTTP/1.1") + line(b"garbage")]
    seen, wire = asyncio.run(converse(parts, later=later))
    assert seen == [("GET", b"/x", b"")]
    answered, _, refused = wire.written.partition(b"\r\n\r\nok")
    assert answered.startswith(b"HTTP/1.1 200")
    assert refused.startswith(b"HTTP/1.1 400")
    assert wire.closed


def test_long_lines_and_heads_are_refused() -> None:
    assert statuses(b"GET /" + b"a" * MAX_LINE_BYTES) == [b"414"]
    assert statuses(line(b"GET /" + b"a" * MAX_LINE_BYTES + b" HTTP/1.0")) == [b"414"]
    assert statuses(line(b"GET /" + b"a" * 7000 + b" HTTP/1.0")) == [b"200"]
    header = b"X: " + b"a" * 1000 + b"\r\n"
    assert statuses(b"GET / HTTP/1.0\r\n" + header * 17) == [b"431"]
    assert statuses(b"GET / HTTP/1.0\r\n" + header * 17 + b"\r\n") == [b"431"]
    assert statuses(b"GET / HTTP/1.0\r\n" + header * 15 + b"\r\n") == [b"200"]


@pytest.mark.parametrize("before", [14, 15, 16])
def test_nothing_is_read_while_a_request_waits_at_the_end_of_a_turn(before: int) -> None:
    async def ask() -> tuple[bytes, int]:
        seen = Seen()
        later = Recorder(seen, later=True)

        class Mixed(Recorder):
            def answer(self, request: Request) -> Responding:
                return (later if request.path == b"/later" else super()).answer(request)

        short = line(b"GET /x HTTP/1.1")
        async with connected(Mixed(seen), seen) as (reader, writer, _):
            writer.write(short * before + line(b"GET /later HTTP/1.1") + short * 4000)
            writer.write_eof()
            received = await asyncio.wait_for(reader.read(), 20)
        return received, len(seen)

    received, count = asyncio.run(ask())
    assert count == received.count(b"HTTP/1.1 200") == before + 4001


def test_a_half_closed_connection_gets_its_answer() -> None:
    async def end(wire: Wire, connections: Connections) -> None:
        assert wire.protocol.eof_received()

    async def run() -> tuple[Seen, Wire]:
        seen: Seen = []

        class Slow:
            def answer(self, request: Request) -> Responding:
                seen.append((request.method, request.target, b""))
                return self._later()

            async def _later(self) -> Answer:
                await asyncio.sleep(0.02)
                return Answer(304, response_head(304, ()))

        async def finish(wire: Wire, connections: Connections) -> None:
            await end(wire, connections)
            await until_closed(wire, connections)

        _, wire = await converse([line(b"GET /x HTTP/1.1")], finish, routes=Slow())
        return seen, wire

    seen, wire = asyncio.run(run())
    assert len(seen) == 1
    assert wire.written.startswith(b"HTTP/1.1 304")
    assert b"Connection: close" in wire.written


@LATER
@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (line(b"GET /1 HTTP/1.1") + line(b"GET /2 HTTP/1.1"), [b"/1", b"/2"]),
        (line(b"GET /1 HTTP/1.1") * 40, [b"/1"] * 40),
        (PIPELINE[: PIPELINE.index(b"GET d e")], [b"/a b", b"/put", b"/c"]),
        (PIPELINE[: PIPELINE.index(b"HEAD /c") - 5], [b"/a b"]),
        (line(b"GET /1 HTTP/1.1") + b"GET /half HTTP", [b"/1"]),
        (b"GET /half HTTP", []),
        (b"", []),
    ],
)
def test_what_was_requested_before_a_half_close_is_answered(
    sent: bytes, read: list[bytes], later: bool
) -> None:
    async def ask() -> tuple[bytes, Seen]:
        seen = Seen()
        async with connected(Recorder(seen, later=later), seen) as (reader, writer, connections):
            writer.write(sent)
            writer.write_eof()
            received = await asyncio.wait_for(reader.read(), 10)
        assert not connections.open
        return received, seen

    received, seen = asyncio.run(ask())
    assert [target for _, target, _ in seen] == read
    assert received.count(b"HTTP/1.1 200") == len(read)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=6))
def test_no_bytes_make_the_protocol_fail(parts: list[bytes]) -> None:
    talk(*parts)


@pytest.mark.parametrize("kind", LOOPS)
def test_a_real_socket(kind: str) -> None:
    """All the same with both loops: pipelined, cut, with a body between, and closed at the end."""

    async def ask() -> tuple[bytes, Seen]:
        seen = Seen()
        # What the server does not read any more would make the system reset the connection.
        sent = PIPELINE[: PIPELINE.index(b"GET /after-the-end")]
        async with connected(Recorder(seen, later=True), seen) as (reader, writer, connections):
            for at in range(0, len(sent), 50):
                writer.write(sent[at : at + 50])
                await asyncio.sleep(0.001)
            received = await asyncio.wait_for(reader.read(), 10)
        for _ in range(1000):
            if not connections.open:
                break
            await asyncio.sleep(0.01)
        assert not connections.open
        return received, seen

    received, seen = run_on(kind, ask())
    assert seen == PIPELINED
    assert received.count(b"HTTP/1.1 200") == 4
