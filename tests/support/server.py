"""A real server process, and raw exchanges with it: what a device sends, byte for byte."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

START_S = 30.0
#: Starts the process of a server. The tests replace it (conftest.py), the benchmarks do not.
start: Callable[..., Any] = subprocess.Popen
PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer, taken apart as strictly as a device does it."""

    status: int
    head: bytes
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @classmethod
    def parse(cls, raw: bytes) -> Answer:
        """Takes the bytes of one answer apart."""
        head, found, body = raw.partition(b"\r\n\r\n")
        assert found, raw[:200]
        status_line, *lines = head.decode("latin-1").split("\r\n")
        assert status_line.startswith("HTTP/1.1 "), status_line
        headers = [line.split(": ", 1) for line in lines]
        return cls(
            status=int(status_line.split()[1]),
            head=head + found,
            headers=tuple((name.lower(), value) for name, value in headers),
            body=body,
        )

    def all(self, name: str) -> list[str]:
        """Returns the values of every header of a name."""
        return [value for key, value in self.headers if key == name.lower()]

    def one(self, name: str) -> str:
        """Returns the value of a header that must be there once."""
        values = self.all(name)
        assert len(values) == 1, (name, self.headers)
        return values[0]


class RunningServer:
    """A server process that listens."""

    def __init__(self, process: subprocess.Popen[bytes], line: str, log: Path) -> None:
        self.process = process
        self.line = line
        self.log_path = log
        self.url = line.rpartition(" at ")[2].strip()
        parts = urlsplit(self.url)
        self.host, self.port = parts.hostname or "", parts.port or 0

    def log(self) -> str:
        """Returns what the server wrote to stderr."""
        return self.log_path.read_text()

    def logs(self, text: str) -> bool:
        """Returns whether the log contains a string; a thread may write it after the response."""
        end = time.monotonic() + PATIENCE_S
        while text not in self.log():
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def log_so_far(self) -> str:
        """Returns the log with all lines up to now, which a thread writes in their order."""
        mark = f"/end-of-log-{os.urandom(8).hex()}"
        self.get(mark)
        assert self.logs(mark)
        return self.log()

    def end(self) -> str:
        """Ends the server, which writes the last lines of its log then, and returns the log."""
        self.signal(signal.SIGTERM)
        assert self.wait() == 0
        return self.log()

    def connect(self) -> socket.socket:
        """Opens a connection."""
        return socket.create_connection((self.host, self.port), PATIENCE_S)

    def send(self, raw: bytes) -> bytes:
        """Sends bytes, and returns all that comes until the server closes."""
        with self.connect() as connection:
            connection.sendall(raw)
            return read_all(connection)

    def ask(self, raw: bytes) -> Answer:
        """Sends one request that ends its connection, and returns the answer."""
        return Answer.parse(self.send(raw))

    def get(self, target: bytes | str, *headers: str, method: str = "GET") -> Answer:
        """Asks as an HTTP/1.0 client that is no device."""
        target = target.encode() if isinstance(target, str) else target
        lines = "".join(f"{header}\r\n" for header in ("Host: localhost", *headers))
        return self.ask(
            method.encode() + b" " + target + b" HTTP/1.0\r\n" + lines.encode() + b"\r\n"
        )

    def signal(self, number: int) -> None:
        """Sends a signal."""
        self.process.send_signal(number)

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        """Waits for the end, and returns the exit status."""
        return self.process.wait(timeout_s)


def read_all(connection: socket.socket) -> bytes:
    """Reads until the other side closes."""
    parts = []
    while part := connection.recv(256 * 1024):
        parts.append(part)
    return b"".join(parts)


def read_answer(connection: socket.socket, *, head: bool = False) -> Answer:
    """Reads exactly one answer of a connection that stays open."""
    raw = b""
    while b"\r\n\r\n" not in raw:
        part = connection.recv(1)
        assert part, raw
        raw += part
    answer = Answer.parse(raw)
    left = 0 if head or answer.status == 304 else int(answer.one("content-length"))
    while left:
        part = connection.recv(left)
        assert part
        raw += part
        left -= len(part)
    return Answer.parse(raw)


@contextlib.contextmanager
def running_server(
    catalog: Path,
    tmp: Path,
    *options: str,
    env: dict[str, str] | None = None,
    stderr: int | None = None,
) -> Iterator[RunningServer]:
    """Runs ``acpublish serve`` on a free loopback port, and ends it.

    Args:
        catalog: What to serve.
        tmp: Where the log and, unless an option says otherwise, the state go.
        options: Further options of the command.
        env: Further environment variables.
        stderr: A descriptor for the log, in place of a file.
    """
    command = [
        *(sys.executable, "-m", "acpublish", "serve", "--bind", "127.0.0.1", "--port", "0"),
        *("--catalog", str(catalog), "--state", str(tmp / "state"), *options),
    ]
    with running_command(command, tmp, env=env, stderr=stderr) as server:
        yield server


@contextlib.contextmanager
def running_command(
    command: list[str],
    tmp: Path,
    *,
    env: dict[str, str] | None = None,
    stderr: int | None = None,
) -> Iterator[RunningServer]:
    """Runs a command that serves, and ends it; the log goes to a file, or to a descriptor."""
    log = tmp / f"server-{len(list(tmp.glob('server-*.log')))}.log"
    with log.open("wb") as file:
        process = start(
            command,
            stdout=subprocess.PIPE,
            stderr=file if stderr is None else stderr,
            env={**os.environ, **(env or {})},
        )
    try:
        line = _first_line(process)
        assert line.startswith("acpublish: serving "), (line, log.read_text())
        yield RunningServer(process, line, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _first_line(process: subprocess.Popen[bytes]) -> str:
    lines: queue.Queue[bytes] = queue.Queue()
    stdout = process.stdout
    assert stdout is not None
    threading.Thread(target=lambda: lines.put(stdout.readline()), daemon=True).start()
    try:
        return lines.get(timeout=START_S).decode()
    except queue.Empty:
        return ""
