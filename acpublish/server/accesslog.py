"""One log line for each response, with the device and its version, if it sent them.

The logging module would take longer for a line than the server for an up-to-date check.
"""

from __future__ import annotations

import asyncio
import time
from functools import lru_cache

from acpublish.release.secrets import masked_query
from acpublish.server.answer import Answer, Request
from acpublish.server.logwriter import LogWriter
from acpublish.wire import NO_MAC

_FLUSH_AFTER_S = 0.2
#: No genuine target is longer; the rest is not shown.
_SHOWN_BYTES = 1024
#: How many targets are remembered as they are shown: 1.5 MB at most.
_MAX_TARGETS = 1024


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

    def note(self, request: Request, answer: Answer) -> None:
        """Logs the response to a request, without headers and without the secrets of a query."""
        if self._writer is None:
            return
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
        if not self._lines:
            asyncio.get_running_loop().call_later(_FLUSH_AFTER_S, self.flush)
        mac, logged = request.report.mac, answer.logged
        if logged is not None and mac != NO_MAC:
            before, after = logged
            self._lines.append(f"{self._clock} {request.address} {before}{mac}{after}")
            return
        line = _line(request, answer)
        if mac is not None and mac != NO_MAC and line.count(mac) == 1:
            # An answer that is used again belongs to one head, so only this differs.
            before, _, after = line.partition(mac)
            answer.logged = before, after
        self._lines.append(f"{self._clock} {request.address} {line}")

    def flush(self) -> None:
        """Passes the collected lines on."""
        if self._lines and self._writer is not None:
            self._writer.write("".join(self._lines))
            self._lines.clear()


@lru_cache(_MAX_TARGETS)
def _shown(target: bytes) -> str:
    """Returns a target as ASCII, so that no request can write its own line."""
    shown = ascii(target)[2:-1]
    return masked_query(shown) if "?" in shown else shown


def _cut(request: Request) -> str:
    return _shown.__wrapped__(request.target[:_SHOWN_BYTES]) + "..."


def _line(request: Request, answer: Answer) -> str:
    """Returns a line without its beginning, the time and the address."""
    device = _device(request, answer)
    if answer.note:
        notes = f" ({answer.note}; {device})" if device else f" ({answer.note})"
    else:
        notes = f" ({device})" if device else ""
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
