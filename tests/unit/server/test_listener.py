"""Accepting connections, on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
from collections.abc import Iterator

import pytest

from acpublish.server import listener as module
from acpublish.server.listener import Listener
from acpublish.server.sockets import listen


class Greeter(asyncio.Protocol):
    """Greets and closes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"hello")
        transport.close()


@contextlib.contextmanager
def no_more_files() -> Iterator[None]:
    """Lets this process open no further file."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as probe:
        last = probe.fileno()
    resource.setrlimit(resource.RLIMIT_NOFILE, (last, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def greeting(client: socket.socket) -> bytes:
    return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 100), 10)


def test_more_connections_than_one_turn_takes() -> None:
    refusals: list[str] = []

    async def main() -> None:
        listening = listen("127.0.0.1", 0)
        listener = Listener(asyncio.get_running_loop(), listening, Greeter, refusals.append)
        clients = [socket.create_connection(listening.getsockname()) for _ in range(200)]
        for client in clients:
            client.setblocking(False)
        assert [await greeting(client) for client in clients] == [b"hello"] * 200
        for client in clients:
            client.close()
        listener.close()
        assert listening.fileno() == -1

    asyncio.run(main())


def test_a_small_answer_in_two_parts_does_not_wait() -> None:
    refusals: list[str] = []
    options: list[int] = []

    class Looking(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            connected = transport.get_extra_info("socket")
            options.append(connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            transport.close()

    async def main() -> None:
        listening = listen("127.0.0.1", 0)
        listener = Listener(asyncio.get_running_loop(), listening, Looking, refusals.append)
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        assert await reader.read() == b""
        writer.close()
        listener.close()

    asyncio.run(main())
    assert options == [1]


def test_it_waits_while_there_are_no_descriptors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "ACCEPT_AGAIN_S", 0.05)

    refusals: list[str] = []

    async def main() -> None:
        listening = listen("127.0.0.1", 0)
        listener = Listener(asyncio.get_running_loop(), listening, Greeter, refusals.append)
        with socket.socket() as client:
            client.setblocking(False)
            with no_more_files():
                await asyncio.get_running_loop().sock_connect(client, listening.getsockname())
                while not refusals:
                    await asyncio.sleep(0.01)
            assert await greeting(client) == b"hello"
        listener.close()

    asyncio.run(main())
    assert set(refusals) == {"no connection can be accepted: too many open files"}


def test_a_listener_that_waits_can_be_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "ACCEPT_AGAIN_S", 0.01)

    refusals: list[str] = []

    async def main() -> None:
        listening = listen("127.0.0.1", 0)
        listener = Listener(asyncio.get_running_loop(), listening, Greeter, refusals.append)
        with socket.socket() as client:
            client.setblocking(False)
            with no_more_files():
                await asyncio.get_running_loop().sock_connect(client, listening.getsockname())
                while not refusals:
                    await asyncio.sleep(0.001)
                listener.close()
            await asyncio.sleep(0.03)

    asyncio.run(main())
