"""What is tried again, when, and for how long; nothing is sent."""

from __future__ import annotations

import ssl
from http.client import RemoteDisconnected

import pytest
import requests

from acpublish.client import retry
from acpublish.client.address import parse_address
from acpublish.client.retry import Patience, Retry, retry_after_s, retrying, translated_errors
from acpublish.errors import SettingsError, UnreachableError
from tests.unit.client.asking import body_of, transport
from tests.unit.client.scripted import head, scripted

ADDRESS = parse_address("http://me:s3cret@127.0.0.1:1", token=None, insecure_http=False)
FINAL = UnreachableError("it failed", hint="")


class Clock:
    """Time that passes only while something waits."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(retry.time, "monotonic", clock.monotonic)
    monkeypatch.setattr(retry.time, "sleep", clock.sleep)
    return clock


def waits(clock: Clock, patience: Patience, retry_after: float | None = None) -> list[float]:
    """Returns the waits of an attempt that never succeeds."""

    def attempt(end: float) -> None:
        raise Retry(FINAL, retry_after)

    clock.waits = []
    with pytest.raises(UnreachableError, match="it failed"):
        retrying(attempt, patience)
    return clock.waits


def test_waits_double_with_up_to_half_of_each_taken_off(clock: Clock) -> None:
    for _ in range(20):
        first, second, third = waits(clock, Patience(first_wait_s=1.0))
        assert 0.5 <= first <= 1.0
        assert 1.0 <= second <= 2.0
        assert 2.0 <= third <= 4.0


def test_clients_that_failed_together_do_not_come_back_together(clock: Clock) -> None:
    clients = [waits(clock, Patience(first_wait_s=1.0)) for _ in range(20)]
    for each in zip(*clients, strict=True):
        assert len({round(wait, 4) for wait in each}) > 10
    busy = [waits(clock, Patience(total_s=60.0), retry_after=5.0)[0] for _ in range(20)]
    assert min(busy) >= 5.25
    assert max(busy) <= 5.5
    assert len({round(wait, 4) for wait in busy}) > 10


def test_no_attempt_begins_after_the_patience(clock: Clock) -> None:
    begun = []

    def attempt(end: float) -> None:
        begun.append(clock.now)
        assert end == 110.0
        clock.now += 4.0
        raise Retry(FINAL)

    with pytest.raises(UnreachableError):
        retrying(attempt, Patience(attempts=9, total_s=10.0))
    assert len(begun) > 1
    assert max(begun) <= 110.0


def test_a_wait_beyond_the_patience_is_not_begun(clock: Clock) -> None:
    assert waits(clock, Patience(total_s=10.0), retry_after=10.0) == []


def test_the_number_of_attempts_is_limited(clock: Clock) -> None:
    assert len(waits(clock, Patience(attempts=3, total_s=600.0))) == 2
    with pytest.raises(SettingsError, match="no attempt is allowed"):
        retrying(lambda end: None, Patience(attempts=0))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("99999999", 99999999.0),
        (None, None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("\u0665", None),
        ("9" * 9, None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
    ],
)
def test_retry_after_in_seconds(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header) == seconds


@pytest.mark.parametrize("status", [*range(400, 430), *range(500, 512)])
def test_which_statuses_are_tried_again(status: int) -> None:
    expected = 2 if status in (429, 500, 502, 503, 504) else 1
    patience = Patience(attempts=2, first_wait_s=0.001)
    with scripted([head(f"{status} No")]) as server:
        with pytest.raises(Exception, match=str(status) if status not in (409, 422) else "refuses"):
            transport(server.url, patience=patience).exchange("GET", "/x", body_of)
        assert len(server.requests) == expected


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "connection refused"),
        (requests.exceptions.ReadTimeout("Read timed out."), "no response in time"),
        (requests.exceptions.ConnectionError("a page of text"), "the connection broke"),
        (
            requests.exceptions.ConnectionError(OSError(113, "No route to s3cret")),
            "no route to ***",
        ),
    ],
)
def test_errors_of_the_connection_are_tried_again(fault: Exception, reason: str) -> None:
    with pytest.raises(Retry) as caught, translated_errors(ADDRESS):
        raise fault
    assert str(caught.value.final).startswith(f"http://127.0.0.1:1 cannot be reached: {reason}")
    assert caught.value.retry_after_s is None


def test_a_certificate_and_a_bad_proxy_are_not_tried_again() -> None:
    untrusted = requests.exceptions.SSLError(ssl.SSLError(1, "certificate verify failed"))
    trusted = "cannot be trusted: certificate verify failed"
    with pytest.raises(UnreachableError, match=trusted), translated_errors(ADDRESS):
        raise untrusted
    sent = "no request can be sent to"
    with pytest.raises(SettingsError, match=sent), translated_errors(ADDRESS):
        raise requests.exceptions.InvalidProxyURL("no proxy")


@pytest.mark.parametrize(
    ("scheme", "fault", "hint"),
    [
        ("http", ConnectionResetError(104, "reset"), " If that port speaks TLS, use https://h:1."),
        ("http", RemoteDisconnected("no response"), " If that port speaks TLS, use https://h:1."),
        ("https", ConnectionResetError(104, "reset"), " If that port has no TLS, use http://h:1."),
        ("http", ConnectionRefusedError(111, "refused"), ""),
        ("http", requests.exceptions.ReadTimeout("Read timed out."), ""),
    ],
)
def test_a_connection_that_breaks_may_need_the_other_scheme(
    scheme: str, fault: Exception, hint: str
) -> None:
    address = parse_address(f"{scheme}://h:1/firmware", token=None, insecure_http=False)
    with pytest.raises(Retry) as caught, translated_errors(address):
        raise requests.exceptions.ConnectionError(fault)
    assert isinstance(caught.value.final, UnreachableError)
    assert caught.value.final.hint == (
        f"Check the URL, the network, and that the server is running.{hint}"
    )


def test_what_does_not_speak_tls_is_named_in_words() -> None:
    secure = parse_address("https://127.0.0.1:8000", token=None, insecure_http=False)
    fault = ssl.SSLEOFError(8, "[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred (_ssl.c:1006)")
    with pytest.raises(UnreachableError) as caught, translated_errors(secure):
        raise requests.exceptions.SSLError(fault)
    assert caught.value.problem == (
        "https://127.0.0.1:8000 cannot be reached: it does not respond with TLS"
    )
    assert caught.value.hint == "If that port has no TLS, use http://127.0.0.1:8000."
