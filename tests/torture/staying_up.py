"""The promise "it stays up": everything at once, with faults, for as long as one likes.

Devices check and download, clients break off, stall, publish, and send what is not HTTP, while the
catalog is changed and parts of it vanish for a moment. After a while, memory, descriptors and
threads may not grow any more, and in the end, no connection may have left anything behind.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import socket
import statistics
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from acpublish.errors import AcpublishError
from acpublish.image.stamper import stamp
from acpublish.server.config import DEFAULT_CACHE_BYTES
from tests.support.images import esp8266_image
from tests.support.server import RunningServer, running_server
from tests.support.tokens import create_token
from tests.torture.attacks import head
from tests.torture.churning import churning
from tests.torture.honest import check, honest_client, wait_for_store
from tests.torture.measuring import memory_mb
from tests.torture.mutations import Mutations
from tests.torture.rows import Row
from tests.torture.untorn import Client, Tally
from tests.unit.catalog.holding import put

PROMISE = "it stays up"
#: What is compared with the end begins after this share of the time: caches are full by then.
_WARM = 0.4
#: What the allocator keeps beside it, and what the server keeps of each release.
GROWN_MB = 16.0
RELEASE_KB = 8.0
#: Until the caches are full, memory grows by their limit, and by what is being sent beside it.
_CACHES_FULL_S = 120.0
CACHES_MB = DEFAULT_CACHE_BYTES * 2 / (1 << 20)
#: The pool of the loop, as Python limits it, and the few others.
MOST_THREADS = min(32, (os.cpu_count() or 1) + 4) + 6
#: A descriptor of the log or of a directory may be open when the server is looked at.
MORE_FILES = 2
#: Connections end by themselves within the deadline of a head, and downloads that were broken off.
_SETTLED_S = 30.0
#: The errors that the log has to show: of what vanishes, and of downloads that are broken off.
_EXPECTED = re.compile("vanishing|while it was being sent")
_PAUSE_S = 0.02
_CHURN_PAUSE_S = 0.05
_PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What a server takes at a time."""

    memory_mb: float
    files: int
    threads: int

    @classmethod
    def of(cls, pid: int) -> Sample:
        """Looks at a process, as Linux shows it."""
        process = Path(f"/proc/{pid}")
        files, threads = (len(list((process / part).iterdir())) for part in ("fd", "task"))
        return cls(memory_mb(pid, "VmRSS") or 0.0, files, threads)


@dataclass(slots=True)
class Course:
    """What came of the time.

    Attributes:
        seconds: How long the load lasted.
        rest: The server at rest, before and after the load.
        samples: The server under load.
        acts: How often who did something.
        changes: How often the catalog was changed in which way.
        tally: What came of downloads.
        checks: How many checks an honest client made.
        p99_s: How long 99 of 100 of them took at most.
        found: Everything that should not be, in words.
    """

    seconds: float
    rest: list[Sample] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    acts: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    tally: Tally = field(default_factory=Tally)
    checks: int = 0
    p99_s: float = 0.0
    found: list[str] = field(default_factory=list)


def measure(tmp: Path, seconds: float) -> Row:
    """Loads a server, and returns the row of the table.

    Args:
        tmp: An empty folder.
        seconds: For how long.
    """
    begin = time.monotonic()
    course = run(tmp, seconds)
    before, after = thirds(course.samples)
    acts = sum(course.acts.values()) + course.checks
    numbers = (
        f"{seconds / 60:.3g} min, {acts:,} acts ("
        + ", ".join(f"{number:,} {name}" for name, number in sorted(course.acts.items()))
        + f"), {sum(course.changes.values()):,} changes; honest p99 {course.p99_s * 1000:.0f} ms; "
        f"memory {before.memory_mb:.0f} → {after.memory_mb:.0f} MB, descriptors {before.files} → "
        f"{after.files} (at rest {course.rest[0].files} → {course.rest[1].files}), threads "
        f"{before.threads} → {after.threads}"
    )
    result = f"{len(course.found)} faults"
    return Row(PROMISE, numbers, course.found, result, time.monotonic() - begin)


