"""The promise "strangers cannot stop it": every attack, and the bounds within which it has to stay.

The bounds of time are far above what is measured, because other programs may run at the same time,
and far below what an attack did to a server without its bounds: seconds.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from acpublish.server.bounds import IN_FLIGHT_FACTOR
from acpublish.server.config import DEFAULT_CACHE_BYTES
from tests.torture.attacks import Size
from tests.torture.measuring import EVERY_ATTACK, Measured, measure
from tests.torture.rows import Row

PROMISE = "strangers cannot stop it"
#: Of an honest client's checks: 99 of 100, and each.
P99_S = 0.5
SLOWEST_S = 1.5
#: What any attack may take, and what each connection of a crowd may.
GROWN_MB = 60.0
CONNECTION_KB = 16.0
#: Half of the cache is for hand-copied files, and a multiple of that may be on its way out.
IN_FLIGHT_MB = DEFAULT_CACHE_BYTES // 2 * IN_FLIGHT_FACTOR / (1 << 20)

HEADING = "   attack            p99      slowest   failed     memory   other"


def run(size: Size, names: Iterable[str] = EVERY_ATTACK) -> Row:
    """Runs attacks, prints a line for each, and returns the row of the table.

    Args:
        size: How much they have to work with.
        names: The names of the attacks.
    """
    begin = time.monotonic()
    found: list[str] = []
    everything: dict[str, Measured] = {}
    print(HEADING)
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            measured = everything[name] = measure(name, Path(folder), size)
        print(line(name, measured), flush=True)
        found += [f"{name}: {fault}" for fault in faults(name, measured)]
    slowest = max(everything, key=lambda name: everything[name].p99_s)
    largest = max(everything, key=lambda name: everything[name].grown_mb or 0)
    numbers = (
        f"{len(everything)} attacks, up to {size.crowd:,} connections, beside "
        f"{sum(measured.checks for measured in everything.values()):,} honest checks: p99 up to "
        f"{everything[slowest].p99_s * 1000:.0f} ms ({slowest}), memory up to "
        f"{everything[largest].grown_mb or 0:+.0f} MB ({largest})"
    )
    result = f"{len(found)} beyond a bound"
    return Row(PROMISE, numbers, found, result, time.monotonic() - begin)


def line(name: str, measured: Measured) -> str:
    """Returns what an attack did as a line."""
    other = ", ".join(f"{key} {value:.6g}" for key, value in measured.figures.items())
    memory = "?" if measured.grown_mb is None else f"{measured.grown_mb:+.0f} MB"
    return (
        f"{EVERY_ATTACK[name][0]}  {name:15} {measured.p99_s * 1000:6.0f} ms "
        f"{measured.slowest_s * 1000:7.0f} ms {measured.failed:4d}/{measured.checks:<5d} "
        f"{memory:>7}   {other}"
    )


def faults(name: str, measured: Measured) -> list[str]:
    """Returns which bounds an attack exceeded, in words."""
    figures = measured.figures
    # An attack that did nothing shows nothing.
    least = {"requests": 1.0, "honest_counted": 1.0, "sent_mb": 2.0}
    most = {"list_s": 2.0, "list_kb": 200.0, "publish_s": 10.0}
    told = [f"{key} is {figures[key]:g}" for key in least if figures.get(key, 9) < least[key]]
    told += [f"{key} is {figures[key]:g}" for key in most if figures.get(key, 0) > most[key]]
    if measured.failed:
        told.append(f"{measured.failed} honest checks failed")
    if measured.p99_s > P99_S:
        told.append(f"the p99 of honest checks is {measured.p99_s:.2f} s")
    if measured.slowest_s > SLOWEST_S:
        told.append(f"an honest check took {measured.slowest_s:.2f} s")
    bound = bound_mb(name, figures.get("connections", 0))
    if measured.grown_mb is not None and measured.grown_mb > bound:
        told.append(f"{measured.grown_mb:.0f} MB, more than {bound:.0f} MB")
    return told


def bound_mb(name: str, connections: float) -> float:
    """Returns how much memory an attack may take, in MiB."""
    in_flight = IN_FLIGHT_MB if name == "unread images" else 0
    return GROWN_MB + connections * CONNECTION_KB / 1024 + in_flight
