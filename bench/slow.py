"""Many slow downloads at the same time: all complete, with little memory and quick lists."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from bench.catalogs import copy_many, publish_image
from bench.devices import ask, device_headers
from bench.processes import allow_open_files, memory_kb
from bench.report import BenchError, Goal, Report, spread
from bench.scale import Scale
from tests.support.server import RunningServer, running_server

_RATE_BYTES_PER_S = 5000
_ENTRIES = 100
_LIST = "/_catalog?op=list&path=copied"
_PAUSE_S = 0.2
#: The time to connect and disconnect, in addition to the downloads.
_AROUND_S = 30.0


def downloads(scale: Scale, folder: Path) -> Report:
    """Runs the slow clients, and meanwhile requests lists and reads the server's memory."""
    catalog = folder / "catalog"
    catalog.mkdir()
    name = publish_image(catalog, folder)
    copy_many(catalog / "copied", _ENTRIES)
    with running_server(catalog, folder, "--log", "warning") as server:
        # The server has inherited the usual limit, and must have raised it itself.
        allow_open_files(scale.slow_clients)
        for _ in range(3):
            ask(server.port, name, device_headers())
            _list_ms(server)
        before_kb = memory_kb(server.process.pid)
        clients = _start(server, catalog, name, scale)
        try:
            memory, lists_ms, results = _watch(server, clients, scale)
        finally:
            clients.kill()
            clients.wait()
            if clients.stdout is not None:
                clients.stdout.close()
    added_kb = max(memory) - before_kb
    return Report(
        title=f"{scale.slow_clients:,} slow downloads of 1 MiB, {_RATE_BYTES_PER_S:,} bytes/s "
        f"each, for {scale.slow_s:g} s",
        figures=[
            f"bytes per second and download: median {results['median']:,.0f}, "
            f"slowest {results['slowest']:,.0f}",
            f"all have their first bytes after {results['begun_s'] * 1000:,.0f} ms",
            f"the server's memory: {before_kb:,.0f} kB before, {max(memory):,.0f} kB at most",
            f"a list of {_ENTRIES} at the same time, ms: {spread(lists_ms)}, of {len(lists_ms)}",
        ],
        goals=[
            _most("downloads refused, broken off or wrong", results["faults"], "", 0),
            _most("memory for each download", added_kb / scale.slow_clients, "kB", 40),
            _most("a list at the same time, median", median(lists_ms), "ms", 50),
            _most("a list at the same time, slowest", max(lists_ms), "ms", 50),
        ],
    )


def _start(server: RunningServer, catalog: Path, name: str, scale: Scale) -> subprocess.Popen[str]:
    image = catalog / name.lstrip("/")
    counts = (scale.slow_clients, _RATE_BYTES_PER_S, scale.slow_s)
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "bench.slow_clients", str(server.port), name, str(image)),
            *map(str, counts),
        ],
        cwd=Path(__file__).resolve().parents[1],
        stdout=subprocess.PIPE,
        text=True,
    )


def _watch(
    server: RunningServer, clients: subprocess.Popen[str], scale: Scale
) -> tuple[list[float], list[float], dict[str, float]]:
    """Returns memory in kB and times of lists in ms while clients run, and the clients' results."""
    if clients.stdout is None or clients.stdout.readline().strip() != "begun":
        raise BenchError("the slow clients did not start")
    memory, lists_ms = [], []
    end = time.monotonic() + scale.slow_s + _AROUND_S
    while clients.poll() is None:
        if time.monotonic() > end:
            raise BenchError("the slow clients did not end")
        lists_ms.append(_list_ms(server))
        memory.append(memory_kb(server.process.pid))
        time.sleep(_PAUSE_S)
    if clients.returncode != 0:
        raise BenchError("the slow clients failed")
    figures = json.loads(clients.stdout.readline())
    if figures["faults"]:
        sys.stderr.write(f"bench: the first error of a download: {figures['first_fault']}\n")
    return memory, lists_ms, figures


def _list_ms(server: RunningServer) -> float:
    begin = time.perf_counter()
    answer = ask(server.port, _LIST)
    took = time.perf_counter() - begin
    if answer.status != 200 or answer.body.count(b'"name"') != _ENTRIES:
        raise BenchError("a list is not complete")
    return took * 1000


def _most(what: str, value: float, unit: str, limit: float) -> Goal:
    return Goal(what=what, value=value, unit=unit, limit=limit, side="at most")
