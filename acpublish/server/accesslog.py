"""One log line for each response. Lines are collected for a moment and written together.

The logging module would take longer for a line than the server for an up-to-date check.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TextIO

from acpublish.release.secrets import masked_query
from acpublish.server.http import Request

_FLUSH_AFTER_S = 0.2


class AccessLog:
    """Logs responses."""

    def __init__(self, stream: TextIO | None) -> None:
        """Prepares to log.

        Args:
            stream: Where lines go; None for nowhere.
        """
        self._stream = stream
        self._lines: list[str] = []
        self._second = 0
        self._clock = ""

    def note(self, request: Request, status: int) -> None:
        """Logs the response to a request, without headers and without the secrets of a query."""
        if self._stream is None:
            return
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
        if not self._lines:
            asyncio.get_running_loop().call_later(_FLUSH_AFTER_S, self.flush)
        # The target is shown as ASCII, so that no request can write its own line.
        target = ascii(request.target)[2:-1]
        if "?" in target:
            target = masked_query(target)
        note = f" ({request.note})" if request.note else ""
        line = f"{self._clock} {request.address} {request.method} {target} {status}{note}\n"
        self._lines.append(line)

    def flush(self) -> None:
        """Writes the collected lines."""
        if self._lines and self._stream is not None:
            lines = "".join(self._lines)
            self._lines.clear()
            # There may no longer be a reader; devices are served all the same.
            with contextlib.suppress(OSError, ValueError):
                self._stream.write(lines)
                self._stream.flush()
