"""The transport of a socket: pairs of Unix sockets and TCP connections, on both loops."""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import struct
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

import pytest

from acpublish.server.socket_transport import HIGH_BYTES, SocketTransport
from tests.support.loops import LOOPS, run_on

LARGE = 4_000_000
PATIENCE_S = 10.0
BUFFER_BYTES = 65536


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, None]], None]:
    """Runs a scenario on a loop."""
    return lambda main: run_on(request.param, main, PATIENCE_S)


class Recorder(asyncio.Protocol):
    """Notes what it is called for."""

    transport: SocketTransport

    def __init__(self, on_data: Callable[[Recorder, bytes], None] | None = None) -> None:
        self.on_data = on_data
        self.calls: list[str] = []
        self.received = b""
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.keeps_open = False
        self.inside = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, SocketTransport)
        self.transport = transport
        self.calls.append("made")

    def data_received(self, data: bytes) -> None:
        self.received += data
        self.calls.append("data")
        self.inside = True
        if self.on_data is not None:
            self.on_data(self, data)
        self.inside = False

    def eof_received(self) -> bool:
        self.calls.append("eof")
        return self.keeps_open

    def pause_writing(self) -> None:
        self.calls.append("pause")

    def resume_writing(self) -> None:
        self.calls.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        assert not self.inside, "it was called back within its own call"
        self.calls.append("lost")
        self.lost.set_result(exc)


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Connects two sockets over the loopback; what the system takes for them has a fixed limit."""
    theirs = socket.socket()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        theirs.connect(listening.getsockname())
        ours, _ = listening.accept()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
    return ours, theirs


class Pair:
    """A connection: a transport at one end, a socket at the other."""

    kind: str

    def __init__(self, on_data: Callable[[Recorder, bytes], None] | None = None) -> None:
        ours, self.theirs = tcp_pair() if self.kind == "tcp" else socket.socketpair()
        ours.setblocking(False)
        self.theirs.setblocking(False)
        self.ours = ours
        self.protocol = Recorder(on_data)
        self.transport = SocketTransport(asyncio.get_running_loop(), ours, ("192.0.2.7", 4711))
        _pairs.append(self)

    def start(self) -> None:
        self.transport.start(self.protocol)

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.theirs, data)
        if not self.protocol.calls:
            # Nobody else waits for it.
            select.select([self.ours], [], [], PATIENCE_S)

    def reset(self) -> None:
        """Closes the other end; TCP resets the connection (socket(7), SO_LINGER)."""
        self.theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.theirs.close()

    async def receive(self) -> bytes:
        """Reads until the other end closes."""
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while data := await asyncio.get_running_loop().sock_recv(self.theirs, 65536):
                received += data
        return received


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


Run = Callable[[Coroutine[Any, Any, None]], None]
_pairs: list[Pair] = []


@pytest.fixture(autouse=True, params=["unix", "tcp"])
def _kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Chooses the sockets, and closes the other ends."""
    monkeypatch.setattr(Pair, "kind", request.param, raising=False)
    yield
    while _pairs:
        _pairs.pop().theirs.close()


def answering(protocol: Recorder, data: bytes) -> None:
    protocol.transport.write(b"answer to " + data)
    protocol.transport.close()


def test_what_has_arrived_is_answered_at_once(run: Run) -> None:
    async def main() -> None:
        pair = Pair(answering)
        await pair.send(b"it")
        pair.start()
        # The loop had no turn.
        assert pair.protocol.calls == ["made", "data", "lost"]
        assert pair.ours.fileno() == -1
        assert await pair.receive() == b"answer to it"

    run(main())


def test_what_arrives_later_is_read(run: Run) -> None:
    async def main() -> None:
        pair = Pair()
        pair.start()
        for part in (b"one ", b"two"):
            await pair.send(part)
            await until(lambda part=part: pair.protocol.received.endswith(part))
        pair.theirs.close()
        assert await pair.protocol.lost is None
        assert pair.protocol.calls == ["made", "data", "data", "eof", "lost"]
        assert pair.protocol.received == b"one two"

    run(main())


