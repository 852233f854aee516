"""Each trouble of a live server has a faulty server here, and is named with the line to change."""

from __future__ import annotations

import json
import socket
import time
from email.utils import formatdate

import pytest

from acpublish.doctor.findings import Finding, State
from acpublish.doctor.live_server import check_server
from acpublish.errors import SettingsError
from tests.unit.doctor.faulty import Answer, Fault, Request, entry, faulty

#: What is looked at, of a server that is as it should be.
ALL = [
    "connection",
    "clock",
    "redirect",
    "chunked",
    "encoding",
    "length",
    "catalog",
    "headers",
    "md5",
    "image",
    "up-to-date",
    "slash-less",
    "raw-names",
    "hidden",
    "addresses",
]


def troubles(fault: Fault) -> list[Finding]:
    with faulty(fault) as url:
        found = [one for one in check_server(url) if one.state is not State.OK]
    assert all(one.change.endswith(".") and not one.what.endswith(".") for one in found)
    return found


def the_trouble(fault: Fault) -> Finding:
    found = troubles(fault)
    assert len(found) == 1, found
    return found[0]


def nothing(request: Request, answer: Answer) -> None:
    pass


def test_a_right_server_has_no_trouble() -> None:
    with faulty(nothing) as url:
        found = check_server(url)
    assert [(one.name, one.state) for one in found] == [(name, State.OK) for name in ALL]
    assert all(one.what and not one.change for one in found)


def nginx_refuses(request: Request, answer: Answer) -> None:
    if not request.target.startswith(b"/"):
        answer.status, answer.headers = 400, {"Server": "nginx/1.22.1"}


def another_refuses(request: Request, answer: Answer) -> None:
    if not request.target.startswith(b"/"):
        answer.said = b"nonsense\r\n\r\n"


def raw_names_refused(request: Request, answer: Answer) -> None:
    if b" " in request.target:
        answer.status = 400


def chunked_list(request: Request, answer: Answer) -> None:
    if request.lists:
        del answer.headers["Content-Length"]
        answer.headers["Transfer-Encoding"] = "chunked"
        answer.body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(answer.body), answer.body)


def chunked_image(request: Request, answer: Answer) -> None:
    if request.fetches and answer.status == 200:
        answer.headers["Transfer-Encoding"] = "chunked"


def zipped(request: Request, answer: Answer) -> None:
    answer.headers["Content-Encoding"] = "gzip"


def no_length(request: Request, answer: Answer) -> None:
    if request.fetches and answer.status == 200:
        del answer.headers["Content-Length"]


def to_https(request: Request, answer: Answer) -> None:
    if request.fetches:
        answer.status = 301
        answer.headers["Location"] = "https://host/secret?token=abc"


def elsewhere(request: Request, answer: Answer) -> None:
    if request.fetches:
        answer.status = 307
        answer.headers["Location"] = "/login"


def no_md5(request: Request, answer: Answer) -> None:
    answer.headers.pop("x-MD5", "")


def two_md5s(request: Request, answer: Answer) -> None:
    if "x-MD5" in answer.headers:
        answer.more = f"x-MD5: {answer.headers['x-MD5']}\r\n".encode()


def strange_md5(request: Request, answer: Answer) -> None:
    if "x-MD5" in answer.headers:
        answer.headers["x-MD5"] = "W/abc"


def wrong_md5(request: Request, answer: Answer) -> None:
    if "x-MD5" in answer.headers:
        answer.headers["x-MD5"] = "0" * 32


def listing(*names: str) -> Fault:
    def fault(request: Request, answer: Answer) -> None:
        if request.lists:
            answer.body = json.dumps([entry(name) for name in names]).encode()
            answer.headers["Content-Length"] = str(len(answer.body))

    return fault


def password(request: Request, answer: Answer) -> None:
    if request.lists:
        answer.status = 401


def no_list(request: Request, answer: Answer) -> None:
    if request.lists:
        answer.status = 502


def refused(request: Request, answer: Answer) -> None:
    if request.fetches:
        answer.status = 403


def endless(request: Request, answer: Answer) -> None:
    if request.fetches and answer.status == 304:
        answer.status, answer.body = 200, request.image
        answer.headers["Content-Length"] = str(len(request.image))


def no_304(request: Request, answer: Answer) -> None:
    if request.fetches and answer.status == 304:
        answer.status, answer.headers = 204, {"Content-Length": "0"}


def folder_readable(request: Request, answer: Answer) -> None:
    if request.target == b"/.acpublish/":
        answer.status = 200


def objects_readable(request: Request, answer: Answer) -> None:
    if request.target.startswith(b"/.acpublish/objects/"):
        answer.status = 200


def clock(seconds: float) -> Fault:
    def fault(request: Request, answer: Answer) -> None:
        answer.headers["Date"] = formatdate(time.time() + seconds, usegmt=True)

    return fault


