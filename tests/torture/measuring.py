"""Runs one attack on a fresh server, and measures what an honest client notices, and memory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tests.support.server import running_server
from tests.torture.attacks import ATTACKS, Figures, Size, Target, prepare
from tests.torture.crowds import CROWDS
from tests.torture.honest import honest_client, wait_for_store

#: As long as the figures of a report need, and as short as the tests allow.
FULL = Size(seconds=20.0, releases=2000, files=5000, devices=20_000, crowd=5000)
SHORT = Size(seconds=1.5, releases=100, files=300, devices=1500, crowd=400)

#: By name: the number of the trouble, and the attack.
EVERY_ATTACK = {**ATTACKS, **CROWDS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What an attack did.

    Attributes:
        p99_s: How long 99 of 100 checks of the honest client took at most.
        slowest_s: Its slowest check.
        checks: How many checks there were.
        failed: How many of them got no proper response.
        grown_mb: By how much the memory of the server grew at most, None where that is not known.
        figures: Further figures of the attack.
    """

    p99_s: float
    slowest_s: float
    checks: int
    failed: int
    grown_mb: float | None
    figures: Figures


def measure(name: str, tmp: Path, size: Size) -> Measured:
    """Runs one attack.

    Args:
        name: Its name.
        tmp: An empty folder.
        size: How much it has to work with.
    """
    _, attack = EVERY_ATTACK[name]
    catalog, state = tmp / "catalog", tmp / "state"
    catalog.mkdir()
    tokens = prepare(catalog, state, size)
    reading, writing = os.pipe()
    try:
        # Nobody reads the pipe.
        stderr = writing if attack.__name__ == "unread_log" else None
        with running_server(catalog, tmp, stderr=stderr) as server:
            with honest_client(server.port, "/update/lamp/d1") as noticed:
                # With the first device the server loads its store, which is not the attack's doing.
                wait_for_store(state)
                before = memory_mb(server.process.pid, "VmRSS")
                figures = attack(Target(server, catalog, state, size, tokens))
            after = memory_mb(server.process.pid, "VmHWM")
    finally:
        os.close(reading)
        os.close(writing)
    grown = None if before is None or after is None else after - before
    return Measured(
        p99_s=noticed.p99_s,
        slowest_s=noticed.slowest_s,
        checks=noticed.checks,
        failed=noticed.failed,
        grown_mb=grown,
        figures=figures,
    )


def memory_mb(pid: int | str, field: str) -> float | None:
    """Returns a figure of Linux about the memory of a process: present or highest."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    sizes = [int(line.split()[1]) for line in lines if line.startswith(f"{field}:")]
    return sizes[0] / 1024 if sizes else None
