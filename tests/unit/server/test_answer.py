"""Requests as the routes read them, and the answers that all of them give."""

from __future__ import annotations

import io
import json

import pytest

from acpublish.server import answer
from acpublish.server.answer import Answer, FileBody, Request
from acpublish.server.request_head import read_head
from acpublish.wire import Report
from tests.unit.server.requests_made import request


def test_a_target_is_cut_at_the_first_question_mark() -> None:
    made = request(b"/a b?c=d?e", [(b"x-esp32-mode", b"sketch"), (b"a", b"1"), (b"a", b"2")])
    assert (made.target, made.path, made.query) == (b"/a b?c=d?e", b"/a b", b"c=d?e")
    assert made.header(b"a") == b"1"
    assert made.header(b"b") is None
    assert made.report.family == "esp32"


def test_a_request_is_what_its_head_says_and_its_device_adds() -> None:
    made = request(b"/x.bin", [], method="HEAD", server=("192.0.2.1", 80), report=Report(mac="1"))
    assert (made.method, made.target, made.address) == ("HEAD", b"/x.bin", "192.0.2.7")
    assert made.report.mac == "1"
    assert made.server == ("192.0.2.1", 80)
    head = read_head(b"HEAD x.bin HTTP/1.0\r\nx-ESP32-mode: version\r\n\r\n")
    other = Request(head)
    assert (other.address, other.server, other.report) == (None, None, head.report)


def test_a_text() -> None:
    made = answer.text(416, "Outside.", [(b"content-range", b"bytes */9")], note="why")
    assert (made.status, made.body, made.note) == (416, b"Outside.\n", "why")
    assert made.head.splitlines() == [
        b"HTTP/1.1 416 Requested Range Not Satisfiable",
        b"Content-Type: text/plain; charset=utf-8",
        b"Content-Length: 9",
        b"Content-Range: bytes */9",
    ]


def test_what_is_missing() -> None:
    made = answer.missing("nothing")
    assert (made.status, made.note) == (404, "nothing")
    assert made.body == b"There is nothing at this address.\n"


def test_each_device_that_is_up_to_date_gets_an_answer_of_its_own() -> None:
    """A route may note what the device runs, and that must not be another device's."""
    first, second = answer.not_modified("newest", "1.0.0"), answer.not_modified()
    assert (first.status, first.head, first.body) == (304, b"HTTP/1.1 304 Not Modified\r\n", b"")
    assert second.of_device("2.0.0") is second
    assert (first.note, first.running) == ("newest", "1.0.0")
    assert (second.note, second.running) == ("", "2.0.0")


def test_a_plain_answer() -> None:
    made = Answer(200, b"head")
    assert (made.body, made.note, made.running, made.ended) == (b"", "", "", None)
    assert not made.closes


def test_json_is_compact_and_not_escaped() -> None:
    body = answer.json_body({"name": "прошивка", "size": 1})
    assert body == '{"name":"прошивка","size":1}'.encode()
    assert json.loads(body)["size"] == 1
    assert answer.length_and_type(body, b"application/json") == [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
    ]


def test_a_file_is_closed_once() -> None:
    closed: list[bool] = []
    body = FileBody(io.BytesIO(b"abc"), 1, 2, lambda: True, lambda: closed.append(True))
    assert len(body) == 2
    body.close()
    body.close()
    assert body.file.closed
    assert closed == [True]


@pytest.mark.parametrize("value", [b"a\r\nb: c", b"a\nb", b"a\r"])
def test_a_header_never_ends_its_line(value: bytes) -> None:
    with pytest.raises(ValueError, match="line break"):
        answer.text(400, "x", [(b"content-range", value)])
