"""Writes the log in a thread, because writing can block: a pipe that nobody reads stops its writer.

1. :meth:`LogWriter.write` never waits. Lines that find the queue full are dropped and counted.
2. When writing goes on, a line tells how many were dropped.
3. The end waits for the rest, but not for long.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import threading
import time
from collections import deque
from typing import TextIO

from acpublish.errors import SettingsError
from acpublish.server.bounds import LOG_QUEUE_BYTES

#: How long the end of the server waits for the rest of the log.
CLOSE_S = 2.0
#: How long to wait before writing again to a pipe that is full and does not block.
_FULL_PIPE_S = 0.05


class LogWriter:
    """Writes lines to a stream in their order, without ever making the caller wait."""

    def __init__(self, stream: TextIO | None, queue_bytes: int = LOG_QUEUE_BYTES) -> None:
        """Starts the thread.

        Args:
            stream: Where lines go; None, as for a service without standard error, for nowhere.
            queue_bytes: How many bytes may wait to be written.
        """
        self._stream = stream
        self._queue_bytes = queue_bytes
        self._lines: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._dropped = 0
        self._closing = False
        self._changed = threading.Condition()
        # The end of the process must not wait for a reader of the log.
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, text: str) -> None:
        """Queues one or more lines, each of which ends with a line break."""
        data = text.encode("utf-8", "backslashreplace")
        with self._changed:
            if self._waiting_bytes + len(data) > self._queue_bytes:
                self._dropped += text.count("\n")
                return
            self._lines.append(data)
            self._waiting_bytes += len(data)
            self._changed.notify()

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """Writes what is queued, and ends the thread.

        Args:
            timeout_s: How long to wait; the rest is given up after that.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._lines and not self._closing:
                    self._changed.wait()
                if not self._lines:
                    return
                data = b"".join(self._lines)
                self._lines.clear()
            # There may no longer be a reader; devices are served all the same.
            with contextlib.suppress(OSError, ValueError):
                self._write(data)
            with self._changed:
                # Only now, so that what is being written counts as waiting.
                self._waiting_bytes -= len(data)
                if self._dropped:
                    self._tell_dropped()

    def _tell_dropped(self) -> None:
        when = time.strftime("%Y-%m-%d %H:%M:%S")
        line = f"{when} WARNING {self._dropped} lines of the log were dropped: nobody read it\n"
        self._dropped = 0
        self._lines.append(line.encode())
        self._waiting_bytes += len(line)

    def _write(self, data: bytes) -> None:
        if self._stream is None:
            return
        try:
            number = self._stream.fileno()
        except io.UnsupportedOperation:
            self._stream.write(data.decode())
            self._stream.flush()
            return
        # Past the stream's own lock, for which the end of Python would wait.
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(number, rest) :]
            except BlockingIOError:
                time.sleep(_FULL_PIPE_S)


class LogHandler(logging.Handler):
    """Passes log records on to a writer."""

    def __init__(self, writer: LogWriter) -> None:
        """Prepares to pass on.

        Args:
            writer: Where the records go.
        """
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        """Queues a record."""
        try:
            self._writer.write(self.format(record) + "\n")
        except Exception:
            # As in logging's own handlers: a faulty record must not end what it is about.
            self.handleError(record)


_LEVELS = ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG")


def level_of(name: str) -> int:
    """Returns the level that a name of :mod:`logging` stands for, in either case.

    Raises:
        SettingsError: There is no such level.
    """
    upper = name.upper()
    if upper not in (*_LEVELS, "WARN", "FATAL", "NOTSET"):
        raise SettingsError(
            f"there is no log level {name!a}", hint=f"Use one of: {', '.join(_LEVELS)}."
        )
    level: int = getattr(logging, upper)
    return level


def configure(level: int, writer: LogWriter, *others: logging.Handler) -> None:
    """Sends the log records of the server, uvicorn and asyncio to a writer, and no others.

    Args:
        level: The lowest level.
        writer: The writer.
        others: What gets the same records.
    """
    handler = LogHandler(writer)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name in ("acpublish", "uvicorn", "asyncio"):
        logger = logging.getLogger(name)
        logger.handlers = [handler, *others]
        logger.setLevel(level)
        logger.propagate = False
    # The server logs its start and its end itself, and strangers must not fill the log.
    logging.getLogger("uvicorn.error").setLevel(max(level, logging.ERROR))
    logging.getLogger("asyncio").setLevel(max(level, logging.WARNING))