def test_reading_pauses(run: Run) -> None:
    async def main() -> None:
        pair = Pair(lambda protocol, data: protocol.transport.pause_reading())
        pair.start()
        await pair.send(b"one")
        await until(lambda: pair.protocol.received)
        await pair.send(b"two")
        await asyncio.sleep(0.02)
        assert (pair.protocol.received, pair.transport.is_reading()) == (b"one", False)
        pair.transport.resume_reading()
        await until(lambda: pair.protocol.received == b"onetwo")
        pair.transport.abort()
        await pair.protocol.lost

    run(main())


def test_no_more_is_read_than_the_protocol_allows(run: Run) -> None:
    async def main() -> None:
        pair = Pair(lambda protocol, data: protocol.transport.pause_reading())
        pair.transport.read_bytes = 3
        await pair.send(b"abcdef")
        pair.start()
        assert pair.protocol.received == b"abc"
        connected = pair.transport.detach()
        assert connected.recv(10) == b"def"
        connected.close()
        await asyncio.sleep(0)
        assert "lost" not in pair.protocol.calls

    run(main())


def test_a_half_closed_connection_stays_if_the_protocol_wants_it(run: Run) -> None:
    async def main() -> None:
        pair = Pair()
        pair.protocol.keeps_open = True
        pair.start()
        pair.theirs.shutdown(socket.SHUT_WR)
        await until(lambda: "eof" in pair.protocol.calls)
        await asyncio.sleep(0.01)
        assert pair.protocol.calls == ["made", "eof"]
        pair.transport.write(b"late")
        pair.transport.close()
        assert await pair.receive() == b"late"

    run(main())


def write(transport: SocketTransport, data: bytes) -> None:
    transport.write(data)


def writelines(transport: SocketTransport, data: bytes) -> None:
    transport.writelines([data[:10], b"", memoryview(data)[10:-10], data[-10:]])


