"""The protocol over a transport of the test's own: every cut, and no way to smuggle a request."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import httptools
import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState

from acpublish.server import protocol
from acpublish.server.protocol import Deadlines, DeviceProtocol, fix_request_line


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "TICK_S", 0.005)


async def _late(waits: dict[str, float], discarded: str = "") -> list[str]:
    said: list[str] = []
    calls = {name: lambda name=name: said.append(name) for name in waits}
    ours = Deadlines.of(asyncio.get_running_loop())
    for name, wait_s in waits.items():
        ours.add(calls[name], wait_s)
    if discarded:
        ours.discard(calls[discarded])
    await asyncio.sleep(0.05)
    return said


def test_who_is_late_is_called_once() -> None:
    assert asyncio.run(_late({"late": 0.01, "in time": 60.0})) == ["late"]


def test_who_is_discarded_is_not_called() -> None:
    assert asyncio.run(_late({"one": 0.01, "two": 0.01}, discarded="one")) == ["two"]


def test_adding_again_does_not_put_the_end_off() -> None:
    async def again() -> list[str]:
        said: list[str] = []
        ours = Deadlines.of(asyncio.get_running_loop())

        def late() -> None:
            said.append("late")

        ours.add(late, 0.01)
        ours.add(late, 60.0)
        await asyncio.sleep(0.05)
        return said

    assert asyncio.run(again()) == ["late"]


def test_nothing_is_kept_of_a_loop_without_deadlines() -> None:
    protocol._LOOPS.clear()
    asyncio.run(_late({"late": 0.01}))
    assert not protocol._LOOPS


def test_all_connections_of_a_loop_share_one() -> None:
    async def both() -> bool:
        loop = asyncio.get_running_loop()
        Deadlines.of(loop).add(print, 60.0)
        return Deadlines.of(loop) is Deadlines.of(loop)

    assert asyncio.run(both())
    protocol._LOOPS.clear()


Seen = list[tuple[str, bytes, bytes]]


class Wire(asyncio.Transport):
    """Remembers what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:
        assert not self.closed
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)}.get(name, default)

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def converse(
    parts: list[bytes],
    scenario: Callable[[Wire, DeviceProtocol], Awaitable[None]] | None = None,
    app: Any = None,
) -> tuple[Seen, Wire]:
    """Feeds parts to a fresh connection whose application reads each request and says ok."""
    seen: Seen = []

    async def read_and_say_ok(scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        target = scope["acpublish.target"]
        seen.append((scope["method"], scope["raw_path"] if target is None else target, body))
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})

    app = app or read_and_say_ok
    config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None, interface="asgi3")
    state = ServerState()
    protocol = DeviceProtocol(config, state, {}, asyncio.get_running_loop())
    wire = Wire()
    protocol.connection_made(wire)
    for part in parts:
        if not wire.closed:
            protocol.data_received(part)
            await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)
    if scenario is not None:
        await scenario(wire, protocol)
    protocol.connection_lost(None)
    for task in list(state.tasks):
        await task
    return seen, wire


def talk(*parts: bytes) -> Seen:
    return asyncio.run(converse(list(parts)))[0]


def statuses(*parts: bytes) -> list[bytes]:
    written = asyncio.run(converse(list(parts)))[1].written
    return [line[9:12] for line in written.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]


