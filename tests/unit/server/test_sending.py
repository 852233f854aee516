"""Answers on their way out: what has left, what was cut, and files that change meanwhile."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Callable
from typing import Any, cast

import pytest

from acpublish.server import sending
from acpublish.server.answer import Answer, Body, FileBody
from acpublish.server.listener import Listener
from acpublish.server.sending import CHUNK_BYTES, PIECE_BYTES, Sending
from acpublish.server.sockets import listen
from tests.support.loops import LOOPS, run_on

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"
COPIES = pytest.mark.parametrize("copies", [False, True])


class Transport(asyncio.Transport):
    """A transport whose socket takes only so much at a time."""

    def __init__(self, takes: int | None = None) -> None:
        super().__init__()
        self.takes = takes
        self.writes: list[bytes] = []
        self.left = 0
        self.limits: list[int | None] = []
        self.closing = self.aborted = False
        self.written_bytes = 0

    @property
    def written(self) -> bytes:
        return b"".join(self.writes)

    def write(self, data: Any) -> None:
        if not self.closing:
            self.writes.append(bytes(data))
            self.left += 0 if self.takes is None else len(data)

    def writelines(self, list_of_data: Any) -> None:
        for data in list_of_data:
            self.write(data)

    def take(self) -> None:
        """Lets the socket take some bytes."""
        self.left -= min(self.left, self.takes or 0)

    def get_write_buffer_size(self) -> int:
        return self.left

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.limits.append(high)

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        self.closing = self.aborted = True

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.written_bytes if name == "written_bytes" else default


class Sent:
    """An answer that is being sent, and what became of it."""

    def __init__(self, transport: Transport, body: Body) -> None:
        self.ends: list[tuple[bool, int | None]] = []
        self.done = 0
        self.transport = transport
        ended = lambda drained, arrived: self.ends.append((drained, arrived))  # noqa: E731
        self.sending = Sending(transport, Answer(200, HEAD, body, ended=ended), self._on_done)
        self.sending.start(HEAD, body)

    def _on_done(self) -> None:
        self.done += 1

    def drain(self) -> None:
        """Lets the socket take everything."""
        while self.transport.left:
            self.transport.take()
            self.sending.on_writable()

    async def until_ended(self) -> None:
        for _ in range(1000):
            self.drain()
            if self.ends or self.transport.aborted:
                return
            await asyncio.sleep(0.005)
        pytest.fail("it has not ended")


@pytest.fixture
def copying(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    def set_copies(copies: bool) -> None:
        monkeypatch.setattr(sending, "_has_tls", lambda transport: copies)

    return set_copies


@COPIES
def test_a_body_is_whole(copying: Callable[[bool], None], copies: bool) -> None:
    copying(copies)
    body = bytes(range(256)) * 1000
    sent = Sent(Transport(), body)
    assert sent.transport.written == HEAD + body
    assert len(sent.transport.writes) == 1 + (-(-len(body) // PIECE_BYTES) if copies else 1)
    assert sent.ends == [(True, None)]
    assert sent.done == 1
    # While it drains, nothing may be left in the buffer; afterwards the usual is allowed.
    assert sent.transport.limits[0] == (1 if copies else 0)
    assert sent.transport.limits[-1] is None


@COPIES
def test_nothing_has_left_before_the_buffer_is_empty(
    copying: Callable[[bool], None], copies: bool
) -> None:
    copying(copies)
    sent = Sent(Transport(takes=10_000), bytes(100_000))
    while sent.transport.left:
        assert sent.ends == []
        assert not copies or sent.transport.left <= PIECE_BYTES + len(HEAD)
        sent.transport.take()
        sent.sending.on_writable()
    assert sent.ends == [(True, None)]
    assert sent.transport.written == HEAD + bytes(100_000)
    sent.sending.on_lost(ConnectionResetError())
    assert (sent.ends, sent.done) == ([(True, None)], 1)


def test_a_part_is_a_view_and_no_copy(copying: Callable[[bool], None]) -> None:
    copying(False)
    data = bytes(100_000)
    given: list[Any] = []

    class Given(Transport):
        def writelines(self, list_of_data: Any) -> None:
            given.extend(list_of_data)

    part = memoryview(data)[10:20]
    Sent(Given(), part)
    assert given[1] is part


@COPIES
def test_an_empty_body_has_left_with_its_head(
    copying: Callable[[bool], None], copies: bool
) -> None:
    copying(copies)
    sent = Sent(Transport(), b"")
    assert sent.transport.written == HEAD
    assert sent.ends == [(True, None)]


@COPIES
def test_what_a_closing_transport_dropped_has_not_left(
    copying: Callable[[bool], None], copies: bool
) -> None:
    copying(copies)
    transport = Transport()
    transport.closing = True
    sent = Sent(transport, bytes(100_000))
    assert sent.ends == []
    sent.sending.on_lost(ConnectionResetError())
    assert sent.ends == [(False, None)]
    assert sent.done == 0


def test_a_transport_that_closes_between_two_pieces_has_dropped_the_rest(
    copying: Callable[[bool], None],
) -> None:
    copying(True)
    sent = Sent(Transport(takes=50_000), bytes(100_000))
    sent.transport.closing = True
    sent.drain()
    # The end was in order, but not all pieces had been written.
    sent.sending.on_lost(None)
    assert sent.ends == [(False, None)]


@pytest.mark.parametrize("error", [None, ConnectionResetError("reset")])
def test_a_connection_that_ended_in_order_has_sent_all(
    copying: Callable[[bool], None], error: Exception | None
) -> None:
    copying(False)
    sent = Sent(Transport(takes=10), b"x" * 100)
    sent.transport.closing = True
    cut = sent.sending.on_lost(error)
    assert cut == ("" if error is None else "cut")
    assert sent.ends == [(error is None, None)]
    assert sent.done == 0


def test_what_was_broken_off_has_not_left(copying: Callable[[bool], None]) -> None:
    copying(False)
    sent = Sent(Transport(takes=10), b"x" * 100)
    sent.sending.break_off()
    assert sent.transport.aborted
    sent.sending.on_lost(None)
    assert sent.ends == [(False, None)]


def test_the_count_is_that_of_this_body(
    copying: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    copying(False)
    monkeypatch.setattr(sending, "acknowledged_bytes", lambda connected: 1000)
    for before, arrived in ((0, 1000 - len(HEAD)), (900, 100 - len(HEAD)), (5000, 0)):
        ends: list[tuple[bool, int | None]] = []
        ended = lambda *end: ends.append(end)  # noqa: E731, B023
        transport = Transport(takes=1)
        transport.written_bytes = before
        going = Sending(transport, Answer(200, HEAD, b"x" * 99, ended=ended), lambda: None)
        going.start(HEAD, b"x" * 99)
        assert going.on_lost(ConnectionResetError()) == f"cut after {min(arrived, 99)} of 99 bytes"
        assert ends == [(False, arrived)]


def file(data: bytes, first: int = 0, size: int | None = None, **more: Any) -> FileBody:
    count = len(data) - first if size is None else size
    opened = more.pop("file", None) or io.BytesIO(data)
    return FileBody(opened, first, count, more.pop("unchanged", lambda: True), **more)


@COPIES
@pytest.mark.parametrize("takes", [None, 100_000])
def test_a_part_of_a_file(copying: Callable[[bool], None], copies: bool, takes: int | None) -> None:
    copying(copies)
    data = bytes(range(256)) * 5000

    async def main() -> None:
        sent = Sent(Transport(takes), body := file(data, 1000, 900_000))
        await sent.until_ended()
        assert sent.ends == [(True, None)]
        assert sent.done == 1
        assert sent.transport.written == HEAD + data[1000:901_000]
        assert max(map(len, sent.transport.writes)) <= (PIECE_BYTES if copies else CHUNK_BYTES)
        await asyncio.sleep(0)
        assert body.file.closed

    asyncio.run(main())


def test_a_file_that_was_written_to_is_never_complete(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        transport = Transport()
        body = file(bytes(900_000), unchanged=lambda: len(transport.written) < 300_000)
        sent = Sent(transport, body)
        await sent.until_ended()
        assert transport.aborted
        assert len(transport.written) < 900_000
        sent.sending.on_lost(None)
        assert sent.ends == [(False, None)]
        await asyncio.sleep(0)
        assert body.file.closed

    asyncio.run(main())
    assert "was written to" in caplog.text


@pytest.mark.parametrize("fault", ["short", "read", "seek", "state"])
def test_a_file_that_cannot_be_read_on_is_broken_off(
    fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if fault == "read":
                raise OSError(5, "Input/output error")
            return super().read(size)

        def seek(self, offset: int, whence: int = 0, /) -> int:
            if fault == "seek":
                raise OSError(5, "Input/output error")
            return super().seek(offset, whence)

    def unchanged() -> bool:
        if fault == "state":
            raise OSError(5, "Input/output error")
        return True

    async def main() -> None:
        size = 10 if fault == "short" else 3
        sent = Sent(Transport(), file(b"abc", 0, size, file=Failing(b"abc"), unchanged=unchanged))
        await sent.until_ended()
        assert sent.transport.aborted
        sent.sending.on_lost(None)
        assert sent.ends == [(False, None)]

    asyncio.run(main())
    assert caplog.records


def test_a_file_is_not_read_on_for_a_client_that_left() -> None:
    class Counted(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.reads += 1
            return super().read(size)

    counted = Counted(bytes(10_000_000))

    async def main() -> None:
        sent = Sent(Transport(takes=1), body := file(bytes(10_000_000), file=counted))
        while not counted.reads:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        sent.sending.on_lost(ConnectionResetError())
        assert sent.ends == [(False, None)]
        await asyncio.sleep(0.02)
        assert body.file.closed

    asyncio.run(main())
    assert counted.reads == 1


def test_a_file_is_closed_if_the_connection_ends_before_it_is_read() -> None:
    closed: list[str] = []

    async def main() -> None:
        body = file(bytes(1000), closed=lambda: closed.append("closed"))
        sent = Sent(Transport(), body)
        # The task that reads has not begun.
        sent.sending.on_lost(BrokenPipeError())
        await asyncio.sleep(0.01)
        assert body.file.closed

    asyncio.run(main())
    assert closed == ["closed"]


#: More than the socket takes, and than what a receiver takes that does not read.
LARGE = 8_000_000


@pytest.mark.parametrize("kind", LOOPS)
@pytest.mark.parametrize("size", [0, 1, LARGE])
def test_a_real_transport(kind: str, size: int) -> None:
    """What does not fit the socket is called back for, whatever the loop and its version."""
    ends: list[tuple[bool, int | None]] = []
    ended_early: list[bool] = []

    class Protocol(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.Transport, transport)
            answer = Answer(200, HEAD, bytes(size), ended=lambda *end: ends.append(end))
            self.sending = Sending(self.transport, answer, self.transport.close)
            self.sending.start(HEAD, bytes(size))

        def resume_writing(self) -> None:
            self.sending.on_writable()

        def connection_lost(self, exc: Exception | None) -> None:
            self.sending.on_lost(exc)

    async def main() -> bytes:
        loop = asyncio.get_running_loop()
        listening = listen("127.0.0.1", 0)
        address = listening.getsockname()
        server = Listener(loop, listening, Protocol, pytest.fail)
        reader, writer = await asyncio.open_connection(*address)
        await asyncio.sleep(0.05)
        ended_early.append(bool(ends))
        received = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        await writer.wait_closed()
        server.close()
        end = time.monotonic() + 20
        while not ends and time.monotonic() < end:
            await asyncio.sleep(0.01)
        return received

    received = run_on(kind, main())
    assert ends == [(True, None)]
    assert (len(received), received[: len(HEAD)]) == (len(HEAD) + size, HEAD)
    assert ended_early == [size < LARGE]
