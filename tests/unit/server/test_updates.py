"""Images over real sockets: what listeners learn of each offer, and what is remembered."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
import struct
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import uvicorn
from uvicorn.server import ServerState

import acpublish
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.release.decision import Rule, Verdict
from acpublish.server.app import create_app
from acpublish.server.checkins import CheckIn, Delivered, Event
from acpublish.server.config import ServerOptions
from acpublish.server.connections import Connections
from acpublish.server.listener import Listener
from acpublish.server.protocol import DeviceProtocol
from acpublish.server.sockets import listen
from acpublish.server.tokens import Tokens
from tests.support.images import esp32_image
from tests.support.loops import LOOPS, run_on
from tests.support.server import read_all
from tests.unit.server.in_memory import ask, make

#: More than the send buffer, and than what a receiver takes that does not read.
IMAGE = esp32_image("esp32c3", size=2_000_000, seed=31)
HEADERS = (
    "User-Agent: ESP32-http-Update",
    "Connection: close",
    "x-ESP32-STA-MAC: 24:0A:C4:00:00:01",
)


class Served:
    """A server in this process, and the events that its listener got."""

    def __init__(self, port: int, state: ServerState) -> None:
        self.port = port
        self.state = state
        self.events: list[Event] = []

    @property
    def check_ins(self) -> list[CheckIn]:
        return [event for event in self.events if isinstance(event, CheckIn)]

    @property
    def delivered(self) -> list[Delivered]:
        return [event for event in self.events if isinstance(event, Delivered)]

    async def only(self) -> Delivered:
        """Waits for the one delivery that belongs to the one check-in."""
        end = time.monotonic() + 20
        while not self.delivered and time.monotonic() < end:
            await asyncio.sleep(0.01)
        (check_in,) = self.check_ins
        (delivered,) = self.delivered
        assert delivered.check_in is check_in
        return delivered

    def begin(self, target: str, *headers: str, method: str = "GET") -> socket.socket:
        connection = socket.socket()
        # A device takes little at a time.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        connection.settimeout(10)
        connection.connect(("127.0.0.1", self.port))
        lines = "\r\n".join((f"{method} {target} HTTP/1.0", *HEADERS, *headers, "", ""))
        connection.sendall(lines.encode())
        return connection

    async def get(self, target: str, *headers: str, method: str = "GET") -> tuple[bytes, bytes]:
        """Returns the head and the body of a response."""

        def ask() -> bytes:
            with self.begin(target, *headers, method=method) as connection:
                return read_all(connection)

        head, _, body = (await asyncio.to_thread(ask)).partition(b"\r\n\r\n")
        return head, body


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "image.bin").write_bytes(IMAGE)
    acpublish.publish(
        tmp_path / "image.bin",
        to=str(tmp_path / "catalog"),
        product="lamp",
        version="1.0.0",
        board="c3",
    )
    return tmp_path / "catalog"


@contextlib.asynccontextmanager
async def serving(catalog: Path, cache_bytes: int) -> AsyncIterator[Served]:
    loop, state = asyncio.get_running_loop(), ServerState()
    listening = listen("127.0.0.1", 0)
    served = Served(listening.getsockname()[1], state)
    app = create_app(
        ServerOptions(catalog=catalog, cache_bytes=cache_bytes),
        DirectoryCatalog(catalog),
        Tokens(catalog.parent / "state"),
        [served.events.append],
    )
    config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None, interface="asgi3")
    config.load()
    connections = Connections(app.routes, app.log, config, state, loop)
    listener = Listener(loop, listening, lambda: DeviceProtocol(connections), pytest.fail)
    try:
        yield served
    finally:
        listener.close()
        for connection in list(state.connections):
            connection.transport.abort()
        while state.tasks or state.connections:
            await asyncio.sleep(0.01)


Scenario = Callable[[Served], Awaitable[None]]


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest, catalog: Path) -> Callable[..., None]:
    def run(scenario: Scenario, cache_bytes: int = 64 << 20) -> None:
        async def main() -> None:
            async with serving(catalog, cache_bytes) as served:
                await scenario(served)

        run_on(request.param, main())

    return run


#: Whole files from memory, and in parts because the cache is too small for them.
CACHES = pytest.mark.parametrize("cache_bytes", [64 << 20, 1 << 20])


@CACHES
def test_a_whole_image(run: Callable[..., None], cache_bytes: int) -> None:
    async def scenario(served: Served) -> None:
        _, body = await served.get("/update/lamp/c3")
        delivered = await served.only()
        assert delivered.whole
        assert delivered.drained
        assert delivered.status == 200
        assert delivered.sent_bytes == delivered.file_bytes == len(body)
        assert delivered.file_sha256 == hashlib.sha256(body).hexdigest()
        check_in = delivered.check_in
        assert check_in.decision.rule is Rule.NEWEST_ON_CHANNEL
        assert (check_in.product, check_in.board, check_in.channel) == ("lamp", "c3", "stable")
        assert (check_in.method, check_in.address) == ("GET", "127.0.0.1")
        assert check_in.report.mac == "24:0A:C4:00:00:01"

    run(scenario, cache_bytes)


@CACHES
@pytest.mark.parametrize("politely", [True, False])
def test_a_device_that_leaves(run: Callable[..., None], cache_bytes: int, politely: bool) -> None:
    async def scenario(served: Served) -> None:
        def leave() -> None:
            connection = served.begin("/update/lamp/c3")
            read = 0
            while read < 100_000:
                read += len(connection.recv(4096))
            if not politely:
                linger = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.close()

        await asyncio.to_thread(leave)
        delivered = await served.only()
        assert not delivered.whole
        assert not delivered.drained
        assert delivered.status == 200
        if sys.platform == "linux":
            assert 90_000 < delivered.sent_bytes < 600_000

    run(scenario, cache_bytes)


@CACHES
def test_nothing_is_delivered_before_it_has_left(
    run: Callable[..., None], cache_bytes: int
) -> None:
    async def scenario(served: Served) -> None:
        connection = await asyncio.to_thread(served.begin, "/update/lamp/c3")
        await asyncio.sleep(0.3)
        assert len(served.check_ins) == 1
        assert served.delivered == []
        with connection:
            await asyncio.to_thread(read_all, connection)
        assert (await served.only()).whole

    run(scenario, cache_bytes)


def test_what_the_last_bytes_do_counts(run: Callable[..., None]) -> None:
    """A transport's buffer that is merely low holds up to 16 KiB that may never leave."""

    async def scenario(served: Served) -> None:
        connection = await asyncio.to_thread(served.begin, "/update/lamp/c3")
        await asyncio.sleep(0.1)
        (protocol,) = served.state.connections
        while (left := protocol.transport.get_write_buffer_size()) > 16_384 or not left:
            if not left:
                connection.close()
                pytest.skip("the kernel took the last bytes at once")
            await asyncio.to_thread(connection.recv, 4096)
            await asyncio.sleep(0)
        assert served.delivered == []
        protocol.abort()
        connection.close()
        assert not (await served.only()).drained

    run(scenario)