def line(text: bytes) -> bytes:
    return text + b"\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    ("request_line", "target"),
    [
        (b"GET /sketch.bin HTTP/1.0", b"/sketch.bin"),
        (b"GET folder/inner.bin HTTP/1.0", b"/folder/inner.bin"),
        (b"GET /my sketch.bin HTTP/1.0", b"/my sketch.bin"),
        (b"GET my sketch.bin HTTP/1.1", b"/my sketch.bin"),
        (b"GET / HTTP/1.0", b"/"),
        (b"GET  HTTP/1.0", b"/"),
        (b"HEAD a b  c HTTP/1.1", b"/a b  c"),
        ("GET /прошивка.bin HTTP/1.0".encode(), "/прошивка.bin".encode()),
        (b"GET /\xff\xfe HTTP/1.0", b"/\xff\xfe"),
        (b"GET /a%20b?c=d#e HTTP/1.0", b"/a%20b?c=d#e"),
        (b"GET /100%.bin HTTP/1.0", b"/100%.bin"),
        (b"GET //double HTTP/1.0", b"//double"),
        (b"GET /back\\slash HTTP/1.0", b"/back\\slash"),
        (b"GET http://host:80/x.bin HTTP/1.1", b"/x.bin"),
        (b"GET http://host HTTP/1.1", b"/"),
        (b"GET /x HTTP/1.1 HTTP/1.0", b"/x HTTP/1.1"),
        (b"GET * HTTP/1.1", b"/*"),
    ],
)
def test_device_request_lines_reach_the_application(request_line: bytes, target: bytes) -> None:
    assert talk(line(request_line)) == [
        ("GET" if request_line[:3] == b"GET" else "HEAD", target, b"")
    ]


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
        b"\x16\x03\x01\x02",
        b"PRI * HTTP/2.0",
    ],
)
def test_other_lines_are_the_parsers_to_refuse(request_line: bytes) -> None:
    assert fix_request_line(line(request_line)) == (line(request_line), None)
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


def test_pipelined_requests_with_a_request_in_a_body() -> None:
    """Body bytes are never touched, and never taken for a request."""
    assert talk(PIPELINE) == PIPELINED


@pytest.mark.parametrize("cut", range(1, len(PIPELINE), 3))
def test_pipelined_requests_cut_anywhere(cut: int) -> None:
    assert talk(PIPELINE[:cut], PIPELINE[cut:]) == PIPELINED


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, len(PIPELINE)), max_size=12))
def test_pipelined_requests_cut_often(cuts: list[int]) -> None:
    ends = sorted({0, len(PIPELINE), *cuts})
    assert talk(*(PIPELINE[a:b] for a, b in itertools.pairwise(ends))) == PIPELINED


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
@pytest.mark.parametrize("cut", [False, True])
def test_no_hidden_request_is_served(smuggled: bytes, cut: bool) -> None:
    raw = b"PUT /put HTTP/1.1\r\nHost: x\r\n" + smuggled + b"\r\n\r\n"
    seen = talk(raw, HIDDEN) if cut else talk(raw + HIDDEN)
    assert b"/hidden x" not in [target for _, target, _ in seen]


def test_chunked_is_the_last_message_of_a_connection() -> None:
    chunked = (
        b"PUT /put HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"4\r\nbody\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)
    )
    for parts in ([chunked + HIDDEN], [chunked, HIDDEN], [chunked[:70], chunked[70:] + HIDDEN]):
        seen, wire = asyncio.run(converse(parts))
        assert seen == [("PUT", b"/put", b"body" + HIDDEN)]
        assert wire.closed


def test_an_upgrade_is_answered_as_usual_and_ends_the_connection() -> None:
    upgrade = b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    seen, wire = asyncio.run(converse([upgrade, HIDDEN]))
    assert seen == [("GET", b"/x", b"")]
    assert wire.closed


def test_what_follows_a_last_request_does_not_disturb_its_answer() -> None:
    seen, wire = asyncio.run(converse([line(b"GET /x HTTP/1.0") + b"\x00garbage\r\n\r\n"]))
    assert seen == [("GET", b"/x", b"")]
    assert wire.written.endswith(b"\r\n\r\nok")


def test_garbage_after_a_request_waits_for_its_answer() -> None:
    seen, wire = asyncio.run(converse([line(b"GET /x HTTP/1.1") + line(b"garbage")]))
    assert seen == [("GET", b"/x", b"")]
    assert wire.written.count(b"HTTP/1.1 ") == 1
    assert wire.written.endswith(b"ok")
    assert wire.closed


def test_long_lines_and_heads_are_refused() -> None:
    assert statuses(b"GET /" + b"a" * protocol.MAX_LINE_BYTES) == [b"414"]
    assert statuses(line(b"GET /" + b"a" * protocol.MAX_LINE_BYTES + b" HTTP/1.0")) == [b"414"]
    assert statuses(line(b"GET /" + b"a" * 7000 + b" HTTP/1.0")) == [b"200"]
    header = b"X: " + b"a" * 1000 + b"\r\n"
    assert statuses(b"GET / HTTP/1.0\r\n" + header * 17) == [b"431"]
    assert statuses(b"GET / HTTP/1.0\r\n" + header * 17 + b"\r\n") == [b"431"]
    assert statuses(b"GET / HTTP/1.0\r\n" + header * 15 + b"\r\n") == [b"200"]


