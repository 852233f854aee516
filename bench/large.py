"""A catalog with very many files: what a list costs in time, and in bytes that are read."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.catalogs import copy_many
from bench.devices import ask
from bench.processes import read_bytes
from bench.report import BenchError, Goal, Report, figure
from bench.scale import Scale
from tests.support.server import RunningServer, running_server

_LIST = "/_catalog?op=list&path=many"
_DEVICE = ("User-Agent: ESP8266HTTPClient",)
#: The server caches a list for at most two seconds.
_EXPIRED_S = 2.2
_CACHED_LISTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cost:
    """The cost of one list."""

    ms: float
    read_bytes: int


def listing(scale: Scale, folder: Path) -> Report:
    """Lists one directory: the first time, from the cached list, and after that has expired."""
    catalog = folder / "catalog"
    catalog.mkdir()
    all_bytes = copy_many(catalog / "many", scale.files)
    with running_server(catalog, folder, "--log", "warning") as server:
        ask(server.port, "/_catalog?op=list&path=.")
        first = _list(server, scale)
        cached = [_list(server, scale) for _ in range(_CACHED_LISTS)]
        again = []
        for _ in range(scale.expired):
            time.sleep(_EXPIRED_S)
            again.append(_list(server, scale))
        begin = time.perf_counter()
        ask(server.port, _LIST, _DEVICE)
        device_ms = (time.perf_counter() - begin) * 1000
    share = max(cost.read_bytes for cost in again) / all_bytes
    cached_ms, again_ms = (median(cost.ms for cost in costs) for costs in (cached, again))
    read_again = median(cost.read_bytes for cost in again)
    return Report(
        title=f"A directory of {scale.files:,} files ({all_bytes / 1e6:,.1f} MB), listed",
        figures=[
            f"first: {figure(first.ms)} ms, {first.read_bytes:,} bytes read",
            f"from the cached list: {figure(cached_ms)} ms",
            f"after that has expired: {figure(again_ms)} ms, {read_again:,.0f} bytes read",
            f"for a device, likewise: {figure(device_ms)} ms",
            f"ratio of a later list to the first: {figure(again_ms / first.ms)}",
        ],
        goals=[
            Goal.at_most(
                "ratio of the bytes read for a later list to the files' bytes", share, 0.01
            )
        ],
    )


def _list(server: RunningServer, scale: Scale) -> _Cost:
    before = read_bytes(server.process.pid)
    begin = time.perf_counter()
    answer = ask(server.port, _LIST)
    took = time.perf_counter() - begin
    if answer.status != 200 or len(json.loads(answer.body)) != scale.files:
        raise BenchError("the list is not complete")
    return _Cost(ms=took * 1000, read_bytes=read_bytes(server.process.pid) - before)
