"""The heads of requests: what devices send is read, what two readers could dispute is not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acpublish.server import request_head
from acpublish.server.request_head import (
    MAX_HEAD_BYTES,
    MAX_LINE_BYTES,
    BadRequestError,
    RequestHead,
    RequestHeads,
    TooLongError,
    head_end,
    read_head,
)
from acpublish.wire import read_report


def head(line: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join((line, *headers, b"", b""))


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
def test_the_request_lines_of_devices(request_line: bytes, target: bytes) -> None:
    read = read_head(head(request_line, b"Host: x"))
    assert (read.method.encode(), read.target) == (request_line.split(b" ")[0], target)
    assert read.closes is request_line.endswith(b"1.0")
    assert read.body_bytes == 0


def test_a_target_is_cut_at_the_first_question_mark() -> None:
    read = read_head(head(b"GET a b?c=d?e HTTP/1.0"))
    assert (read.target, read.path, read.query) == (b"/a b?c=d?e", b"/a b", b"c=d?e")


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /x\x00y HTTP/1.0",
        b"GET /x\ry HTTP/1.0",
        b"GET /x\x7f HTTP/1.0",
        b"GET\t/x HTTP/1.0",
        b" GET /x HTTP/1.0",
        b"GET /x",
        b"GET /x HTTP/1.2",
        b"GET /x HTTP/0.9",
        b"GET /x http/1.0",
        b"GET /x HTTP/1.0 ",
        b"G(T /x HTTP/1.0",
        b"\x16\x03\x01\x02",
        b"PRI * HTTP/2.0",
        b"CONNECT /x HTTP/1.1",
    ],
)
def test_what_is_no_request_line(request_line: bytes) -> None:
    with pytest.raises(BadRequestError):
        read_head(head(request_line, b"Host: x"))


@pytest.mark.parametrize(
    "header",
    [
        b"Host : x",
        b"Host",
        b": x",
        b" Host: x",
        b"X: a\r\n folded",
        b"X: a\r\n\tfolded",
        b"X: a\nY: b",
        b"X: a\rY: b",
        b"X: a\x00",
        b"X: a\x7f",
        b"X(: a",
        b"\xc3\xa4: a",
        b"Host: a\r\nhost: a",
        b"Content-Length: 1\r\nContent-Length: 1",
        b"Content-Length: 1, 1",
        b"Content-Length: +1",
        b"Content-Length: -1",
        b"Content-Length: 0x1",
        b"Content-Length: 1_0",
        b"Content-Length: \xb2",
        b"Content-Length: ",
        b"Content-Length: 1000000000000",
        b"Content-Length: 1\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding: identity",
        b"Transfer-Encoding: ",
        b"Transfer-Encoding: \x0bchunked",
    ],
)
@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"PUT", b"POST", b"ANY"])
def test_what_two_readers_could_read_differently(method: bytes, header: bytes) -> None:
    with pytest.raises(BadRequestError):
        read_head(head(method + b" /x HTTP/1.1", header))


def test_http_1_0_has_no_codings() -> None:
    assert read_head(head(b"PUT / HTTP/1.1", b"Transfer-Encoding: Chunked")).body_bytes is None
    with pytest.raises(BadRequestError):
        read_head(head(b"PUT / HTTP/1.0", b"Transfer-Encoding: chunked"))


def test_headers() -> None:
    read = read_head(
        head(b"PUT / HTTP/1.1", b"A:b", b"X-Empty:", b"C: \t d e\xff \t", b"Content-Length: 007")
    )
    assert read.headers[:3] == [(b"a", b"b"), (b"x-empty", b""), (b"c", b"d e\xff")]
    assert read.body_bytes == 7


@pytest.mark.parametrize(
    ("version", "value", "closes"),
    [
        (b"1.1", b"close", True),
        (b"1.1", b"Keep-Alive, CLOSE", True),
        (b"1.1", b"closed", False),
        (b"1.1", b"Upgrade", True),
        (b"1.1", b"keep-alive, upgrade", True),
        (b"1.0", b"keep-alive", True),
    ],
)
def test_whether_the_connection_ends(version: bytes, value: bytes, closes: bool) -> None:
    read = read_head(head(b"GET / HTTP/" + version, b"Connection: " + value))
    assert read.closes is closes


@pytest.mark.parametrize(
    ("target", "clean"),
    [(b"/a?b", True), (b"a", False), (b"/a b", False), (b"/\xff", False), (b"http://x/a", False)],
)
def test_what_every_parser_accepts(target: bytes, clean: bool) -> None:
    assert read_head(head(b"PUT " + target + b" HTTP/1.1")).clean is clean


def test_where_a_head_ends() -> None:
    data = head(b"GET / HTTP/1.1", b"A: b")
    assert head_end(data) == head_end(data + b"more\r\n\r\n") == len(data)
    for cut in range(len(data)):
        assert head_end(data[:cut]) is None
    assert head_end(head(b"GET / HTTP/1.1")) == 18


def test_a_bare_line_feed_ends_no_first_line() -> None:
    for data in (b"GET / HTTP/1.0\n\n", b"\n", b"GET / HTTP/1.0\nHost: x\r\n\r\n"):
        with pytest.raises(BadRequestError):
            head_end(data)


def test_long_lines_and_heads() -> None:
    line = b"GET /" + b"a" * MAX_LINE_BYTES
    for data in (line, line + b" HTTP/1.0\r\n\r\n"):
        with pytest.raises(TooLongError) as caught:
            head_end(data)
        assert b" 414 " in caught.value.response
    header = b"X: " + b"a" * 1000 + b"\r\n"
    for data in (header * 17, header * 17 + b"\r\n"):
        with pytest.raises(TooLongError) as caught:
            head_end(b"GET / HTTP/1.0\r\n" + data)
        assert b" 431 " in caught.value.response
    assert head_end(b"GET / HTTP/1.0\r\n" + header * 15 + b"\r\n") is not None
    assert head_end(b"GET / HTTP/1.0\r\n" + header * 15) is None
    assert MAX_HEAD_BYTES > MAX_LINE_BYTES


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60).filter(lambda target: b"\r\n" not in target))
def test_any_target_is_read_as_it_is_or_refused(target: bytes) -> None:
    data = b"GET " + target + b" HTTP/1.0\r\n\r\n"
    try:
        read = read_head(data)
    except BadRequestError:
        assert any(byte < 0x20 or byte == 0x7F for byte in target)
        return
    assert read.target.startswith(b"/")
    assert read.target.endswith(target.partition(b"://")[2].partition(b"/")[2] or target[-5:])
    assert read.target.lstrip(b"/") in target


# What is remembered.

LINE = b"GET /update/lamp/c3 HTTP/1.0"
AGENT = b"User-Agent: ESP32-http-Update"
STATION = b"x-ESP32-STA-MAC: 24:0A:C4:00:00:01"
ACCESS_POINT = b"x-ESP32-AP-MAC: 24:0A:C4:00:00:02"
BASE = b"x-ESP32-BASE-MAC: 24:0A:C4:00:00:03"
CHIP = b"x-ESP32-Chip-ID: 1a2B"
MODE = b"x-ESP32-mode: sketch"


def as_read(data: bytes) -> tuple[object, ...]:
    read = read_head(data)
    return read.method, read.target, read.closes, read.body_bytes, read_report(read.headers)


def as_known(known: tuple[RequestHead, object] | None) -> tuple[object, ...] | None:
    if known is None:
        return None
    read, own = known
    report = read.report_of(own)  # type: ignore[arg-type]
    return read.method, read.target, read.closes, read.body_bytes, report


def remembering(*heads: bytes) -> RequestHeads:
    made = RequestHeads()
    for data in heads:
        made.remember(data, read_head(data))
    return made


@pytest.mark.parametrize(
    "headers",
    [
        [AGENT],
        [STATION],
        [STATION, MODE, AGENT],
        [MODE, STATION, AGENT],
        [AGENT, MODE, STATION],
        [STATION, ACCESS_POINT, BASE, CHIP, MODE],
        [CHIP, BASE, ACCESS_POINT, STATION, MODE],
        [BASE, MODE],
        [BASE, ACCESS_POINT],
        [ACCESS_POINT, CHIP],
        [CHIP],
    ],
)
def test_one_head_for_all_devices(headers: list[bytes]) -> None:
    first = head(LINE, *headers)
    second = head(LINE, *(header.replace(b"00:0", b"0F:0") for header in headers))
    heads = remembering(first)
    for data in (first, second):
        assert as_known(heads.known(data)) == as_read(data)
    known_first, known_second = heads.known(first), heads.known(second)
    assert known_first is not None
    assert known_second is not None
    assert known_first[0] is known_second[0]
    assert len(heads._heads) == 1


@pytest.mark.parametrize(
    "headers",
    [
        # A name twice: which of both counts is not for a memory to say.
        [STATION, STATION],
        [STATION, b"x-ESP32-sta-mac: zz"],
        [b"x-ESP32-STA-MAC: zz", STATION],
        [BASE, STATION, BASE],
        # One address is a device's own, and the one that counts does not look like one.
        [b"x-ESP32-STA-MAC: zz", BASE],
        [b"x-ESP32-STA-MAC: zz", ACCESS_POINT],
        [b"x-ESP32-BASE-MAC: zz", ACCESS_POINT],
        [b"x-ESP32-BASE-MAC: zz", CHIP],
        [b"x-ESP32-AP-MAC: zz", STATION],
        [b"x-ESP32-STA-MAC:", BASE],
        # Not of the device's family, or of none.
        [b"x-ESP8266-STA-MAC: 24:0A:C4:00:00:01", STATION],
        [STATION, b"x-ESP8266-STA-MAC: 24:0A:C4:00:00:01"],
        [b"X-MAC: 24:0A:C4:00:00:01"],
        [b"Host: x-MAC: 1"],
        [MODE, b"Host: x-MAC: 1"],
    ],
)
def test_what_cannot_be_shared_is_still_right(headers: list[bytes]) -> None:
    data = head(LINE, *headers)
    heads = RequestHeads()
    assert as_known(heads.remember(data, read_head(data))) == as_read(data)
    assert as_known(heads.known(data)) in (None, as_read(data))


def test_a_head_that_looks_like_a_cut_one_is_not_known() -> None:
    heads = remembering(head(LINE, STATION, CHIP))
    (key,) = heads._heads
    assert b"\0" in key
    assert heads.known(key) is None
    assert heads.known(key.replace(b"\0", b"\r", 1)) is None
    # One address is cut, and the other was "cut" by its sender.
    for cut in (b"x-ESP32-STA-MAC: \0", b"x-ESP32-STA-MAC: \0\r", b"x-ESP32-STA-MAC: \x00-MAC: \0"):
        assert heads.known(head(LINE, cut, CHIP)) is None
        assert heads.known(head(LINE, cut, CHIP, CHIP)) is None


def test_whole_heads_without_more_are_known_and_nothing_else() -> None:
    data = head(LINE, STATION, MODE)
    heads = remembering(data)
    for other in (data[:-1], data + b"x", b"\r\n" + data, data * 2, b"", data[1:]):
        assert heads.known(other) is None


def test_long_heads_are_not_remembered() -> None:
    data = head(LINE, STATION, b"X: " + b"a" * 1024)
    heads = RequestHeads()
    assert as_known(heads.remember(data, read_head(data))) == as_read(data)
    assert heads.known(data) is None
    assert not heads._heads


def test_strangers_fill_a_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_head, "MAX_HEADS", 10)
    heads = remembering(*(head(b"GET /%d HTTP/1.0" % number) for number in range(105)))
    assert len(heads._heads) == 5


_PIECES = st.sampled_from(
    [
        *(STATION, ACCESS_POINT, BASE, CHIP, MODE, AGENT),
        *(
            b"x-ESP32-STA-MAC: 1",
            b"x-ESP32-STA-MAC: zz",
            b"x-ESP32-STA-MAC:1",
            b"x-ESP32-STA-MAC: ",
        ),
        *(b"x-ESP32-BASE-MAC: zz", b"x-ESP32-AP-MAC: zz", b"x-esp32-ap-MAC: 2", b"X: x-MAC: 1"),
        *(b"x-ESP8266-STA-MAC: 1", b"x-ESP8266-AP-MAC: 2", b"x-ESP8266-mode: spiffs"),
        *(b"x-ESP32-STA-MAC: \0", b"x-ESP32-STA-MAC: 1\r", b"x-ESP32-STA-MAC: 1\0", b"-MAC: 1"),
        *(b"\0-MAC: \0", b"", b"-Chip-ID: 1", b"x-ESP32--MAC: 1", b"Host: x", b"Connection: close"),
    ]
)
_LINES = st.sampled_from([LINE, b"HEAD x-MAC: 1 HTTP/1.1", b"GET /-MAC: 1", b"GET / HTTP/1.1"])
_HEADS = st.tuples(_LINES, st.lists(_PIECES, max_size=6)).map(
    lambda parts: head(parts[0], *parts[1])
)


@settings(max_examples=500, deadline=None)
@given(st.lists(_HEADS, min_size=1, max_size=6))
def test_what_is_known_is_what_would_be_read(sent: list[bytes]) -> None:
    heads = RequestHeads()
    for data in sent:
        known = as_known(heads.known(data))
        try:
            read = as_read(data)
        except BadRequestError:
            assert known is None
            continue
        assert known in (None, read)
        assert as_known(heads.remember(data, read_head(data))) == read
        assert as_known(heads.known(data)) in (None, read)
