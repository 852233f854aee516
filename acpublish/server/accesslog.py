"""One log line for each response, with the device and its version, if it sent them.

The logging module would take longer for a line than the server for an up-to-date check.
"""

from __future__ import annotations

import asyncio
import time

from acpublish.release.secrets import masked_query
from acpublish.server.http import Request
from acpublish.server.logwriter import LogWriter
from acpublish.wire import NO_MAC

_FLUSH_AFTER_S = 0.2
#: No genuine target is longer; the rest is not shown.
_SHOWN_BYTES = 1024


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

    def note(self, request: Request, status: int) -> None:
        """Logs the response to a request, without headers and without the secrets of a query."""
        if self._writer is None:
            return
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
        if not self._lines:
            asyncio.get_running_loop().call_later(_FLUSH_AFTER_S, self.flush)
        # The target is shown as ASCII, so that no request can write its own line.
        target = ascii(request.target[:_SHOWN_BYTES])[2:-1]
        if "?" in target:
            target = masked_query(target)
        if len(request.target) > _SHOWN_BYTES:
            target += "..."
        notes = "; ".join(filter(None, (request.note, _device(request))))
        note = f" ({notes})" if notes else ""
        line = f"{self._clock} {request.address} {request.method} {target} {status}{note}\n"
        self._lines.append(line)

    def flush(self) -> None:
        """Passes the collected lines on."""
        if self._lines and self._writer is not None:
            self._writer.write("".join(self._lines))
            self._lines.clear()


def _device(request: Request) -> str:
    """Returns which device sent a request, and its version; empty if it is not an updater."""
    report = request.report
    if not report.updater:
        return ""
    # Both are shown as ASCII, so that no device can write its own line.
    named = report.mac and report.mac != NO_MAC
    name = f"device {ascii(report.mac)[1:-1]}" if named else "a device without a MAC address"
    if request.running is not None:
        return f"{name} runs {request.running}"
    return f"{name} reports {ascii(report.version)[1:-1]}" if report.version else name
