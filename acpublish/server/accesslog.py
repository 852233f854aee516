"""One line for each answer. Lines are collected for a moment and written together.

The logging module would take longer for its line than the server for an up-to-date check.
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
    """Notes answers.

    Args:
        stream: Where lines go; None for nowhere.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._lines: list[str] = []
        self._second = 0
        self._clock = ""

    def note(self, request: Request, status: int) -> None:
        """Notes the answer to a request; no header, and no secret of a query."""
        if self._stream is None:
            return
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
        if not self._lines:
            asyncio.get_running_loop().call_later(_FLUSH_AFTER_S, self.flush)
        # The target is shown as ASCII, so that no request can write a line of its own.
        target = ascii(request.target)[2:-1]
        if "?" in target:
            target = masked_query(target)
        note = f" ({request.note})" if request.note else ""
        line = f"{self._clock} {request.address} {request.method} {target} {status}{note}\n"
        self._lines.append(line)

    def flush(self) -> None:
        """Writes what was collected."""
        if self._lines and self._stream is not None:
            text = "".join(self._lines)
            self._lines.clear()
            # Nobody may be reading any more; devices are served all the same.
            with contextlib.suppress(OSError, ValueError):
                self._stream.write(text)
                self._stream.flush()
