"""Judges the heads of answers by what an updater needs; the rules alone, nothing is sent.

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
from acpublish.emulator.connection import Response
from acpublish.wire import MAX_IMAGE_HEADER_BYTES

_MD5 = re.compile(r"[0-9a-fA-F]{32}\Z")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEEP_LENGTH = (
    "Switch off in the proxy what changes bodies or splits them (nginx: gzip off; ssi off; no "
    "sub_filter), so that the server's Content-Length stays."
)
#: How far two clocks may differ without anybody noticing.
CLOCK_S = 60.0


def judge_head(what: str, answer: Response) -> Iterator[Finding]:
    """Finds what keeps a device from taking a body at all.

    Args:
        what: What was asked for, as the subject of a sentence.
        answer: The answer; its status has not been looked at.
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
            f"{what} comes with Content-Encoding: {encoding}, which no updater undoes",
            "Switch compression off for devices (nginx: gzip off; brotli off;).",
        )
    if answer.header("Transfer-Encoding"):
        yield error(
            "chunked",
            f"{what} comes in chunks (Transfer-Encoding), which updaters take for the content",
            _KEEP_LENGTH,
        )
    elif answer.size < 0:
        yield error("length", f"{what} comes without a Content-Length", _KEEP_LENGTH)


def _redirected(what: str, answer: Response) -> Finding:
    to = answer.header("Location").split("?")[0]
    where = "https" if to.lower().startswith("https:") else "another address"
    return error(
        "redirect",
        f"{what} is redirected to {where} (status {answer.status}), and updaters follow nowhere",
        "Give devices plain http without a redirect: in nginx, a server block for their port "
        "without return 301 https://…; and without rewrite.",
    )


def judge_digest(answer: Response, body: bytes) -> Iterator[Finding]:
    """Finds out whether a device can tell a damaged download.

    Args:
        answer: The answer with an image.
        body: The image.
    """
    given = answer.header("x-MD5")
    if not given:
        yield error(
            "md5",
            "an image comes without x-MD5, so that devices flash a damaged download, too",
            "Serve the catalog with acpublish serve; in nginx, no proxy_hide_header x-MD5;.",
        )
    elif "," in given:
        yield error(
            "md5",
            "an image comes with x-MD5 twice, which makes its update fail, and the next one",
            "Take the add_header x-MD5 out of the proxy: the server sends its own.",
        )
    elif not _MD5.match(given):
        yield error(
            "md5",
            "an image comes with an x-MD5 that is not 32 hex digits, so that its update fails",
            "Serve the catalog with acpublish serve, which computes it.",
        )
    elif given.lower() != hashlib.md5(body, usedforsecurity=False).hexdigest():
        yield error(
            "md5",
            "an image's x-MD5 is not that of the bytes that come, so that its update fails",
            "Let nothing between change or keep images (nginx: proxy_cache off; no sub_filter).",
        )


def judge_size(answer: Response) -> Iterator[Finding]:
    """Finds out whether the head of an image leaves the first segment to the image.

    Args:
        answer: The answer with an image.
    """
    if answer.head_bytes > MAX_IMAGE_HEADER_BYTES:
        yield warning(
            "headers",
            f"the headers of an image take {answer.head_bytes} bytes; with more than "
            f"{MAX_IMAGE_HEADER_BYTES} a segment may end 1 to 3 bytes behind them, and the update "
            "then fails",
            "Take out of the proxy what adds headers for devices (nginx: add_header).",
        )


def judge_clock(answer: Response, before_s: float, after_s: float) -> Iterator[Finding]:
    """Compares the server's clock with this machine's.

    Args:
        answer: An answer of any status.
        before_s: This machine's clock before the request, in seconds since 1970.
        after_s: The same when the answer had come.
    """
    try:
        date = parsedate_to_datetime(answer.header("Date"))
    except (TypeError, ValueError):
        yield warning(
            "clock",
            "the answers have no Date that can be read, so the server's clock is unknown",
            "Let the proxy pass the server's Date on.",
        )
        return
    there_s = date.replace(tzinfo=date.tzinfo or timezone.utc).timestamp()
    ahead_s = max(there_s - after_s, 0.0) + min(there_s - before_s, 0.0)
    if abs(ahead_s) > CLOCK_S:
        yield error(
            "clock",
            f"the server's clock is {_span(abs(ahead_s))} {'ahead of' if ahead_s > 0 else 'behind'}"
            " this machine's, so that dates and newest releases are not what they seem",
            "Set the wrong one by the network: timedatectl set-ntp true.",
        )


def _span(seconds: float) -> str:
    # A Date has no fractions of a second.
    seconds = round(seconds / 10) * 10
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
