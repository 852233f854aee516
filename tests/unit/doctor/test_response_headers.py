"""The rules alone, on response headers as a device reads them."""

from __future__ import annotations

import hashlib
import inspect
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import pytest

from acpublish.doctor.response_headers import check_clock, check_digest, check_framing, check_size
from acpublish.wire import MAX_IMAGE_HEADER_BYTES

BODY = b"image"
MD5 = hashlib.md5(BODY).hexdigest()
NOON_S = 1_800_000_000.0


def response(status: int = 200, size: int = 5, head_bytes: int = 100, **headers: str) -> Any:
    """Returns a response with what the rules look at; ``_`` in names is ``-``."""
    values = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    return SimpleNamespace(
        status=status,
        size=size,
        head_bytes=head_bytes,
        secure=False,
        header=lambda name: values.get(name.lower(), ""),
    )


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (response(), []),
        (response(Content_Encoding="identity"), []),
        (response(Content_Encoding="GZIP"), ["encoding"]),
        (response(size=-1), ["length"]),
        (response(size=-1, Transfer_Encoding="chunked"), ["chunked"]),
        (response(Content_Encoding="br", size=-1), ["encoding", "length"]),
        (response(301, Location="https://h/?token=secret"), ["redirect"]),
        (response(304, size=-1), []),
        (response(404, Content_Encoding="gzip", size=-1), []),
    ],
)
def test_framing(given: Any, names: list[str]) -> None:
    findings = list(check_framing("an image", given))
    assert [finding.name for finding in findings] == names
    assert all(finding.what.startswith("an image is ") for finding in findings)
    assert "secret" not in repr(findings)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_says_where_it_leads(status: int) -> None:
    (elsewhere,) = check_framing("it", response(status, Location="/other"))
    (secure,) = check_framing("it", response(status, Location="HTTPS://h/"))
    assert f"to another URL (status {status})" in elsewhere.what
    assert f"to https (status {status})" in secure.what


@pytest.mark.parametrize(
    ("md5", "words"),
    [
        ("", "without x-MD5"),
        (f"{MD5}, {MD5}", "two x-MD5 headers"),
        ("abc", "not 32 hex digits"),
        (f"{MD5}\n", "not 32 hex digits"),
        ("0" * 32, "does not match"),
    ],
)
def test_a_digest_that_does_not_protect(md5: str, words: str) -> None:
    (finding,) = check_digest(response(x_MD5=md5), BODY)
    assert words in finding.what


@pytest.mark.parametrize("md5", [MD5, MD5.upper()])
def test_a_digest_that_matches(md5: str) -> None:
    assert list(check_digest(response(x_MD5=md5), BODY)) == []


def test_the_longest_headers_that_are_safe() -> None:
    assert list(check_size(response(head_bytes=MAX_IMAGE_HEADER_BYTES))) == []
    (finding,) = check_size(response(head_bytes=MAX_IMAGE_HEADER_BYTES + 1))
    assert f"take {MAX_IMAGE_HEADER_BYTES + 1} bytes" in finding.what


@pytest.mark.parametrize(
    ("ahead_s", "words"),
    [
        (0, ""),
        (59, ""),
        (-59, ""),
        (90, "90 seconds ahead of"),
        (-150, "2 minutes behind"),
        (3 * 3600, "3 hours ahead of"),
        (-5 * 86400, "5 days behind"),
    ],
)
def test_a_clock_that_differs(ahead_s: float, words: str) -> None:
    date = formatdate(NOON_S + ahead_s, usegmt=True)
    findings = check_clock(response(Date=date), NOON_S - 1, NOON_S + 1)
    assert inspect.isgenerator(findings)
    whats = [finding.what for finding in findings]
    assert len(whats) == bool(words)
    assert not words or words in whats[0]


@pytest.mark.parametrize("date", ["", "yesterday", "Fri, 99 Nov 2026 10:00:00 GMT"])
def test_a_date_that_cannot_be_read(date: str) -> None:
    (finding,) = check_clock(response(Date=date), NOON_S, NOON_S)
    assert "no valid Date" in finding.what
