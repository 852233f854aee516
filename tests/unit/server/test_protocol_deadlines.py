"""The protocol of a connection: how long it waits for a request, and for the rest of one."""

from __future__ import annotations

import asyncio

import pytest

from acpublish.server import deadlines, protocol
from acpublish.server.connections import Connections
from tests.unit.server.conversing import (
    Wire,
    converse,
    line,
    until_closed,
)

LATER = pytest.mark.parametrize("later", [False, True])


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "TICK_S", 0.005)


@pytest.mark.parametrize(("sent", "answer"), [(b"GET /x HT", b"HTTP/1.1 408"), (b"", b"")])
def test_a_head_has_a_deadline(monkeypatch: pytest.MonkeyPatch, sent: bytes, answer: bytes) -> None:
    monkeypatch.setattr(protocol, "HEAD_DEADLINE_S", 0.02)
    _, wire = asyncio.run(converse([sent] if sent else [], until_closed))
    assert wire.written[:12] == answer


@LATER
def test_a_complete_head_ends_the_deadline(monkeypatch: pytest.MonkeyPatch, later: bool) -> None:
    monkeypatch.setattr(protocol, "HEAD_DEADLINE_S", 0.02)

    async def wait(wire: Wire, connections: Connections) -> None:
        await asyncio.sleep(0.05)
        assert not wire.closed

    seen, _ = asyncio.run(converse([line(b"GET /x HTTP/1.1")], wait, later=later))
    assert seen == [("GET", b"/x", b"")]


@pytest.mark.parametrize(("sent", "responses"), [(b"", 1), (b"GET /y HT", 2)])
@pytest.mark.parametrize("first", [b"GET /x HTTP/1.1", b"PUT /x HTTP/1.1"])
def test_a_reused_connection_has_a_deadline(
    monkeypatch: pytest.MonkeyPatch, first: bytes, sent: bytes, responses: int
) -> None:
    """Also after a request that was handed over to uvicorn's protocol."""
    monkeypatch.setattr(protocol, "KEEP_ALIVE_S", 0.02)
    monkeypatch.setattr(protocol, "HEAD_DEADLINE_S", 0.03)
    _, wire = asyncio.run(converse([line(first), sent], until_closed))
    assert wire.written.count(b"HTTP/1.1 200") == 1
    assert wire.written.count(b"HTTP/1.1 ") == responses
    assert (b"HTTP/1.1 408" in wire.written) is (responses == 2)


def test_a_head_on_a_reused_connection_has_all_of_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(protocol, "KEEP_ALIVE_S", 0.05)

    async def wait(wire: Wire, connections: Connections) -> None:
        await asyncio.sleep(0.2)
        assert not wire.closed

    asyncio.run(converse([line(b"GET /x HTTP/1.1"), b"GET /y HT"], wait))


def test_slow_bytes_do_not_put_the_deadline_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_DEADLINE_S", 0.05)

    async def drip(wire: Wire, connections: Connections) -> None:
        for _ in range(500):
            if wire.closed:
                return
            wire.feed(b"x")
            await asyncio.sleep(0.01)
        pytest.fail("the connection is still open")

    _, wire = asyncio.run(converse([b"GET /"], drip))
    assert wire.written.startswith(b"HTTP/1.1 408")
