"""The rules for responses: what an updater needs from headers and body. Nothing is sent.

Sources: ``ESP8266httpUpdate.cpp`` and ``HTTPUpdate.cpp`` (``handleUpdate``),
``AutoConnectUpdate.cpp``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import timezone
from email.utils import parsedate_to_datetime

from acpublish.doctor.findings import Finding, error, warning
from acpublish.emulator.connection import DeviceResponse
from acpublish.wire import MAX_IMAGE_HEADER_BYTES

_MD5 = re.compile(r"[0-9a-fA-F]{32}\Z")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEEP_LENGTH = (
    "In the proxy, turn off anything that changes or splits response bodies (nginx: gzip off; "
    "ssi off; no sub_filter), so that the server's Content-Length is kept."
)
#: The difference between two clocks that nobody notices.
CLOCK_S = 60.0


def check_framing(what: str, answer: DeviceResponse) -> Iterator[Finding]:
    """Finds what prevents a device from reading a body at all.

    Args:
        what: What was requested, as the subject of a sentence.
        answer: The response, of any status.
    """
    if answer.status in _REDIRECTS:
        yield _redirected(what, answer)
        return
    if answer.status != 200:
        return
    encoding = answer.header("Content-Encoding").lower()
    if encoding not in ("", "identity"):
        yield error(
            "encoding",
            f"{what} is sent with Content-Encoding: {encoding}, which no updater can decode",
            "Turn off compression for devices (nginx: gzip off; brotli off;).",
        )
    if answer.header("Transfer-Encoding"):
        yield error(
            "chunked",
            f"{what} is sent in chunks (Transfer-Encoding), and updaters take the chunk framing "
            "for content",
            _KEEP_LENGTH,
        )
    elif answer.size < 0:
        yield error("length", f"{what} is sent without a Content-Length", _KEEP_LENGTH)


def check_body(name: str, what: str, answer: DeviceResponse) -> Iterator[Finding]:
    """Finds a body that is not what was requested, or not all of it.

    Args:
        name: The name of the check.
        what: What was requested, as the subject of a sentence.
        answer: The response, with its body read.
    """
    if answer.status != 200:
        return
    count, size = len(answer.received), answer.size
    html = answer.header("Content-Type").lower().startswith(("text/html", "application/xhtml"))
    if html or answer.received.lstrip()[:1] == b"<":
        yield error(
            name,
            f"{what} is a web page, such as the login page of a proxy or of a guest network",
            "Let devices through without a login, because they cannot fill in a form; and check "
            "the URL.",
        )
    elif count < size and answer.stalled:
        yield error(
            name,
            f"{what} stalls: nothing follows the first {count} of {size} bytes",
            "Look at the server's log, and at its disk and network. In a proxy, turn off limits of "
            "the rate (nginx: no limit_rate).",
        )
    elif count < size:
        yield error(
            name,
            f"{what} is truncated: the connection ends after {count} of {size} bytes",
            "Look at the logs of the server and of a proxy in front of it (nginx: error_log), and "
            "raise its limits of time and size.",
        )


def _redirected(what: str, answer: DeviceResponse) -> Finding:
    to = answer.header("Location").split("?")[0]
    to_tls = to.lower().startswith("https:") and not answer.secure
    where = "https" if to_tls else "another URL"
    return error(
        "redirect",
        f"{what} is redirected to {where} (status {answer.status}), and updaters do not follow "
        "redirects",
        "Serve devices without a redirect: in nginx, use a server block for their port without "
        "return 301 https://…; and without rewrite.",
    )


def check_digest(answer: DeviceResponse, body: bytes) -> Iterator[Finding]:
    """Checks that a device can detect a damaged download.

    Args:
        answer: The response with an image.
        body: The image.
    """
    md5 = answer.header("x-MD5")
    if not md5:
        yield error(
            "md5",
            "an image is sent without x-MD5, so devices will flash even a damaged download",
            "Serve the catalog with acpublish serve; in nginx, remove proxy_hide_header x-MD5;.",
        )
    elif "," in md5:
        yield error(
            "md5",
            "an image is sent with two x-MD5 headers, which makes this update and the next one "
            "fail",
            "Remove add_header x-MD5 from the proxy: the server sends its own.",
        )
    elif not _MD5.match(md5):
        yield error(
            "md5",
            "an image is sent with an x-MD5 that is not 32 hex digits, so its update fails",
            "Serve the catalog with acpublish serve, which computes it.",
        )
    elif md5.lower() != hashlib.md5(body, usedforsecurity=False).hexdigest():
        yield error(
            "md5",
            "the x-MD5 of an image does not match the bytes that are sent, so its update fails",
            "In the proxy, turn off anything that changes or caches images (nginx: proxy_cache "
            "off; no sub_filter).",
        )


def check_size(answer: DeviceResponse) -> Iterator[Finding]:
    """Checks that the headers of an image fit in the first TCP segment with room to spare.

    Args:
        answer: The response with an image.
    """
    if answer.head_bytes > MAX_IMAGE_HEADER_BYTES:
        yield warning(
            "headers",
            f"the headers of an image take {answer.head_bytes} bytes; with more than "
            f"{MAX_IMAGE_HEADER_BYTES}, a segment may end 1 to 3 bytes after them, and the update "
            "then fails",
            "Remove from the proxy whatever adds headers for devices (nginx: add_header).",
        )


def check_clock(answer: DeviceResponse, before_s: float, after_s: float) -> Iterator[Finding]:
    """Compares the server's clock with this machine's.

    Args:
        answer: A response of any status.
        before_s: This machine's clock before the request, in seconds since 1970.
        after_s: The same after the response.
    """
    try:
        date = parsedate_to_datetime(answer.header("Date"))
    except (TypeError, ValueError):
        yield warning(
            "clock",
            "the responses have no valid Date, so the server's clock is unknown",
            "Configure the proxy to pass on the server's Date.",
        )
        return
    there_s = date.replace(tzinfo=date.tzinfo or timezone.utc).timestamp()
    ahead_s = max(there_s - after_s, 0.0) + min(there_s - before_s, 0.0)
    if abs(ahead_s) > CLOCK_S:
        yield error(
            "clock",
            f"the server's clock is {_span(abs(ahead_s))} {'ahead of' if ahead_s > 0 else 'behind'}"
            " this machine's, so dates are wrong, and the newest release may not be listed first",
            "Synchronise the one that is wrong: timedatectl set-ntp true.",
        )


def _span(seconds: float) -> str:
    # A Date has no fractions of a second.
    seconds = round(seconds / 10) * 10
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
