"""Many slow downloads at the same time: all complete, with little memory and quick checks."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from bench.catalogs import AUTOMATIC, publish_image
from bench.devices import ask, device_headers, request, steady_checks
from bench.processes import allow_open_files, cpu_s, memory_kb, most_open_files, socket_kb
from bench.report import BenchError, Goal, Report, figure, spread
from bench.scale import Scale
from tests.support.server import RunningServer, running_server

_ROOT = Path(__file__).resolve().parents[1]
#: How many of the slow clients connect at the same moment.
_AT_ONCE = 500
#: The server's memory is read after so many checks, because that takes a while.
_MEMORY_EVERY = 50
#: The time to connect and disconnect, in addition to the downloads.
_AROUND_S = 60.0


def downloads(scale: Scale, folder: Path) -> Report:
    """Runs bursts of connections, then the slow clients, with checks and a look at the memory."""
    catalog = folder / "catalog"
    catalog.mkdir()
    name = publish_image(catalog, folder)
    image = catalog / name.lstrip("/")
    count = most_open_files(scale.slow_clients)
    with running_server(catalog, folder, "--log", "info") as server:
        # The server has inherited the usual limit, and must have raised it itself.
        allow_open_files(max(count, scale.burst))
        for _ in range(3):
            ask(server.port, name, device_headers())
        start = (server, name, image)
        bursts_ms = [_burst_ms(*start, scale.burst) for _ in range(scale.bursts)]
        watch = _Watch(server, image)
        with _clients(*start, count, _AT_ONCE, scale.slow_s) as clients:
            checks_ms = watch.checks_ms(clients, scale.slow_s)
            results = _results(clients)
    return _report(scale, count, bursts_ms, checks_ms, watch, results)


class _Watch:
    """The checks that a server answers while it sends, and the memory that it takes."""

    def __init__(self, server: RunningServer, image: Path) -> None:
        self._server = server
        md5 = hashlib.md5(image.read_bytes(), usedforsecurity=False).hexdigest()
        self._checks = [
            request(AUTOMATIC, device_headers(md5, f"DE:BA:7A:B1:E0:{number:02X}"))
            for number in range(256)
        ]
        self.before_kb, self.sockets_before_kb = memory_kb(server.process.pid), socket_kb()
        self.most_kb, self.most_sockets_kb = 0.0, 0.0
        self.cpu_share = 0.0

    def checks_ms(self, clients: subprocess.Popen[str], seconds: float) -> list[float]:
        """Returns how many ms each check took until the clients hang up."""
        pid, sent = self._server.process.pid, 0
        begin = time.monotonic()
        before_s = cpu_s(pid)

        def over() -> bool:
            nonlocal sent
            sent += 1
            if sent % _MEMORY_EVERY == 1:
                self.most_kb = max(self.most_kb, memory_kb(pid))
                self.most_sockets_kb = max(self.most_sockets_kb, socket_kb())
            return clients.poll() is not None or time.monotonic() - begin > seconds

        took_ms = steady_checks(self._server.port, self._checks, over)
        self.cpu_share = (cpu_s(pid) - before_s) / (time.monotonic() - begin)
        return took_ms


def _report(
    scale: Scale,
    count: int,
    bursts_ms: list[float],
    checks_ms: list[float],
    watch: _Watch,
    results: dict[str, Any],
) -> Report:
    slowest, usual = results["slowest_share"] * 100, results["median_share"] * 100
    sockets_kb = (watch.most_sockets_kb - watch.sockets_before_kb) / count
    added_kb = (watch.most_kb - watch.before_kb) / count
    p99 = sorted(checks_ms)[min(len(checks_ms) * 99 // 100, len(checks_ms) - 1)]
    figures = [
        f"all together: {results['all_bytes_per_s'] / 1e6:,.0f} MB/s; a client got {usual:.0f} % "
        f"of its rate, the slowest {slowest:.0f} %",
        f"the server's CPU: {watch.cpu_share * 100:.0f} % of a core",
        f"the server's memory: {watch.before_kb:,.0f} kB before, {watch.most_kb:,.0f} kB at most; "
        f"the kernel's for each connection, both sides: {figure(sockets_kb)} kB",
        f"50 checks per second at the same time, ms: {spread(checks_ms)}, of {len(checks_ms)}",
        f"a burst of {scale.burst:,} connections, ms until all have their first bytes: "
        f"{spread(bursts_ms)}",
    ]
    if count < scale.slow_clients:
        figures.append(f"{scale.slow_clients:,} need more open files than ulimit -Hn allows")
    return Report(
        title=f"{count:,} slow downloads of 1 MiB, 5 to 50 kB/s each, for {scale.slow_s:g} s",
        figures=figures,
        goals=[
            Goal.at_most("downloads refused, broken off or wrong", results["faults"], 0),
            Goal.at_most("memory for each download", added_kb, 16, "kB"),
            Goal.at_most("a check at the same time, 99th percentile", p99, 50, "ms"),
            Goal.at_most("first bytes of a burst, median", median(bursts_ms), 500, "ms"),
        ],
    )


@contextmanager
def _clients(
    server: RunningServer, name: str, image: Path, count: int, at_once: int, seconds: float
) -> Iterator[subprocess.Popen[str]]:
    """Runs clients, from when all have their first bytes on."""
    arguments = (server.port, name, image, count, at_once, seconds)
    clients = subprocess.Popen(
        [sys.executable, "-m", "bench.slow_clients", *map(str, arguments)],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        if clients.stdout is None or clients.stdout.readline().strip() != "begun":
            raise BenchError("the slow clients did not start")
        yield clients
    finally:
        clients.kill()
        clients.communicate()


def _results(clients: subprocess.Popen[str]) -> dict[str, Any]:
    """Waits for the end of the clients, and returns what they found."""
    try:
        output, _ = clients.communicate(timeout=_AROUND_S)
    except subprocess.TimeoutExpired as error:
        raise BenchError("the slow clients did not end") from error
    if clients.returncode != 0:
        raise BenchError("the slow clients failed")
    results: dict[str, Any] = json.loads(output)
    if results["faults"]:
        sys.stderr.write(f"bench: the first error of a download: {results['first_fault']}\n")
    return results


def _burst_ms(server: RunningServer, name: str, image: Path, count: int) -> float:
    with _clients(server, name, image, count, count, 0) as clients:
        results = _results(clients)
    if results["faults"]:
        raise BenchError(f"{results['faults']} of a burst failed: {results['first_fault']}")
    return float(results["begun_s"]) * 1000
