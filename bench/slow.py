"""Many slow downloads at once: none refused or broken off, little memory, and lists still quick."""

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
#: Connecting and leaving, beside the time of the downloads.
_AROUND_S = 30.0


def downloads(scale: Scale, place: Path) -> Report:
    """Runs the slow clients, and meanwhile asks for lists and looks at the server's memory."""
    catalog = place / "catalog"
    catalog.mkdir()
    name = publish_image(catalog, place)
    copy_many(catalog / "copied", _ENTRIES)
    with running_server(catalog, place, "--log", "warning") as server:
        # The limit is raised only after the server inherited the usual one, to raise it itself.
        allow_open_files(scale.slow_clients)
        for _ in range(3):
            ask(server.port, name, device_headers())
            _list_ms(server)
        before_kb = memory_kb(server.process.pid)
        clients = _start(server, catalog, name, scale)
        try:
            memory, lists_ms, said = _watch(server, clients, scale)
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
            f"bytes per second and download: median {said['median']:,.0f}, "
            f"slowest {said['slowest']:,.0f}",
            f"all have their first bytes after {said['begun_s'] * 1000:,.0f} ms",
            f"the server's memory: {before_kb:,.0f} kB before, {max(memory):,.0f} kB at most",
            f"a list of {_ENTRIES} meanwhile, ms: {spread(lists_ms)}, {len(lists_ms)} asked",
        ],
        goals=[
            _most("downloads refused, broken off or wrong", said["faults"], "", 0),
            _most("memory of each download", added_kb / scale.slow_clients, "kB", 40),
            _most("a list meanwhile, median", median(lists_ms), "ms", 50),
            _most("a list meanwhile, slowest", max(lists_ms), "ms", 50),
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
    """Returns the memory in kB and the times of lists in ms while clients run; and their word."""
    if clients.stdout is None or clients.stdout.readline().strip() != "begun":
        raise BenchError("the slow clients did not begin")
    memory, lists_ms = [], []
    ends = time.monotonic() + scale.slow_s + _AROUND_S
    while clients.poll() is None:
        if time.monotonic() > ends:
            raise BenchError("the slow clients did not end")
        lists_ms.append(_list_ms(server))
        memory.append(memory_kb(server.process.pid))
        time.sleep(_PAUSE_S)
    if clients.returncode != 0:
        raise BenchError("the slow clients failed")
    figures = json.loads(clients.stdout.readline())
    if figures["faults"]:
        sys.stderr.write(f"bench: the first fault of a download: {figures['first_fault']}\n")
    return memory, lists_ms, figures


def _list_ms(server: RunningServer) -> float:
    begin = time.perf_counter()
    answer = ask(server.port, _LIST)
    took = time.perf_counter() - begin
    if answer.status != 200 or answer.body.count(b'"name"') != _ENTRIES:
        raise BenchError("a list is not whole")
    return took * 1000


def _most(what: str, value: float, unit: str, limit: float) -> Goal:
    return Goal(what=what, value=value, unit=unit, limit=limit, side="at most")
