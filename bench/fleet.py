"""The fleet: what a check of a known device costs, and thousands of check-ins in a second.

The server has 1,000 releases, 100,000 devices in its store, and three running rollouts, which the
checks of all devices have to pass: each rollout is in a stage that reaches none of those that ask.
The first check of each device after the start, which costs more, is measured by itself. The same
checks go to a server with ``--no-fleet``, and to the smallest application behind uvicorn.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import click

from acpublish.cli import acpublish as command_line
from acpublish.store.stored import read
from bench.catalogs import grow
from bench.devices import check_all
from bench.known_fleet import ROLLOUTS, check, fill, roll_out, served
from bench.peers import python_module
from bench.processes import cpu_s
from bench.report import BenchError, Goal, Report, figure, spread
from bench.scale import Scale
from bench.store import LONG_AGO

_ROOT = Path(__file__).resolve().parents[1]
_SEED = 15
_PER_S = 5000
_LOADS = 2
_WITHOUT = "--no-fleet"
_UVICORN = "uvicorn, a constant 304"


def fleet(scale: Scale, folder: Path) -> Report:
    """Measures checks of known devices in alternating rounds, then at a constant rate."""
    catalog = folder / "catalog"
    catalog.mkdir()
    products, releases = scale.fleet_products, scale.fleet_releases
    offers = grow(catalog, folder, products=products, releases=releases, boards=1)
    missing = _missing()
    if not missing:
        roll_out(catalog, folder, seed=scale.fleet_releases + _SEED)
    fill_s = fill(folder / "full" / "state", offers, scale.devices)
    checks = [check(offers, number) for number in range(scale.devices)]
    with ExitStack() as stack:
        begin = time.perf_counter()
        full = stack.enter_context(served(catalog, folder / "full"))
        start_s = time.perf_counter() - begin
        _, uvicorn_pid = stack.enter_context(python_module(folder, "bench.constant"))
        uvicorn_port = int(_.rpartition(":")[2])
        sides = {"the fleet": (full.port, full.process.pid), _UVICORN: (uvicorn_port, uvicorn_pid)}
        if _has(_WITHOUT):
            without = stack.enter_context(served(catalog, folder / "without", _WITHOUT))
            sides[_WITHOUT] = without.port, without.process.pid
        before_s = cpu_s(full.process.pid)
        check_all(full.port, checks, scale.concurrency)
        first_us = (cpu_s(full.process.pid) - before_s) * 1e6 / len(checks)
        costs = _rounds(sides, checks, scale)
        results = _constant_rate(full.port, checks, folder, scale.check_ins_s)
        full.end()
        if not missing:
            _need_known(folder / "full" / "state", scale)
    return Report(
        title=f"{products * releases:,} releases, {scale.devices:,} known devices, "
        f"{0 if missing else ROLLOUTS} running rollouts",
        figures=[
            *([f"without what this version lacks: {missing}"] if missing else []),
            f"the store is filled with {figure(scale.devices / fill_s)} devices/s",
            f"CPU for the first check of each device after the start: {figure(first_us)} us",
            *(f"CPU for a check, us, {name}: {spread(costs[name])}" for name in sides),
            f"{_PER_S:,} check-ins per second, ms: "
            + ", ".join(f"{name} {figure(value)}" for name, value in results.shown.items()),
        ],
        goals=_goals(costs, results, start_s, missing),
    )


class _Results:
    """How check-ins at a constant rate went."""

    def __init__(self, loads: Sequence[Mapping[str, Any]]) -> None:
        took_ms = sorted(value for load in loads for value in load["took_ms"])
        sent = sum(load["sent"] for load in loads)
        statuses: dict[str, int] = {}
        for load in loads:
            for status, count in load["statuses"].items():
                statuses[status] = statuses.get(status, 0) + count
        if statuses != {"304": sent}:
            raise BenchError(f"of {sent:,} check-ins, {statuses} were answered")
        self.per_s = sent / max(load["took_s"] for load in loads)
        percentiles = quantiles(took_ms, n=1000)
        self.p99 = percentiles[989]
        self.shown = {
            "median": percentiles[499],
            "p99": self.p99,
            "p99.9": percentiles[998],
            "slowest": took_ms[-1],
        }


def _goals(
    costs: Mapping[str, Sequence[float]], results: _Results, start_s: float, missing: str
) -> list[Goal]:
    ours = costs["the fleet"]
    pairs = list(zip(costs[_UVICORN], ours, strict=True))
    goals = [
        Goal(
            what=f"ratio to {_UVICORN}",
            value=median(theirs / mine if mine else 1.0 for theirs, mine in pairs),
            limit=1.8,
            side="at least",
        ),
        Goal(
            what="check-ins at a constant rate",
            value=results.per_s,
            unit="/s",
            limit=_PER_S * 0.98,
            side="at least",
        ),
        Goal.at_most("a check-in at that rate, 99th percentile", results.p99, 20, "ms"),
        Goal.at_most("start", start_s, 3, "s"),
    ]
    if _WITHOUT in costs and not missing:
        cost = median(
            mine / theirs if theirs else 1.0
            for mine, theirs in zip(ours, costs[_WITHOUT], strict=True)
        )
        goals.insert(0, Goal.at_most(f"ratio of a check's CPU to {_WITHOUT}", cost, 1.25))
    return goals


def _has(option: str) -> bool:
    """Returns whether ``serve`` has an option."""
    with click.Context(command_line) as context:
        serve = command_line.get_command(context, "serve")
    return serve is not None and any(option in each.opts for each in serve.params)


def _missing() -> str:
    """Returns what this version lacks for running rollouts; empty for nothing."""
    names = command_line.list_commands(click.Context(command_line))
    lacks = [*([] if _has(_WITHOUT) else [f"serve {_WITHOUT}"]), *({"policy"} - set(names))]
    return ", ".join(lacks)


def _rounds(
    sides: Mapping[str, tuple[int, int]], checks: Sequence[bytes], scale: Scale
) -> dict[str, list[float]]:
    """Returns the microseconds of CPU for a check, by side and round; all sides take turns."""
    chosen = random.Random(_SEED)
    costs: dict[str, list[float]] = {name: [] for name in sides}
    for port, _ in sides.values():
        check_all(port, chosen.choices(checks, k=max(scale.checks // 10, 1)), scale.concurrency)
    for _ in range(scale.rounds):
        asked = chosen.choices(checks, k=scale.checks)
        for name, (port, pid) in sides.items():
            before_s = cpu_s(pid)
            check_all(port, asked, scale.concurrency)
            costs[name].append((cpu_s(pid) - before_s) * 1e6 / len(asked))
    return costs


def _constant_rate(port: int, checks: Sequence[bytes], folder: Path, lasts_s: float) -> _Results:
    """Lets several processes send check-ins at a constant rate, all devices in turn."""
    processes = []
    for load in range(_LOADS):
        path = folder / f"requests-{load}"
        path.write_bytes(b"".join(checks[load::_LOADS]))
        words = map(str, (port, path, _PER_S / _LOADS, lasts_s))
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "bench.check_load", *words],
                cwd=_ROOT,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
    try:
        outputs = [process.communicate(timeout=lasts_s * 2 + 60)[0] for process in processes]
    except subprocess.TimeoutExpired as error:
        raise BenchError("a process that sends check-ins did not end") from error
    finally:
        for process in processes:
            process.kill()
            process.wait()
    if any(process.returncode for process in processes):
        raise BenchError("a process that sends check-ins failed")
    return _Results([json.loads(output) for output in outputs])


def _need_known(state: Path, scale: Scale) -> None:
    """Makes sure that the server has known the devices, and has kept the rollouts."""
    stored = read(state)
    seen = sum(device.last_seen > LONG_AGO for device in stored.devices.values())
    if seen < min(scale.devices, scale.checks) // 4:
        raise BenchError(f"only {seen:,} of {scale.devices:,} devices have checked in")
    states = sorted(rollout.state for rollout in stored.rollouts)
    if len(states) != ROLLOUTS or set(states) - {"running", "waiting"}:
        raise BenchError(f"the rollouts are not running, but {states}")