@CACHES
def test_a_part_is_never_the_whole(run: Callable[..., None], cache_bytes: int) -> None:
    async def scenario(served: Served) -> None:
        head, body = await served.get("/update/lamp/c3", "Range: bytes=1000-1099")
        assert b" 206 " in head
        delivered = await served.only()
        assert (delivered.status, delivered.sent_bytes) == (206, 100)
        assert delivered.first_byte == 1000
        assert delivered.drained
        assert not delivered.whole
        assert len(body) == 100

    run(scenario, cache_bytes)


def test_a_range_of_all_is_the_whole(run: Callable[..., None]) -> None:
    async def scenario(served: Served) -> None:
        _, body = await served.get("/update/lamp/c3", "Range: bytes=0-")
        assert len(body) == (await served.only()).sent_bytes
        assert served.delivered[0].whole

    run(scenario)


@pytest.mark.parametrize(
    ("method", "header", "status"),
    [
        ("HEAD", "X: y", 200),
        ("GET", "x-ESP32-mode: version", 200),
        ("GET", "Range: bytes=9000000-", None),
    ],
)
def test_an_offer_may_carry_no_byte(
    run: Callable[..., None], method: str, header: str, status: int | None
) -> None:
    async def scenario(served: Served) -> None:
        await served.get("/update/lamp/c3", header, method=method)
        delivered = await served.only()
        assert (delivered.status, delivered.sent_bytes) == (status, 0)
        assert delivered.file_bytes > 0
        assert not delivered.whole
        assert delivered.check_in.method == method

    run(scenario)


