from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path

import pytest

from acpublish.errors import UnreachableError, VerificationError
from acpublish.notices import http_post
from acpublish.notices.http_post import PostAnswer, post
from tests.support.certificates import certificates
from tests.support.receiver import Receiver, hang, raw, receiving


@pytest.fixture(scope="module")
def server() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def receiver(server: Receiver) -> Receiver:
    server.deliveries.clear()
    server.answers.clear()
    return server


def send(url: str, body: bytes = b"{}", timeout_s: float = 10.0) -> PostAnswer:
    return asyncio.run(post(url, {"webhook-id": "msg_1"}, body, timeout_s=timeout_s))


def test_a_request_is_sent_as_it_is(receiver: Receiver) -> None:
    assert send(f"{receiver.url}/höök%20a?token=ü&b=%26") == PostAnswer(204)
    (delivery,) = receiver.deliveries
    assert delivery.path == "/h%C3%B6%C3%B6k%20a?token=%C3%BC&b=%26"
    assert delivery.headers["host"] == receiver.url.removeprefix("http://")
    assert delivery.headers["webhook-id"] == "msg_1"
    assert delivery.body == b"{}"


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.answers.append((302, {"location": f"{receiver.url}/elsewhere"}))
    answer = send(f"{receiver.url}/hook")
    assert (answer.status, answer.accepted) == (302, False)
    assert [delivery.path for delivery in receiver.deliveries] == ["/hook"]


@pytest.mark.parametrize(
    ("value", "wait_s"),
    [
        ("120", range(120, 121)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", range(999_999, 1_000_000)),
        ("9" * 30, range(999_999, 1_000_000)),
        *((value, range(1)) for value in ("-5", "tomorrow", "Wed, 21 Oct 2015 07:28:00 GMT", "²")),
    ],
)
def test_an_answer_says_when_to_come_back(receiver: Receiver, value: str, wait_s: range) -> None:
    receiver.answers.append((503, {"Retry-After": value}))
    answer = send(receiver.url)
    assert answer.status == 503
    assert answer.retry_after_s in wait_s


def test_an_answer_says_until_when_to_wait(receiver: Receiver) -> None:
    until = datetime.now(timezone.utc) + timedelta(hours=1)
    receiver.answers.append((503, {"Retry-After": format_datetime(until, usegmt=True)}))
    assert 0 < send(receiver.url).retry_after_s <= 3600


def test_a_receiver_that_hangs_or_dribbles_is_given_up(receiver: Receiver) -> None:
    dribble = raw(*[b"HTTP/1.1 200 OK\r\n", *[b"a: b\r\n"] * 100], pause_s=0.05)
    for answer in (hang, dribble):
        receiver.answers.append(answer)
        with pytest.raises(UnreachableError, match=r"no answer within 0\.5 s"):
            send(receiver.url, timeout_s=0.5)


def test_of_a_huge_body_nobody_waits_for_the_end(receiver: Receiver) -> None:
    body = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", *[b"x" * 65_536] * 10_000)
    receiver.answers.append(body)
    assert send(receiver.url).accepted


def test_answers_before_the_answer_are_passed_over(receiver: Receiver) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n"
    receiver.answers.append(raw(early + b"HTTP/1.1 200 OK\r\n\r\n"))
    assert send(receiver.url) == PostAnswer(200)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"hello\r\n\r\n",
        b"HTTP/1.1 900 No\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 20_000 + b"\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 5_000,
    ],
)
def test_what_is_no_answer_is_one_error(receiver: Receiver, answer: bytes) -> None:
    receiver.answers.append(raw(answer))
    with pytest.raises(UnreachableError, match="the receiver cannot be reached"):
        send(receiver.url)


def test_nobody_listens_and_no_host_has_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(UnreachableError, match=r"[Rr]efused"):
            send(f"http://127.0.0.1:{free.getsockname()[1]}/")

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(http_post.socket, "getaddrinfo", unknown)
    with pytest.raises(UnreachableError, match="name or service not known"):
        send("http://receiver.invalid/")


def test_a_receiver_without_tls_is_one_line(receiver: Receiver) -> None:
    with pytest.raises(UnreachableError, match="cannot be reached: it does not respond with TLS"):
        send(receiver.url.replace("http:", "https:"))


def test_tls_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = certificates(tmp_path)
    with receiving() as receiver:
        receiver.socket = files.context().wrap_socket(receiver.socket, server_side=True)
        url = receiver.url.replace("http:", "https:")
        with pytest.raises(VerificationError, match="trusted: no trusted CA signed its certif"):
            send(url)
        trusting = ssl.create_default_context(cafile=str(files.ca))
        monkeypatch.setattr(http_post, "_context", lambda: trusting)
        assert send(url).accepted
        with pytest.raises(VerificationError, match="is for another name than localhost"):
            send(url.replace("127.0.0.1", "localhost"))