@pytest.mark.parametrize(
    ("fault", "name", "words"),
    [
        (nginx_refuses, "slash-less", "nginx refuses (status 400)"),
        (another_refuses, "slash-less", "the server or a proxy refuses (no HTTP server)"),
        (raw_names_refused, "raw-names", "raw spaces"),
        (chunked_list, "chunked", "the list for AutoConnect is sent in chunks"),
        (chunked_image, "chunked", "an image is sent in chunks"),
        (no_length, "length", "an image is sent without a Content-Length"),
        (to_https, "redirect", "an image is redirected to https (status 301)"),
        (elsewhere, "redirect", "to another URL (status 307)"),
        (no_md5, "md5", "without x-MD5"),
        (two_md5s, "md5", "two x-MD5 headers"),
        (strange_md5, "md5", "not 32 hex digits"),
        (wrong_md5, "md5", "does not match the bytes"),
        (endless, "up-to-date", "reinstalls the image at every check"),
        (no_304, "up-to-date", "does not get 304, but: status 204"),
        (folder_readable, "hidden", "anyone can read /.acpublish/"),
        (objects_readable, "hidden", "anyone can read /.acpublish/"),
        (clock(7200), "clock", "2 hours ahead of this machine's"),
        (clock(-200_000), "clock", "2 days behind this machine's"),
    ],
)
def test_a_trouble_is_named_alone(fault: Fault, name: str, words: str) -> None:
    all_found = troubles(fault)
    found = [one for one in all_found if one.name == name]
    others = {one.name for one in all_found} - {name}
    assert len(found) == 1, found
    assert found[0].state is State.ERROR
    assert words in found[0].what
    assert "secret" not in found[0].what
    # Without a list there is no image to look at.
    assert others == ({"image"} if fault is chunked_list else set())


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (listing(*(f"sketch{number}.bin" for number in range(26))), "26 images"),
        (listing("x" * 140 + ".bin"), "256 bytes"),
        (listing(), "Invalid catalog list: InvalidInput"),
        (password, "cannot send credentials"),
        (no_list, "status 502"),
    ],
)
def test_a_list_that_a_device_cannot_use(fault: Fault, words: str) -> None:
    found = [one for one in troubles(fault) if one.name == "catalog"]
    assert len(found) == 1, found
    assert found[0].state is State.ERROR
    assert words in found[0].what


def test_everything_compressed() -> None:
    found = [one for one in troubles(zipped) if one.name == "encoding"]
    assert [one.what.split(" is sent")[0] for one in found] == [
        "the list for AutoConnect",
        "an image",
    ]
    assert "gzip" in found[0].what


def test_an_image_that_is_refused() -> None:
    found = troubles(refused)
    assert [one.name for one in found] == ["image", "image"]
    assert "ESP8266 does not install" in found[0].what
    assert "Forbidden (403)" in found[0].what


def test_headers_that_are_too_long_are_a_warning() -> None:
    def long(request: Request, answer: Answer) -> None:
        answer.headers["X-Policy"] = "x" * 450

    found = the_trouble(long)
    assert (found.name, found.state) == ("headers", State.WARNING)
    assert "more than 500" in found.what


def test_a_server_that_takes_slash_less_requests_and_finds_nothing_for_them() -> None:
    def lost(request: Request, answer: Answer) -> None:
        if not request.target.startswith(b"/"):
            answer.status, answer.body, answer.headers = 404, b"", {"Content-Length": "0"}

    assert the_trouble(lost).name == "slash-less"


def test_answers_without_a_date() -> None:
    def dateless(request: Request, answer: Answer) -> None:
        answer.headers.pop("Date", "")

    assert the_trouble(dateless).state is State.WARNING


def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    found = check_server(f"http://127.0.0.1:{port}")
    assert [(one.name, one.state) for one in found] == [("connection", State.ERROR)]
    assert "connection failed" in found[0].what


@pytest.mark.parametrize(
    "url", ["ftp://host", "http://host/folder", "https://host/folder", "host", "http://"]
)
def test_an_address_that_no_device_could_ask(url: str) -> None:
    with pytest.raises(SettingsError):
        check_server(url)


def login_page(request: Request, answer: Answer) -> None:
    answer.status, answer.body = 200, b"<!doctype html><title>Sign in</title>"
    answer.headers = {"Date": answer.headers["Date"], "Content-Type": "text/html"}
    answer.headers["Content-Length"] = str(len(answer.body))


def login_page_for_images(request: Request, answer: Answer) -> None:
    if request.fetches:
        login_page(request, answer)


def half_a_list(request: Request, answer: Answer) -> None:
    if request.lists:
        answer.body = answer.body[:-20]


def stalled_list(request: Request, answer: Answer) -> None:
    if request.lists:
        answer.body, answer.pause_s = answer.body[:-20], 10


def list_without_its_end(request: Request, answer: Answer) -> None:
    if request.lists:
        answer.body = answer.body.rstrip(b"]")
        answer.headers["Content-Length"] = str(len(answer.body))


def half_an_image(request: Request, answer: Answer) -> None:
    if request.fetches:
        answer.body = answer.body[:10_000]


def stalled_image(request: Request, answer: Answer) -> None:
    if request.fetches and answer.body:
        answer.body, answer.pause_s = answer.body[:10_000], 10


@pytest.mark.parametrize(
    ("fault", "name", "what"),
    [
        (login_page, "catalog", "the list for AutoConnect is a web page, such as the login page"),
        (login_page_for_images, "image", "is a web page, such as the login page"),
        (
            half_a_list,
            "catalog",
            "the list for AutoConnect is truncated: the connection ends after",
        ),
        (stalled_list, "catalog", "the list for AutoConnect stalls: nothing follows the first"),
        (list_without_its_end, "catalog", "the list for AutoConnect is truncated: it ends without"),
        (half_an_image, "image", "is truncated: the connection ends after 10000 of 20000 bytes"),
        (stalled_image, "image", "stalls: nothing follows the first 10000 of 20000 bytes"),
    ],
)
def test_a_body_that_is_not_what_was_requested_is_named(
    monkeypatch: pytest.MonkeyPatch, fault: Fault, name: str, what: str
) -> None:
    monkeypatch.setattr("acpublish.doctor.probe._STALL_S", 0.3)
    monkeypatch.setattr("acpublish.doctor.probe._LIST_STALL_S", 0.3)
    errors = [one for one in troubles(fault) if one.state is State.ERROR]
    assert {one.name for one in errors} == {name}
    assert all(what in one.what for one in errors)