def test_a_file_that_cannot_be_sent(run: Callable[..., None], catalog: Path) -> None:
    async def scenario(served: Served) -> None:
        for stored in (catalog / ".acpublish" / "objects").iterdir():
            stored.chmod(0o644)
            stored.write_bytes(b"other bytes")
        head, _ = await served.get("/update/lamp/c3")
        assert b" 500 " in head
        delivered = await served.only()
        assert (delivered.status, delivered.sent_bytes) == (None, 0)
        assert not delivered.drained

    run(scenario)


def test_a_file_by_its_name_and_a_hand_copied_one(run: Callable[..., None], catalog: Path) -> None:
    (catalog / "copied.bin").write_bytes(IMAGE)

    async def scenario(served: Served) -> None:
        await served.get("/lamp/lamp-1.0.0_c3.bin")
        named = await served.only()
        assert named.whole
        assert (named.check_in.product, named.check_in.board) == ("lamp", "c3")
        assert named.check_in.channel is None
        served.events.clear()
        await served.get("/copied.bin")
        copied = await served.only()
        assert copied.whole
        assert copied.file_sha256 == hashlib.sha256(IMAGE).hexdigest()
        assert (copied.check_in.product, copied.check_in.board) == (None, None)

    run(scenario)


def test_nothing_is_delivered_without_an_offer(run: Callable[..., None], catalog: Path) -> None:
    image = (catalog / "lamp" / "lamp-1.0.0_c3.bin").read_bytes()

    async def scenario(served: Served) -> None:
        md5 = hashlib.md5(image).hexdigest()
        await served.get("/update/lamp/c3", f"x-ESP32-sketch-md5: {md5}")
        await served.get("/lamp/lamp-1.0.0_c3.bin", "x-ESP32-mode: spiffs")
        await served.get("/update/lamp/d1")
        verdicts = [check_in.decision.verdict for check_in in served.check_ins]
        assert verdicts == [Verdict.UP_TO_DATE, Verdict.REFUSE, Verdict.NOTHING]
        assert served.delivered == []

    run(scenario)


def test_a_client_that_is_not_an_updater_is_no_event(
    run: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "HEADERS", ("User-Agent: curl/8",))

    async def scenario(served: Served) -> None:
        head, _ = await served.get("/update/lamp/c3")
        assert b" 200 " in head
        assert served.events == []

    run(scenario)


def test_a_connection_that_stays_open_serves_again(run: Callable[..., None]) -> None:
    """The limits of its write buffer are those of before."""

    async def scenario(served: Served) -> None:
        def ask_twice() -> list[int]:
            head = (
                "GET /update/lamp/c3 HTTP/1.1\r\nHost: x\r\nUser-Agent: ESP32-http-Update\r\n\r\n"
            )
            sizes = []
            with socket.create_connection(("127.0.0.1", served.port), 10) as connection:
                for _ in range(2):
                    connection.sendall(head.encode())
                    received = b""
                    while b"\r\n\r\n" not in received:
                        received += connection.recv(65536)
                    size = len(received.partition(b"\r\n\r\n")[2])
                    while size < len(IMAGE):
                        size += len(connection.recv(65536))
                    sizes.append(size)
            return sizes

        assert await asyncio.to_thread(ask_twice) == [len(IMAGE)] * 2
        await asyncio.sleep(0.05)
        assert [delivered.whole for delivered in served.delivered] == [True, True]

    run(scenario)


def test_a_gateway_gets_an_image_for_another_chip(catalog: Path) -> None:
    async def main() -> None:
        app = make(catalog)
        gateway = [(b"user-agent", b"ESP8266HTTPClient")]
        updater = [(b"user-agent", b"ESP8266-http-Update")]
        # The one that is not an updater, asking first, does not decide for the other.
        for headers, status in ((gateway, 200), (updater, 403), (gateway, 200)):
            for target in (b"/lamp/lamp-1.0.0_c3.bin", b"/update/lamp/c3"):
                assert (await ask(app, target, headers))[0] == status

    asyncio.run(main())