@pytest.mark.parametrize(("sent", "answer"), [(b"GET /x HT", b"HTTP/1.1 408"), (b"", b"")])
def test_a_head_has_a_deadline(monkeypatch: pytest.MonkeyPatch, sent: bytes, answer: bytes) -> None:
    monkeypatch.setattr(protocol, "HEAD_DEADLINE_S", 0.02)
    monkeypatch.setattr(protocol, "TICK_S", 0.005)

    async def wait(wire: Wire, protocol: DeviceProtocol) -> None:
        await asyncio.sleep(0.05)
        assert wire.closed

    _, wire = asyncio.run(converse([sent] if sent else [], wait))
    assert wire.written[:12] == answer


def test_a_complete_head_ends_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_DEADLINE_S", 0.02)
    monkeypatch.setattr(protocol, "TICK_S", 0.005)

    async def wait(wire: Wire, protocol: DeviceProtocol) -> None:
        await asyncio.sleep(0.05)
        assert not wire.closed

    assert asyncio.run(converse([line(b"GET /x HTTP/1.1")], wait))[0] == [("GET", b"/x", b"")]


def test_the_rest_of_a_body_has_a_deadline_once_its_response_is_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(protocol, "HEAD_DEADLINE_S", 0.02)
    head = b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1"

    async def refuse(scope: Any, receive: Any, send: Any) -> None:
        await send(
            {"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]}
        )
        await send({"type": "http.response.body", "body": b""})

    async def wait(wire: Wire, protocol: DeviceProtocol) -> None:
        assert wire.written.startswith(b"HTTP/1.1 401")
        assert not wire.closed
        await asyncio.sleep(0.05)
        assert wire.closed

    _, wire = asyncio.run(converse([head], wait, refuse))
    assert wire.written.count(b"HTTP/1.1 ") == 1


def test_a_chunked_body_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MAX_CHUNKED_BYTES", 100)
    head = b"PUT /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    seen, wire = asyncio.run(converse([head, b"Trailer: " + b"a" * 200]))
    assert seen == []
    assert wire.written.startswith(b"HTTP/1.1 400")
    assert wire.closed


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60).filter(lambda target: b"\r\n" not in target))
def test_any_target_gives_a_line_that_the_parser_takes(target: bytes) -> None:
    head, original = fix_request_line(b"GET " + target + b" HTTP/1.0\r\n\r\n")
    if original is None:
        return
    urls: list[bytes] = []

    class Callbacks:
        def on_url(self, url: bytes) -> None:
            urls.append(url)

    parser = httptools.HttpRequestParser(Callbacks())
    parser.feed_data(head)
    assert httptools.parse_url(b"".join(urls)).path.startswith(b"/")
    assert original.startswith(b"/")
    assert original.endswith(target.partition(b"://")[2].partition(b"/")[2] or target[-5:])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=6))
def test_no_bytes_make_the_protocol_fail(parts: list[bytes]) -> None:
    talk(*parts)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                b"GET ",
                b"PUT /x",
                b" HTTP/1.1\r\n",
                b" HTTP/1.0\r\n",
                b"\r\n",
                b"\n",
                b"Content-Length: 5\r\n",
                b"Transfer-Encoding: chunked\r\n",
                b"Connection: close\r\n",
                b"Expect: 100-continue\r\n",
                b"5\r\n",
                b"0\r\n\r\n",
                b"hello",
                b"x y",
                b"/",
            ]
        ),
        max_size=25,
    )
)
def test_no_mixture_of_parts_makes_the_protocol_fail(parts: list[bytes]) -> None:
    """Nor two answers for one request: there are never more answers than request lines."""
    seen, wire = asyncio.run(converse([b"".join(parts)]))
    assert len(seen) <= sum(part in (b"GET ", b"PUT /x") for part in parts)
    assert wire.written.count(b"HTTP/1.1 500") == 0
