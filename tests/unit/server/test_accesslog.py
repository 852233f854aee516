"""One line for each response, without secrets, and no line of a client's own."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from pathlib import Path

import pytest

import acpublish
from acpublish.server.accesslog import AccessLog
from acpublish.server.answer import Answer
from acpublish.server.logwriter import LogWriter
from acpublish.server.response_head import BAD_REQUEST
from acpublish.wire import NO_MAC
from tests.unit.server.in_memory import ask, lamp_catalog, make
from tests.unit.server.requests_made import request


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


SECRET = [(b"authorization", b"Basic dXNlcjpzM2NyZXQ=")]


def logged(target: bytes) -> str:
    stream = io.StringIO()
    writer = LogWriter(stream)
    log = AccessLog(writer)

    async def main() -> None:
        log.note(request(target, SECRET), Answer(200, b""))

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


def noting(note: Callable[[AccessLog], None]) -> str:
    """Returns what is logged, without the time."""
    stream = io.StringIO()
    writer = LogWriter(stream)
    log = AccessLog(writer)

    async def main() -> None:
        note(log)

    asyncio.run(main())
    log.flush()
    writer.close()
    return stream.getvalue()[len("2026-11-27 12:00:00 ") :]


@pytest.mark.parametrize(
    ("begins", "reason"),
    [
        (b"garbage", "the head is not HTTP"),
        (b"PROXY TCP4 1", "it begins with a PROXY header; for a proxy: --proxy-protocol 192.0.2.7"),
        (
            b"\r\n\r\n\0\r\nQUIT\n",
            "it begins with a PROXY header; for a proxy: --proxy-protocol 192.0.2.7",
        ),
        (b"\x16\x03\x01\x02", "it begins TLS, which this port does not have"),
    ],
)
def test_what_is_not_a_request_has_a_line_too(begins: bytes, reason: str) -> None:
    line = noting(lambda log: log.refused("192.0.2.7", BAD_REQUEST, "the head is not HTTP", begins))
    assert line == f"192.0.2.7 - 400 ({reason})\n"


def test_a_download_that_is_cut_is_not_logged_as_whole() -> None:
    sent, answer = request(b"/lamp.bin"), Answer(200, b"")

    def note(log: AccessLog) -> None:
        log.note(sent, answer, "cut after 3 of 9 bytes")
        log.note(sent, answer)

    first, second = noting(note).splitlines()
    assert first.endswith(" GET /lamp.bin 200 (cut after 3 of 9 bytes)")
    assert second.endswith(" GET /lamp.bin 200")


DIGITS = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        (f"/u/{DIGITS}/update/lamp/c3", "/u/012345.../update/lamp/c3"),
        (f"/u/{DIGITS}", "/u/012345..."),
        (f"/u/{DIGITS.upper()}/x", "/u/012345.../x"),
        (f"/U/{DIGITS}/x", "/U/012345.../x"),
        (f"//u//{DIGITS}//x", "//u//012345...//x"),
        (f"/%75/{DIGITS}/x", "/%75/012345.../x"),
        (f"/%55%2F{DIGITS}/x", "/%55%2F012345.../x"),
        ("/u/" + "".join(f"%{ord(digit):x}" for digit in DIGITS), "/u/%30%31%32%33%34%35..."),
        (f"/u/{DIGITS[:20]}", "/u/012345..."),
        (f"/_catalog?op=list&path=/u/{DIGITS}/lamp", "/_catalog?op=list&path=/u/012345.../lamp"),
        (f"/_catalog?op=list&path=u%2f{DIGITS}", "/_catalog?op=list&path=u%2f012345..."),
        (f"/u/{DIGITS}/u/{DIGITS}/x", "/u/012345.../u/012345.../x"),
        ("/u/lamp-sensor-v1.bin", "/u/lamp-sensor-v1.bin"),
        (f"/lamp/{DIGITS}.bin", f"/lamp/{DIGITS}.bin"),
    ],
)
def test_six_digits_of_a_secret_path_are_shown(target: str, shown: str) -> None:
    assert logged(target.encode()).endswith(f" GET {shown} 200\n")


def test_a_secret_path_in_a_long_target_is_not_shown() -> None:
    for length in range(990, 1030):
        line = logged(b"/" + b"x" * length + b"/u/" + DIGITS.encode() + b"y" * 2000)
        assert DIGITS[12:] not in line


def test_without_a_stream_nothing_is_collected() -> None:
    log = AccessLog(None)
    log.note(request(b"/a"), Answer(200, b""))
    log.refused(None, BAD_REQUEST, "it is not HTTP", b"")
    log.flush()


def test_a_long_target_is_shown_in_part() -> None:
    line = logged(b"/" + b"x" * 5000 + b"?token=s3cret")
    assert line.endswith("xxx... 200\n")
    assert len(line) < 1200


def device_line(catalog: Path, target: bytes, **headers: str) -> str:
    stream = io.StringIO()
    writer = LogWriter(stream)
    log = AccessLog(writer)
    raw = [
        (f"x-esp32-{name.replace('_', '-')}".encode(), text.encode())
        for name, text in headers.items()
    ]

    async def main() -> None:
        await ask(make(catalog, log=log), target, raw)

    asyncio.run(main())
    log.flush()
    writer.close()
    return stream.getvalue().partition(" GET ")[2]


def test_a_device_and_its_version_are_named(catalog: Path) -> None:
    mac = "5C:CF:7F:01:02:03"
    target = b"/update/lamp/c3"
    reported = device_line(catalog, target, sta_mac=mac, version="0.9.0")
    assert reported == (
        f"/update/lamp/c3 200 (1.0.0 is the newest on stable; device {mac} reports 0.9.0)\n"
    )
    assert device_line(catalog, target, sta_mac=mac).endswith(f"stable; device {mac})\n")
    unnamed = device_line(catalog, target, sta_mac=NO_MAC, version="0.9.0")
    assert unnamed.endswith("; a device without a MAC address reports 0.9.0)\n")
    # The digest shows what it really runs, whatever the sketch says.
    md5 = acpublish.read_image(catalog / "lamp/lamp-1.0.0_c3.bin").running.md5s[0]
    running = device_line(catalog, target, sta_mac=mac, version="2.0.0", sketch_md5=md5)
    assert running.startswith("/update/lamp/c3 304 (")
    assert running.endswith(f"; device {mac} runs 1.0.0)\n")
    # Files and lists name the device, too.
    file = device_line(catalog, b"/lamp/lamp-1.0.0_c3.bin", sta_mac=mac, version="0.9.0")
    assert file.endswith(f"; device {mac} reports 0.9.0)\n")
    assert device_line(catalog, b"/nothing", sta_mac=mac) == f"/nothing 404 (device {mac})\n"


def test_no_device_writes_its_own_line(catalog: Path) -> None:
    line = device_line(catalog, b"/x", sta_mac="a\x1b[31m\nb", version="1\n2026 200 (ok)")
    assert line.count("\n") == 1
    assert "\x1b" not in line
    long = device_line(catalog, b"/x", sta_mac="m" * 5000, version="v" * 5000)
    assert len(long) < 100