@pytest.mark.parametrize("writing", [write, writelines])
def test_everything_is_sent_before_the_end(
    run: Run, writing: Callable[[SocketTransport, bytes], None]
) -> None:
    async def main() -> None:
        data = bytes(range(251)) * (LARGE // 251)
        pair = Pair()
        pair.start()
        writing(pair.transport, data)
        left = pair.transport.get_write_buffer_size()
        assert left > HIGH_BYTES
        assert pair.protocol.calls == ["made", "pause"]
        pair.transport.write(b"more")
        assert pair.transport.get_write_buffer_size() == left + 4
        pair.transport.close()
        pair.transport.write(b"nothing after the end")
        assert await pair.receive() == data + b"more"
        assert pair.transport.written_bytes == len(data) + 4
        assert await pair.protocol.lost is None
        assert pair.protocol.calls == ["made", "pause", "resume", "lost"]

    run(main())


def test_many_parts(run: Run) -> None:
    async def main() -> None:
        parts = [b"%d " % number * 5000 for number in range(300)]
        pair = Pair()
        pair.start()
        pair.transport.writelines(parts)
        pair.transport.writelines(parts)
        pair.transport.close()
        assert await pair.receive() == b"".join(parts) * 2

    run(main())


@pytest.mark.parametrize("high", [0, 1000])
def test_the_protocol_hears_when_the_buffer_is_low(run: Run, high: int) -> None:
    async def main() -> None:
        pair = Pair()
        pair.start()
        pair.transport.set_write_buffer_limits(high=high)
        assert pair.transport.get_write_buffer_limits() == (high // 4, high)
        sizes: list[int] = []
        pair.protocol.resume_writing = lambda: sizes.append(  # type: ignore[method-assign]
            pair.transport.get_write_buffer_size()
        )
        pair.transport.write(bytes(LARGE))
        receiving = asyncio.ensure_future(pair.receive())
        await until(lambda: not pair.transport.get_write_buffer_size())
        pair.transport.close()
        assert len(await receiving) == LARGE
        assert len(sizes) == 1
        assert sizes[0] <= high // 4

    run(main())


def test_a_limit_that_is_lowered_pauses_at_once(run: Run) -> None:
    async def main() -> None:
        pair = Pair()
        pair.start()
        pair.transport.set_write_buffer_limits(high=2 * LARGE)
        pair.transport.write(bytes(LARGE))
        assert "pause" not in pair.protocol.calls
        pair.transport.set_write_buffer_limits()
        assert pair.protocol.calls[-1] == "pause"
        pair.transport.abort()
        await pair.protocol.lost

    run(main())


def test_an_abort_drops_what_was_not_sent(run: Run) -> None:
    async def main() -> None:
        pair = Pair()
        pair.start()
        pair.transport.write(bytes(LARGE))
        pair.transport.close()
        pair.transport.abort()
        pair.transport.abort()
        assert pair.transport.get_write_buffer_size() == 0
        assert pair.transport.is_closing()
        # Whoever sent it must not take it for sent.
        assert isinstance(await pair.protocol.lost, ConnectionAbortedError)
        assert len(await pair.receive()) < LARGE
        assert pair.transport.get_extra_info("written_bytes") == LARGE
        assert pair.protocol.calls.count("lost") == 1

    run(main())


async def _writes_at_once(pair: Pair) -> None:
    pair.reset()
    pair.transport.write(b"for nobody")


async def _has_a_full_buffer(pair: Pair) -> None:
    pair.transport.write(bytes(LARGE))
    pair.reset()


async def _is_half_closed(pair: Pair) -> None:
    pair.protocol.keeps_open = True
    pair.theirs.shutdown(socket.SHUT_WR)
    await until(lambda: "eof" in pair.protocol.calls)
    pair.reset()
    # It does not read any more, so only writing shows it.
    while not pair.protocol.lost.done():
        pair.transport.write(b"for nobody")
        await asyncio.sleep(0.001)


async def _reads(pair: Pair) -> None:
    # What was not read makes the system break the connection off.
    pair.transport.write(b"unread")
    pair.theirs.close()


@pytest.mark.parametrize("losing", [_writes_at_once, _has_a_full_buffer, _is_half_closed, _reads])
def test_a_connection_that_breaks_ends_with_its_error(
    run: Run, losing: Callable[[Pair], Awaitable[None]]
) -> None:
    async def main() -> None:
        pair = Pair()
        pair.start()
        await losing(pair)
        assert isinstance(await pair.protocol.lost, OSError)
        pair.transport.write(b"more for nobody")
        assert pair.protocol.calls.count("lost") == 1

    run(main())


def test_a_protocol_that_fails_loses_its_connection(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(protocol: Recorder, data: bytes) -> None:
        protocol.inside = False
        raise ZeroDivisionError

    async def main() -> None:
        pair = Pair(failing)
        await pair.send(b"it")
        pair.start()
        assert await pair.protocol.lost is None
        assert await pair.receive() == b""

    run(main())
    assert "a connection failed" in caplog.text


def test_what_it_tells(run: Run) -> None:
    async def main() -> None:
        pair = Pair()
        pair.start()
        transport = pair.transport
        assert transport.get_extra_info("peername") == ("192.0.2.7", 4711)
        assert transport.get_extra_info("socket") is pair.ours
        assert transport.get_extra_info("sockname") == pair.ours.getsockname()
        assert transport.get_extra_info("sslcontext", "none") == "none"
        assert not transport.can_write_eof()
        other = Recorder()
        transport.set_protocol(other)
        assert transport.get_protocol() is other
        transport.close()
        await other.lost
        assert transport.get_extra_info("sockname") is None

    run(main())
