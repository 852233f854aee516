"""The short form of "no input breaks it", and that it would see what is broken."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from acpublish.server import request_head
from acpublish.server.protocol import DeviceProtocol
from tests.torture.agreeing import check
from tests.torture.fed import Fed, InProcess
from tests.torture.unbroken import in_process, on_the_wire

_KNOWN = b"GET /sketch.bin HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.mark.slow
def test_no_input_breaks_the_protocol(tmp_path: Path) -> None:
    outcome = in_process(tmp_path, 4000)
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


def test_a_client_that_does_not_read_gets_no_more_answers(tmp_path: Path) -> None:
    async def run() -> None:
        server = InProcess(tmp_path)
        protocol = DeviceProtocol(server.connections)
        transport = Fed(asyncio.get_running_loop(), protocol)
        transport.feed(_KNOWN)
        answers = len(transport.written)
        assert answers
        protocol.pause_writing()
        for _ in range(9):
            transport.feed(_KNOWN)
        assert len(transport.written) == answers
        protocol.resume_writing()
        await asyncio.sleep(0)
        assert len(transport.written) == 10 * answers
        transport.lose()

    asyncio.run(run())
