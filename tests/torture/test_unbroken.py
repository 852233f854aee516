"""The short form of "no input breaks it", and that it would see what is broken."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from acpublish.server import request_head
from acpublish.server.bounds import HIGH_BYTES
from acpublish.server.protocol import DeviceProtocol
from acpublish.server.socket_transport import SocketTransport
from tests.support.loops import LOOPS, run_on
from tests.torture import fed
from tests.torture.agreeing import check
from tests.torture.fed import Connected, InProcess
from tests.torture.unbroken import in_process, on_the_wire

_KNOWN = b"GET /sketch.bin HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.mark.slow
@pytest.mark.parametrize("loop", LOOPS)
def test_no_input_breaks_the_protocol(tmp_path: Path, loop: str) -> None:
    outcome = in_process(tmp_path, 2000, loop=loop)
    assert outcome.found == []
    # Enough of them are heads, and enough are not.
    assert 0.2 < outcome.accepted / outcome.inputs < 0.8


@pytest.mark.slow
def test_no_input_breaks_a_server(tmp_path: Path) -> None:
    outcome = on_the_wire(tmp_path, 1500)
    assert outcome.found == []
    assert outcome.inputs == 1500


def test_another_reader_refuses_what_a_reader_accepts_that_is_less_strict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length : 5\r\n\r\n"
    assert check(data) == 0
    monkeypatch.setattr(request_head, "_FIELDS", re.compile(rb"(?:[^\n]*\r\n)*?\r\n"))
    with pytest.raises(AssertionError, match="h11 refuses"):
        check(data)


def test_another_reader_disagrees_with_a_reader_that_sees_no_body(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n"
    assert check(data) == 1
    monkeypatch.setattr(request_head, "_body_bytes", lambda headers, minor: 0)
    with pytest.raises(AssertionError, match="another length"):
        check(data)


def _does_nothing(transport: SocketTransport) -> None:
    pass


def _fails(protocol: DeviceProtocol) -> bool:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("broken", "name", "instead", "fault"),
    [
        (SocketTransport, "resume_reading", _does_nothing, "a connection does not go on"),
        (DeviceProtocol, "eof_received", _fails, "a connection failed"),
    ],
)
def test_a_fault_of_the_transport_or_the_protocol_is_seen(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    broken: type,
    name: str,
    instead: Callable[..., object],
    fault: str,
) -> None:
    monkeypatch.setattr(broken, name, instead)
    monkeypatch.setattr(fed, "PATIENCE_S", 0.05)
    found = in_process(tmp_path, 50).found
    assert any(fault in text for text in found), found


@pytest.mark.parametrize("loop", LOOPS)
def test_a_client_that_does_not_read_gets_no_more_answers(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        connected = Connected(InProcess(tmp_path).connections)
        connected.start()
        unsent = connected.transport.get_write_buffer_size
        sent = 0
        while unsent() <= HIGH_BYTES:
            sent += connected.send(_KNOWN)
            await asyncio.sleep(0)
        full = unsent()
        for _ in range(200):
            sent += connected.send(_KNOWN)
            await asyncio.sleep(0)
        assert unsent() == full
        await connected.end()
        assert connected.received.count(b"HTTP/1.1 404 ") == sent / len(_KNOWN)

    run_on(loop, main(), 60)