def run(tmp: Path, seconds: float) -> Course:
    """Loads a server for a while, and looks at it all the time."""
    catalog, state = tmp / "catalog", tmp / "state"
    catalog.mkdir()
    put(catalog, product="honest")
    put(catalog, product="vanishing")
    (catalog / "folder").mkdir()
    (catalog / "folder/x.bin").write_bytes(esp8266_image(size=5120))
    token = create_token(state, "uploaded")
    course = Course(seconds)
    with (
        running_server(catalog, tmp) as server,
        churning(catalog, pause_s=_CHURN_PAUSE_S) as course.changes,
    ):
        assert check(server.port, "/update/honest/d1")
        wait_for_store(state)
        course.rest.append(Sample.of(server.process.pid))
        with honest_client(server.port, "/update/honest/d1") as noticed:
            _load(_Load(server, catalog, token, course), seconds)
        course.checks, course.p99_s = noticed.checks, noticed.p99_s
        if noticed.failed:
            course.found.append(f"{noticed.failed} honest checks failed")
        course.rest.append(_settled(server, course.rest[0]))
        if server.process.poll() is not None:
            course.found.append("the server has ended")
    course.found += course.tally.found
    course.found += [
        f"logged: {line}"
        for line in server.log().splitlines()
        if line.startswith("Traceback")
        or line.endswith(" 500")
        or (" ERROR " in line and not _EXPECTED.search(line))
    ]
    course.found += growth(course)
    return course


def _settled(server: RunningServer, before: Sample) -> Sample:
    """Returns what the server takes when its connections have ended, or after a while."""
    until = time.monotonic() + _SETTLED_S
    while (sample := Sample.of(server.process.pid)).files > before.files + MORE_FILES:
        if time.monotonic() > until:
            break
        time.sleep(0.2)
    return sample


def thirds(samples: list[Sample]) -> tuple[Sample, Sample]:
    """Returns what was usual after the warm-up, and at the end."""
    warm = samples[int(len(samples) * _WARM) :]
    size = max(len(warm) // 3, 1)
    before, after = (
        Sample(
            statistics.median(sample.memory_mb for sample in part),
            int(statistics.median(sample.files for sample in part)),
            max(sample.threads for sample in part),
        )
        for part in (warm[:size], warm[-size:])
    )
    return before, after


def growth(course: Course) -> list[str]:
    """Returns what has grown, in words."""
    before, after = thirds(course.samples)
    told = []
    most_mb = GROWN_MB + course.changes["published"] * RELEASE_KB / 1024
    most_mb += before.memory_mb
    if course.seconds < _CACHES_FULL_S:
        # What the caches take is all that it may grow by.
        most_mb += CACHES_MB - (before.memory_mb - course.rest[0].memory_mb)
    if after.memory_mb > most_mb:
        told.append(f"memory grew from {before.memory_mb:.0f} to {after.memory_mb:.0f} MB")
    # The pool of the loop grows only when it has to.
    most_threads = before.threads if course.seconds >= _CACHES_FULL_S else MOST_THREADS
    if after.threads > most_threads:
        told.append(f"there were {before.threads} threads, and then {after.threads}")
    at_rest = [sample.files for sample in course.rest]
    if at_rest[1] > at_rest[0] + MORE_FILES:
        told.append(f"{at_rest[1] - at_rest[0]} descriptors are left open")
    return told


@dataclass(slots=True)
class _Load:
    """What all who load the server need."""

    server: RunningServer
    catalog: Path
    token: str
    course: Course
    numbers: Counter[str] = field(default_factory=Counter)


def _load(load: _Load, seconds: float) -> None:
    until = time.monotonic() + seconds
    lock = threading.Lock()

    def repeat(name: str, act: Callable[[], None]) -> None:
        while time.monotonic() < until:
            # The server may break off whatever is not an honest check.
            with contextlib.suppress(OSError):
                try:
                    act()
                except (AssertionError, ValueError, AcpublishError) as error:
                    load.course.found.append(f"{name}: {type(error).__name__} {error}")
            with lock:
                load.course.acts[name] += 1
            time.sleep(_PAUSE_S)

    threads = [
        threading.Thread(target=repeat, args=(name, act), daemon=True) for name, act in _acts(load)
    ]
    for thread in threads:
        thread.start()
    while time.monotonic() < until:
        load.course.samples.append(Sample.of(load.server.process.pid))
        time.sleep(min(0.5, seconds / 40))
    for thread in threads:
        thread.join(_PATIENCE_S * 2)
        if thread.is_alive():
            load.course.found.append("a client waits for ever")


def _acts(load: _Load) -> Iterator[tuple[str, Callable[[], None]]]:
    clients = [Client(load.server, load.course.tally, seed) for seed in range(3)]
    for client in clients:
        yield "downloads", client.download
    yield "lists", lambda: _read(load, head("/_catalog?op=list&path=/", "Connection: close"))
    yield "documents", lambda: _read(load, head("/api/v1/products/lamp", "Connection: close"))
    mutations = Mutations(3)
    yield "not HTTP", lambda: _send(load, mutations.next())
    yield "broken off", lambda: _break_off(load)
    yield "stalled", lambda: _stall(load)
    yield "uploads", lambda: _upload(load)
    yield "half uploads", lambda: _upload_half(load)
    yield "faults", lambda: _vanish(load)


def _read(load: _Load, request: bytes) -> None:
    load.server.send(request)


def _send(load: _Load, parts: list[bytes]) -> None:
    with load.server.connect() as connection:
        for part in parts:
            connection.sendall(part)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1 << 16):
            pass


