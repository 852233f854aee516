"""Checks of devices while browsers watch the overview, and without them, in turn."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import IO

from bench.devices import steady_checks
from bench.processes import cpu_s
from bench.report import BenchError, figure, percentile
from bench.scale import Scale
from tests.support.server import RunningServer

_ROOT = Path(__file__).resolve().parents[1]
_SEED = 16
_TOPIC = "fleet"


@dataclass(slots=True)
class _Side:
    """Checks with browsers that watch, or without them; by round.

    Attributes:
        took_ms: How many ms each took.
        cores: The server's share of a core meanwhile.
    """

    took_ms: list[list[float]] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)

    def line(self, name: str) -> str:
        """Returns it for a person."""
        every = [value for values in self.took_ms for value in values]
        return (
            f"a check {name} browsers that watch: {figure(median(every))} (99th percentile "
            f"{figure(percentile(every, 99))}), {figure(median(self.cores) * 100)} % of a core"
        )


@dataclass(slots=True)
class WatchedChecks:
    """Checks with and without browsers that watch.

    Attributes:
        without: Without them.
        watched: With them.
        least: By round, how often the browser got other rows of check-ins that got them least.
        size: By round, how many bytes all of them got.
    """

    without: _Side = field(default_factory=_Side)
    watched: _Side = field(default_factory=_Side)
    least: list[int] = field(default_factory=list)
    size: list[int] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """How much longer a check takes with them: the median of the rounds' ratios."""
        pairs = zip(self.watched.took_ms, self.without.took_ms, strict=True)
        return median(median(mine) / median(theirs) for mine, theirs in pairs)

    def lines(self) -> list[str]:
        """Returns them for a person."""
        kb = median(self.size) / 1000
        return [
            self.without.line("without"),
            self.watched.line("with"),
            f"other rows for a browser in a round, at least: {min(self.least)} times; for all "
            f"{kb:,.0f} kB",
        ]


def watched_checks(
    server: RunningServer, cookie: str, checks: Sequence[bytes], scale: Scale
) -> WatchedChecks:
    """Lets devices check in, in rounds with and without browsers that watch the overview.

    Args:
        server: The server.
        cookie: That of a session that may see the fleet.
        checks: Checks of devices that are up to date; they change what the overview shows.
        scale: How long, and how many browsers.

    Raises:
        BenchError: A browser was not told what has changed.
    """
    result, chosen = WatchedChecks(), random.Random(_SEED)
    for number in range(scale.rounds):
        asked = chosen.sample(checks, len(checks))
        # Neither side is always the first, in case the machine gets slower or quicker.
        for is_watched in (number % 2 == 0, number % 2 == 1):
            if is_watched:
                with _browsers(server.port, cookie, scale.watchers) as browsers:
                    _check_in(server, asked, scale, result.watched)
                    least, size = browsers.end()
                result.least.append(least)
                result.size.append(size)
            else:
                _check_in(server, asked, scale, result.without)
    if min(result.least) < 1:
        raise BenchError("a browser that watched was not told what has changed")
    return result


def _check_in(server: RunningServer, checks: Sequence[bytes], scale: Scale, side: _Side) -> None:
    pid = server.process.pid
    before_s, begin = cpu_s(pid), time.perf_counter()
    until = begin + scale.steady_s
    side.took_ms.append(steady_checks(server.port, checks, lambda: time.perf_counter() > until))
    side.cores.append((cpu_s(pid) - before_s) / (time.perf_counter() - begin))


class _Browsers:
    """Browsers that watch, in a process of their own."""

    def __init__(self, process: subprocess.Popen[str], output: IO[str]) -> None:
        self._process, self._output = process, output
        self._at_first = self._result()

    def end(self) -> tuple[int, int]:
        """Returns how often each got other rows at least, and how many bytes all got."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        least, size = self._result()
        return least - self._at_first[0], size - self._at_first[1]

    def _result(self) -> tuple[int, int]:
        line = self._output.readline()
        if not line:
            raise BenchError("the browsers that watch have ended")
        result = json.loads(line)
        return result["least"], result["bytes"]


@contextmanager
def _browsers(port: int, cookie: str, count: int) -> Iterator[_Browsers]:
    """Runs browsers that watch the overview; all have got something when it yields."""
    command = [sys.executable, "-m", "bench.watching", str(port), str(count), _TOPIC]
    with subprocess.Popen(
        command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            if process.stdin is None or process.stdout is None:
                raise BenchError("the browsers that watch have no pipes")
            process.stdin.write(f"{cookie}\n")
            process.stdin.flush()
            yield _Browsers(process, process.stdout)
        finally:
            process.kill()
