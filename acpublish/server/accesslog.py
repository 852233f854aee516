"""One log line for each response, with the device and its version, if it sent them.

The logging module would take longer for a line than the server for an up-to-date check.
"""

from __future__ import annotations

import asyncio
import re
import time
from functools import lru_cache

from acpublish.release.secrets import masked_query
from acpublish.server.answer import Answer, Request
from acpublish.server.logwriter import LogWriter
from acpublish.server.proxy_header import PROXY_SIGNATURE
from acpublish.wire import NO_MAC

_FLUSH_AFTER_S = 0.2
#: How a client begins TLS: a record of a handshake (RFC 8446, section 5.1).
_TLS = b"\x16\x03"
#: No genuine target is longer; the rest is not shown.
_SHOWN_BYTES = 1024
#: How many targets are remembered as they are shown: 1.5 MB at most.
_MAX_TARGETS = 1024
#: The digits of a secret path, also a mistyped or encoded one; the log shows six of them.
_DIGIT = r"(?:[0-9A-Fa-f]|%[0-9A-Fa-f]{2})"
_HIDDEN = re.compile(rf"((?:u|%75|%55)(?:/|%2f){{1,4}}{_DIGIT}{{6}}){_DIGIT}{{6,}}", re.IGNORECASE)


class AccessLog:
    """Logs responses."""

    def __init__(self, writer: LogWriter | None) -> None:
        """Prepares to log.

        Args:
            writer: Where lines go; None for nowhere.
        """
        self._writer = writer
        self._lines: list[str] = []
        self._second = 0
        self._clock = ""

    def note(self, request: Request, answer: Answer, cut: str = "") -> None:
        """Logs the response to a request, without headers and without the secrets of a query.

        Args:
            request: The request.
            answer: The answer to it.
            cut: What became of the response if it was not sent whole, empty if it was.
        """
        if self._writer is None:
            return
        self._begin()
        mac, logged = request.report.mac, answer.logged
        if logged is not None and mac != NO_MAC and not cut:
            before, after = logged
            self._lines.append(f"{self._clock} {request.address} {before}{mac}{after}")
            return
        line = _line(request, answer, cut)
        if mac is not None and mac != NO_MAC and line.count(mac) == 1 and not cut:
            # An answer that is used again belongs to one head, so only this differs.
            before, _, after = line.partition(mac)
            answer.logged = before, after
        self._lines.append(f"{self._clock} {request.address} {line}")

    def refused(self, address: str | None, response: bytes, reason: str, begins: bytes) -> None:
        """Logs what is not a request that the server reads.

        Args:
            address: Where it came from.
            response: What it was answered with.
            reason: What is wrong.
            begins: Its first bytes, by which some mistakes are known.
        """
        if self._writer is None:
            return
        self._begin()
        status = response[9:12].decode()
        if begins.startswith((b"PROXY ", PROXY_SIGNATURE)):
            reason = f"it begins with a PROXY header; for a proxy: --proxy-protocol {address}"
        elif begins.startswith(_TLS):
            reason = "it begins TLS, which this port does not have"
        self._lines.append(f"{self._clock} {address} - {status} ({reason})\n")

    def _begin(self) -> None:
        """Prepares for a line."""
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
        if not self._lines:
            asyncio.get_running_loop().call_later(_FLUSH_AFTER_S, self.flush)

    def flush(self) -> None:
        """Passes the collected lines on."""
        if self._lines and self._writer is not None:
            self._writer.write("".join(self._lines))
            self._lines.clear()


@lru_cache(_MAX_TARGETS)
def _shown(target: bytes) -> str:
    """Returns a target as ASCII, so that no request can write its own line, without secrets."""
    shown = ascii(target)[2:-1]
    shown = _HIDDEN.sub(r"\1...", shown)
    return masked_query(shown) if "?" in shown else shown


def _cut(request: Request) -> str:
    return _shown.__wrapped__(request.target[:_SHOWN_BYTES]) + "..."


def _line(request: Request, answer: Answer, cut: str) -> str:
    """Returns a line without its beginning, the time and the address."""
    parts = "; ".join(part for part in (cut, answer.note, _device(request, answer)) if part)
    notes = f" ({parts})" if parts else ""
    shown = _shown(request.target) if len(request.target) <= _SHOWN_BYTES else _cut(request)
    return f"{request.method} {shown} {answer.status}{notes}\n"


def _device(request: Request, answer: Answer) -> str:
    """Returns which device sent a request, and its version; empty if it is not an updater."""
    report = request.report
    if not report.updater:
        return ""
    # Both are shown as ASCII, so that no device can write its own line.
    named = report.mac and report.mac != NO_MAC
    name = f"device {ascii(report.mac)[1:-1]}" if named else "a device without a MAC address"
    if answer.running:
        return f"{name} runs {answer.running}"
    return f"{name} reports {ascii(report.version)[1:-1]}" if report.version else name
