"""One line for each response, without secrets, and no line of a client's own."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest

from acpublish.server.accesslog import AccessLog
from acpublish.server.http import Request
from acpublish.server.logwriter import LogWriter
from tests.unit.server.in_memory import ask, lamp_catalog, make


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return lamp_catalog(tmp_path)


def test_the_access_log_writes_its_lines_together(catalog: Path) -> None:
    stream = io.StringIO()
    writer = LogWriter(stream)
    app = make(catalog, log=AccessLog(writer))

    async def main() -> None:
        await ask(app, b"/update/lamp/c3")
        await ask(app, b"/a\x1b[31m\nb")
        assert stream.getvalue() == ""
        await asyncio.sleep(0.3)

    asyncio.run(main())
    writer.close()
    first, second = stream.getvalue().splitlines()
    assert first.endswith(" 192.0.2.7 GET /update/lamp/c3 200 (1.0.0 is the newest on stable)")
    assert second.endswith(" GET /a\\x1b[31m\\nb 404")


def request(target: bytes) -> Request:
    scope = {"method": "GET", "acpublish.target": target, "client": ("192.0.2.7", 1)}
    return Request({**scope, "headers": [(b"authorization", b"Basic dXNlcjpzM2NyZXQ=")]})


def logged(target: bytes) -> str:
    stream = io.StringIO()
    writer = LogWriter(stream)
    log = AccessLog(writer)

    async def main() -> None:
        log.note(request(target), 200)

    asyncio.run(main())
    log.flush()
    log.flush()
    writer.close()
    return stream.getvalue()


def test_no_secret_is_logged() -> None:
    line = logged(b"/update/lamp/c3?channel=beta&token=acp_s3cret-s3cret-s3cret")
    assert "s3cret" not in line
    assert "dXNlcjpzM2NyZXQ" not in line
    assert "channel=beta" in line
    assert line.count("\n") == 1


def test_without_a_stream_nothing_is_collected() -> None:
    log = AccessLog(None)
    log.note(request(b"/a"), 200)
    log.flush()


def test_a_long_target_is_shown_in_part() -> None:
    line = logged(b"/" + b"x" * 5000 + b"?token=s3cret")
    assert line.endswith("xxx... 200\n")
    assert len(line) < 1200