def _break_off(load: _Load) -> None:
    """Resets a connection within a download."""
    with load.server.connect() as connection:
        connection.sendall(head("/loose/mib.bin") + head("/loose/large.bin"))
        connection.recv(random.choice((1, 1000, 100_000)))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _stall(load: _Load) -> None:
    """Keeps connections open for a while on which half a head comes, or nothing is read."""
    with contextlib.ExitStack() as stack:
        for number in range(20):
            connection = stack.enter_context(load.server.connect())
            connection.sendall(head("/loose/large.bin") if number % 2 else b"GET / HTTP/1.1\r\nH")
        time.sleep(1)


def _upload(load: _Load) -> None:
    """Publishes one of a few releases through the API: new at first, and then the same again."""
    load.numbers["uploaded"] += 1
    version = f"1.0.{load.numbers['uploaded'] % 20}"
    image = stamp(esp8266_image(size=5120), "uploaded", version)
    request = head(
        f"/api/v1/releases/uploaded/{version}/d1",
        f"Authorization: Bearer {load.token}",
        f"Content-Length: {len(image)}",
        "Connection: close",
        method="PUT",
    )
    load.server.send(request + image)


def _upload_half(load: _Load) -> None:
    with load.server.connect() as connection:
        request = head(
            "/api/v1/releases/uploaded/2.0.0/d1",
            f"Authorization: Bearer {load.token}",
            "Content-Length: 100000",
            method="PUT",
        )
        connection.sendall(request + bytes(random.choice((0, 1, 50_000))))
        time.sleep(0.1)


def _vanish(load: _Load) -> None:
    """Makes parts of the catalog vanish for a moment, while a device requests them."""
    manifest = load.catalog / ".acpublish/releases/vanishing/1.0.0.json"
    paths = (load.catalog / "folder", manifest, load.catalog / "vanishing")
    path = paths[load.numbers["vanishing"] % len(paths)]
    load.numbers["vanishing"] += 1
    away = load.catalog.parent / f"vanished-{path.name}"
    path.rename(away)
    try:
        if path == manifest:
            path.write_text("{")
        for target in ("/update/vanishing/d1", "/folder/x.bin", "/_catalog?op=list&path=/folder"):
            load.server.get(target, "User-Agent: ESP8266-http-Update", "x-ESP8266-version: 0.1.0")
        time.sleep(0.05)
    finally:
        away.rename(path)
