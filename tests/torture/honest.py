"""The honest client: a device that checks for updates, in a process of its own.

It runs until its standard input ends, and then prints how long 99 of 100 checks took at most, and
the slowest one, in seconds, and how many checks there were. A check that gets no proper response
counts as failed.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAUSE_S = 0.01
#: A device gives up after this time.
PATIENCE_S = 30.0


@dataclass(slots=True)
class Noticed:
    """What the honest client noticed: filled in at its end."""

    p99_s: float = 0.0
    slowest_s: float = 0.0
    checks: int = 0
    failed: int = 0


@contextlib.contextmanager
def honest_client(port: int, target: str) -> Iterator[Noticed]:
    """Runs the honest client for a while."""
    noticed = Noticed()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.torture.honest", str(port), target],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        # It says when it begins, so that it does not miss the attack.
        assert process.stdout.readline() == b"ready\n"
        yield noticed
    finally:
        out, _ = process.communicate(timeout=PATIENCE_S * 2)
    noticed.p99_s, noticed.slowest_s, noticed.checks, noticed.failed = json.loads(out)


def wait_for_store(state: Path) -> None:
    """Waits until a server has stored its first device, for which it makes the store."""
    # The honest client is a process of its own, which does without these.
    from acpublish.errors import StoreError
    from acpublish.store.stored import read

    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        # It is missing at first, and then without a schema.
        with contextlib.suppress(StoreError):
            if read(state).devices:
                return
        time.sleep(0.05)
    raise TimeoutError(state)


def check(port: int, target: str) -> bool:
    """Checks for an update once; returns whether the response is that there is none."""
    request = (
        f"GET {target} HTTP/1.0\r\nHost: 127.0.0.1\r\nUser-Agent: ESP8266-http-Update\r\n"
        "x-ESP8266-STA-MAC: 5C:CF:7F:00:00:01\r\nx-ESP8266-version: 1.0.0\r\n\r\n"
    )
    try:
        with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
            connection.sendall(request.encode())
            return connection.recv(4096).startswith(b"HTTP/1.1 304")
    except OSError:
        return False


def main(port: int, target: str) -> None:
    """Checks again and again until the standard input ends."""
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    times: list[float] = []
    failed = 0
    print("ready", flush=True)
    while not ended.wait(PAUSE_S) or not times:
        begin = time.monotonic()
        failed += not check(port, target)
        times.append(time.monotonic() - begin)
    times.sort()
    print(json.dumps([times[len(times) * 99 // 100], times[-1], len(times), failed]))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
