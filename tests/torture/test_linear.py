"""What sees a stranger's text takes time in proportion to its length.

The length is doubled three times. That makes eight times the work for anything linear, and 64 times
for what is quadratic; the limit lies between, far from both, and the best of several runs counts.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import pytest

from acpublish.errors import AcpublishError, RequestError
from acpublish.redact import has_bare_password, redact, redact_broken, without_query
from acpublish.release import names
from acpublish.release.secrets import masked_macros, masked_option, masked_query
from acpublish.release.version import Version
from acpublish.server.accesslog import _shown
from acpublish.server.device_access import AccessRules, _listed, basic
from acpublish.server.device_secrets import StoredAccess
from acpublish.server.hosts import OwnHosts
from acpublish.server.image_headers import requested_range, unmet_condition
from acpublish.server.listing import _paths
from acpublish.server.pages.multipart import MultipartReader
from acpublish.server.partial_downloads import PartialDownloads
from acpublish.server.proxy_header import ProxyHeaderError, missing_bytes, read_proxy_header
from acpublish.server.request_head import (
    BadRequestError,
    RequestHeads,
    TooLongError,
    head_end,
    read_head,
)
from acpublish.server.update_address import update_address
from acpublish.wire import read_report
from tests.unit.server.requests_made import request

FACTOR = 8
LIMIT = 24
#: Long enough for a clock, and short enough for what was quadratic before: 0.8 s with 8,000.
CHARACTERS = 1000
#: Below this, the clock and the calls around it count for more than the text.
SHORTEST_S = 30e-6
RUNS = 3
HOSTS = OwnHosts()
NO_PATHS = AccessRules(StoredAccess())


def head(text: str) -> None:
    value = text.encode()
    for data in (
        b"GET " + value + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        value,
        value + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + value + b": x\r\n\r\n",
        b"GET / HTTP/1.1\r\nx: " + value + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nConnection: " + value + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n"
        + b"\r\n".join([b"x: " + value[:20]] * (len(value) // 20))
        + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"x-ESP32-MAC: 1\r\n" * (len(value) // 16) + b"\r\n",
        b"GET / HTTP/1.1\r\nx" + b"-MAC: 1" * (len(value) // 7) + b"\r\n\r\n",
    ):
        heads = RequestHeads()
        with contextlib.suppress(TooLongError, BadRequestError):
            head_end(data)
        heads.known(data)
        with contextlib.suppress(BadRequestError):
            heads.remember(data, read_head(data))


def report(text: str) -> None:
    value = text.encode()
    names = (b"version", b"sta-mac", b"sketch-md5", b"free-space", b"mode", b"sdk-version")
    read_report([(b"x-esp8266-" + name, value) for name in names])
    read_report([(b"user-agent", value)])
    read_report([(b"x-esp" + value, value)])


def range_of(text: str) -> None:
    requested_range(request(headers=[(b"range", text.encode())]), 1000)
    requested_range(request(headers=[(b"range", b"bytes=" + text.encode())]), 1000)
    PartialDownloads().mixes(
        request(headers=[(b"range", text.encode())]), "p", "b", "c", "0" * 64, 0.0
    )
    for name in (b"if-match", b"if-none-match", b"if-range"):
        unmet_condition(request(headers=[(name, text.encode())]), "0" * 64)


def update(text: str) -> None:
    update_address(b"/update/" + text.encode(), text.encode())
    update_address(b"/update/a/b", b"channel=" + text.encode())


def host(text: str) -> None:
    HOSTS.url_for(request(headers=[(b"host", text.encode())]))
    HOSTS.url_for(request(headers=[(b"host", b"localhost:" + text.encode())]))


def paths(text: str) -> None:
    _paths.__wrapped__(b"op=list&path=" + text.encode())


def version(text: str) -> None:
    Version.or_none(text)
    for claim in (text, f"1.0.0-{text}_", f"1.0.0+{text}_", f"1.{text}"):
        with contextlib.suppress(AcpublishError):
            Version.parse(claim)


def name(text: str) -> None:
    names.is_name(text)
    names.product_from(text)


def proxy_header(text: str) -> None:
    for data in (text, f"PROXY UNKNOWN {text}\r\n", f"PROXY TCP4 {text}\r\n", f"PROXY TCP6 {text}"):
        for reader in (read_proxy_header, missing_bytes):
            with contextlib.suppress(ProxyHeaderError):
                reader(data.encode())


def device_access(text: str) -> None:
    basic(text.encode())
    basic(b"Basic " + text.encode())
    _shown.__wrapped__(text.encode())
    _shown.__wrapped__(b"/u/" + text.encode())
    _listed(text.encode(), NO_PATHS)


def form_with_files(text: str) -> None:
    value = text.encode()
    for kind in (text, f"multipart/form-data; {text}", f"multipart/form-data; boundary={text}"):
        with contextlib.suppress(RequestError):
            MultipartReader(kind, 1 << 20)
    for body in (
        b"--x\r\nContent-Disposition: form-data; " + value + b"\r\n\r\n",
        b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n' + value,
        b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n'
        + b"\r\n--" * (len(value) // 4),
    ):
        with contextlib.suppress(RequestError):
            MultipartReader("multipart/form-data; boundary=x", 1 << 20).feed(body)


READERS: dict[str, Callable[[str], object]] = {
    "masked_query": masked_query,
    "masked_macros": masked_macros,
    "masked_option": masked_option,
    "redact": redact,
    "redact_broken": redact_broken,
    "has_bare_password": has_bare_password,
    "without_query": without_query,
    "head of a request": head,
    "report": report,
    "PROXY header": proxy_header,
    "range": range_of,
    "update address": update,
    "host": host,
    "device access": device_access,
    "form with files": form_with_files,
    "paths of a list": paths,
    "version": version,
    "name": name,
}
#: What patterns stumble over: each is a repetition of one of these.
PIECES = (
    *("?", "&", "=", "#", "%", "/", " ", "-", ".", ":", "@", "\\", "'", '"', "0", "1", "a", "_"),
    *("?a", "?a=", "&key", "%61/", "a.", "a.a-", "1.", "0.0", "://", "a://", "a:", ":@", "@:"),
    *("Bearer ", "Basic", "acp_", "-----BEGIN ", "-----END ", "-----END A", "-D", "-Da=", "A"),
    *("u/", "/u/", "%75/", "u%2F", "/u/0123456789abcdef", "%30", "u/000000%30"),
    *('-Da=\\"', "-Da='", "http", "http://", "GET ", "HTTP/1.1", "..", "1a", "-1", "+a", "bytes="),
)


def seconds(reader: Callable[[str], object], text: str) -> float:
    best = float("inf")
    for _ in range(RUNS):
        begin = time.process_time()
        reader(text)
        best = min(best, time.process_time() - begin)
    return best


@pytest.mark.parametrize("name", READERS)
def test_longer_text_takes_proportionally_longer(name: str) -> None:
    reader = READERS[name]
    for piece in PIECES:
        text = piece * (CHARACTERS // len(piece))
        for end in ("", "!"):
            short = max(seconds(reader, text + end), SHORTEST_S)
            long = seconds(reader, text * FACTOR + end)
            assert long < LIMIT * short, (name, piece, end, short, long)
