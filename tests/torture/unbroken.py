"""The promise "no input breaks it": changed recordings, in this process and over the wire.

In this process, nothing may raise an error, be answered with 500, keep a connection from ending, or
be read in another way by h11 or llhttp; over the wire, the server may not end, log an error, or
refuse an honest client. In both, memory may not grow after a while.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.images import esp8266_image
from tests.support.loops import LOOPS, run_on
from tests.support.server import RunningServer, running_server
from tests.torture.agreeing import check, check_remembered
from tests.torture.exchanges import exchange
from tests.torture.fed import InProcess
from tests.torture.honest import check as is_served
from tests.torture.measuring import memory_mb
from tests.torture.mutations import Mutations
from tests.torture.rows import Row
from tests.unit.catalog.holding import put

PROMISE = "no input breaks it"
#: What the caches of a server take is reached after this share of all inputs.
_WARM = 0.3
#: What the allocator keeps beside it.
GROWN_MB = 16.0
CONNECTIONS = 32
#: This takes longer than anything else, and `make fuzz` does it as well.
_REMEMBERED_EVERY = 10
_PATIENCE_S = 15.0
_MOST_FOUND = 100


@dataclass(slots=True)
class Outcome:
    """What came of many inputs.

    Attributes:
        inputs: How many there were.
        accepted: How many of them began with a head that was accepted.
        grown_mb: By how much memory grew after the first of them; None if that is not known.
        found: Everything that should not be, in words.
    """

    inputs: int = 0
    accepted: int = 0
    grown_mb: float | None = None
    found: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Notes what should not be."""
        if len(self.found) < _MOST_FOUND:
            self.found.append(text)


def measure(tmp: Path, inside: int, outside: int) -> Row:
    """Tries inputs, and returns the row of the table.

    Args:
        tmp: An empty folder.
        inside: How many inputs this process gets.
        outside: How many go over the wire.
    """
    begin = time.monotonic()
    outcomes = {
        f"on {loop}": in_process(tmp, inside // len(LOOPS), seed, loop)
        for seed, loop in enumerate(LOOPS)
    }
    fed = [*outcomes.values()]
    outcomes["on the wire"] = sent = on_the_wire(tmp, outside)
    found = [text for outcome in outcomes.values() for text in outcome.found]
    grown = ", ".join(f"{_grown(outcome)} {where}" for where, outcome in outcomes.items())
    numbers = (
        f"{sum(outcome.inputs for outcome in fed):,} in process, "
        f"{sum(outcome.accepted for outcome in fed):,} of them with a head that h11 and llhttp "
        f"read alike; {sent.inputs:,} on the wire; memory {grown}"
    )
    return Row(PROMISE, numbers, found, f"{len(found)} faults", time.monotonic() - begin)


def _grown(outcome: Outcome) -> str:
    return "not known" if outcome.grown_mb is None else f"{outcome.grown_mb:+.1f} MB"


def in_process(tmp: Path, count: int, seed: int = 1, loop: str = "asyncio") -> Outcome:
    """Tries inputs on connections in this process.

    Args:
        tmp: A folder.
        count: How many inputs.
        seed: Determines them.
        loop: The event loop.
    """
    folder = tmp / loop
    folder.mkdir()
    outcome = Outcome()
    handler = _Noting(outcome)
    logs = [logging.getLogger(name) for name in ("acpublish", "uvicorn", "asyncio")]
    before = [log.propagate for log in logs]
    for log in logs:
        log.addHandler(handler)
        # Each request that uvicorn refuses is a line of its log.
        log.propagate = False
    try:
        run_on(loop, _feed(folder, count, seed, outcome))
    finally:
        for log, propagates in zip(logs, before, strict=True):
            log.removeHandler(handler)
            log.propagate = propagates
    return outcome


class _Noting(logging.Handler):
    """Notes each error that is logged."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(logging.ERROR)
        self._outcome = outcome

    def emit(self, record: logging.LogRecord) -> None:
        self._outcome.note(f"logged: {self.format(record)}")


async def _feed(folder: Path, count: int, seed: int, outcome: Outcome) -> None:
    server = InProcess(folder)
    _add_recorded(server.catalog)
    loop = asyncio.get_running_loop()

    def unexpected(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        outcome.note(f"in the loop: {context}")

    loop.set_exception_handler(unexpected)
    mutations = Mutations(seed)
    before: float | None = None
    for number in range(count):
        parts = mutations.next()
        if number == int(count * _WARM):
            before = _settled_mb()
        outcome.inputs += 1
        try:
            received = await server.take(parts)
            outcome.accepted += check(b"".join(parts)) > 0
            if number % _REMEMBERED_EVERY == 0:
                check_remembered(b"".join(parts))
        except Exception as error:
            outcome.note(f"{type(error).__name__} {error}: {parts}")
            continue
        if b"HTTP/1.1 500" in received:
            outcome.note(f"status 500: {parts}")
    after = _settled_mb()
    for what, kept in (
        ("connections", server.connections.open),
        ("tasks", server.connections.tasks),
    ):
        if kept:
            outcome.note(f"{len(kept)} {what} are left")
    _note_growth(outcome, before, after)


def _settled_mb() -> float | None:
    gc.collect()
    return memory_mb("self", "VmRSS")


def _note_growth(outcome: Outcome, before: float | None, after: float | None) -> None:
    if before is not None and after is not None:
        outcome.grown_mb = after - before
        if outcome.grown_mb > GROWN_MB:
            outcome.note(f"memory grew by {outcome.grown_mb:.0f} MB")


def _add_recorded(catalog: Path) -> None:
    """Adds the files that the recorded requests ask for."""
    image = esp8266_image(size=5120)
    (catalog / "folder").mkdir()
    for name in ("sketch.bin", "my sketch.bin", "folder/inner.bin"):
        (catalog / name).write_bytes(image)


def on_the_wire(tmp: Path, count: int, seed: int = 2) -> Outcome:
    """Sends inputs to a server in a process of its own.

    Args:
        tmp: An empty folder.
        count: How many inputs.
        seed: Determines them.
    """
    folder = tmp / "wire"
    catalog = folder / "catalog"
    catalog.mkdir(parents=True)
    put(catalog, product="lamp")
    _add_recorded(catalog)
    outcome = Outcome()
    with running_server(catalog, folder) as server:
        mutations = Mutations(seed)
        warm = int(count * _WARM)
        asyncio.run(_send(server, mutations, warm, outcome))
        before = memory_mb(server.process.pid, "VmRSS")
        asyncio.run(_send(server, mutations, count - warm, outcome))
        _note_growth(outcome, before, memory_mb(server.process.pid, "VmRSS"))
        if server.process.poll() is not None:
            outcome.note("the server has ended")
        elif not is_served(server.port, "/update/lamp/d1"):
            outcome.note("an honest client is not served")
        log = server.end()
    for line in log.splitlines():
        if " ERROR " in line or line.startswith("Traceback") or line.endswith(" 500"):
            outcome.note(f"logged: {line}")
    return outcome


async def _send(server: RunningServer, mutations: Mutations, count: int, outcome: Outcome) -> None:
    numbers = iter(range(count))

    async def run() -> None:
        for _ in numbers:
            parts = mutations.next()
            outcome.inputs += 1
            ended = await exchange(server.port, parts, pause_s=0, quiet_s=0, patience_s=_PATIENCE_S)
            if not ended:
                outcome.note(f"no end: {parts}")

    await asyncio.gather(*(run() for _ in range(CONNECTIONS)))
