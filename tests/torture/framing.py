"""The promise "one request for both sides, or refused": every case of the corpus, by five ways.

A request is read if our own access log has it. It must be one that the proxy forwarded; and one
that the proxy forwarded and has a proper response for must have been read. Where nothing in between
reads HTTP, all ways must read the same, and so must h11 as far as it reads.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h11

from tests.support.server import running_command
from tests.torture.corpus import NAME, Case, cases
from tests.torture.exchanges import exchange
from tests.torture.rows import Row
from tests.torture.ways import Way, forwarded_of, ways_to

PROMISE = "one request for both sides, or refused"
#: At the same time, by each way.
CONNECTIONS = 80
#: How long a client waits for more, before it ends its side.
_QUIET_S = 2.0
_PAUSE_S = 0.004
_PATIENCE_S = 8.0
_READ = re.compile(r"^\S+ \S+ 127\.0\.0\.1 \S+ (?P<target>.*) (?P<status>\d{3})(?: \(.*)?$")
_MARKER = re.compile(r"/m/([A-Z]\d{6})-(\d)")
#: Several hundred connections send bodies at once here; the limit for that would refuse some.
_UNLIMITED = """\
import sys
from acpublish.server import connections
connections.MAX_HANDED_OVER = 10**9
from acpublish.cli import main
sys.exit(main())
"""
#: The statuses with which a server or a proxy refuses to read on.
_REFUSED = (0, 400, 408, 411, 413, 414, 417, 421, 431, 501, 502, 503, 504, 505)


@dataclass(slots=True)
class Differences:
    """What was counted, and each difference.

    Attributes:
        cases: How many cases there were.
        exchanges: How many connections, over all ways.
        read: How many requests our server read.
        forwarded: How many the proxies forwarded that read HTTP.
        refused: How many of those got no proper response.
        silent: How many connections did not end in time.
        found: Each difference, in words.
    """

    cases: int = 0
    exchanges: int = 0
    read: int = 0
    forwarded: int = 0
    refused: int = 0
    silent: int = 0
    found: list[str] = field(default_factory=list)


def measure(tmp: Path, every: int = 1) -> Row:
    """Runs the corpus, or a part of it, and returns the row of the table.

    Args:
        tmp: An empty folder.
        every: Takes every so many-th case.
    """
    begin = time.monotonic()
    result = compare(tmp, cases()[::every])
    numbers = (
        f"{result.cases:,} cases, {result.exchanges:,} connections by 5 ways; {result.read:,} "
        f"requests read, {result.forwarded:,} forwarded by HTTP proxies, {result.refused:,} of "
        "them refused"
    )
    return Row(
        PROMISE, numbers, result.found, f"{len(result.found)} differ", time.monotonic() - begin
    )


def compare(tmp: Path, chosen: Sequence[Case]) -> Differences:
    """Runs cases by all ways, and compares what both sides read.

    Raises:
        Unavailable: A proxy is not installed.
    """
    (tmp / "catalog").mkdir()
    result = Differences(cases=len(chosen))
    command = [
        *(sys.executable, "-c", _UNLIMITED, "serve", "--bind", "127.0.0.1", "--port", "0"),
        *("--catalog", str(tmp / "catalog"), "--state", str(tmp / "state")),
    ]
    with running_command(command, tmp) as server:
        with ways_to(server, tmp) as ways:
            result.silent = asyncio.run(_run_all(ways, chosen))
            result.exchanges = len(ways) * len(chosen)
        log = server.end()
    assert "lines of the log were dropped" not in log
    read = _read(log, result)
    _compare_proxies([way for way in ways if way.parses], chosen, read, result)
    _compare_plain([way for way in ways if not way.parses], chosen, read, result)
    return result


def name_of(way: Way, number: int) -> str:
    """Returns the name of a case on a way."""
    return f"{way.letter}{number:06d}"


async def _run_all(ways: Sequence[Way], chosen: Sequence[Case]) -> int:
    return sum(await asyncio.gather(*(_run(way, chosen) for way in ways)))


async def _run(way: Way, chosen: Sequence[Case]) -> int:
    """Runs cases by one way; returns how many connections did not end."""
    waiting = iter(enumerate(chosen))
    silent = 0

    async def run() -> None:
        nonlocal silent
        for number, case in waiting:
            ended = await exchange(
                way.port,
                case.parts(name_of(way, number).encode()),
                pause_s=_PAUSE_S,
                quiet_s=0 if case.ends else _QUIET_S,
                patience_s=_PATIENCE_S,
            )
            silent += not ended

    await asyncio.gather(*(run() for _ in range(CONNECTIONS)))
    return silent


def _read(log: str, result: Differences) -> dict[str, list[int]]:
    """Returns the numbers of the requests that our server read, by case."""
    read: dict[str, list[int]] = {}
    for line in log.splitlines():
        match = _READ.match(line)
        if match is None:
            if "ERROR" in line or "Traceback" in line:
                result.found.append(f"the log has: {line}")
            continue
        result.read += 1
        markers = _MARKER.findall(match["target"])
        if markers:
            name, number = markers[0]
            read.setdefault(name, []).append(int(number))
        else:
            result.found.append(f"a target that nobody sent was read: {match['target']}")
    return read


def _compare_proxies(
    ways: Sequence[Way], chosen: Sequence[Case], read: dict[str, list[int]], result: Differences
) -> None:
    for way in ways:
        forwarded = forwarded_of(way)
        for number, case in enumerate(chosen):
            name = name_of(way, number)
            ours, theirs = read.get(name, []), forwarded.get(name, [])
            difference = read_by_both(ours, theirs)
            result.forwarded += len(theirs)
            result.refused += sum(status in _REFUSED for _, status in theirs)
            if difference:
                result.found.append(_difference(way, name, case, difference))


def read_by_both(read: Sequence[int], forwarded: Sequence[tuple[int, int]]) -> str:
    """Compares the requests that our server read with those that a proxy forwarded.

    Args:
        read: Their numbers.
        forwarded: Their numbers, and the statuses of their responses.

    Returns:
        What is different; empty if nothing is.
    """
    # A proxy may use a connection for each, so ours may log them in another order.
    theirs = Counter(number for number, _ in forwarded)
    answered = Counter(number for number, status in forwarded if status not in _REFUSED)
    if not Counter(read) <= theirs:
        return f"read {read}, forwarded {forwarded}"
    if not answered <= Counter(read):
        return f"answered {forwarded}, read {read}"
    return ""


def _compare_plain(
    ways: Sequence[Way], chosen: Sequence[Case], read: dict[str, list[int]], result: Differences
) -> None:
    for number, case in enumerate(chosen):
        ours = [read.get(name_of(way, number), []) for way in ways]
        for way, other in zip(ways[1:], ours[1:], strict=True):
            if other != ours[0]:
                text = f"read {other}, direct {ours[0]}"
                result.found.append(_difference(way, name_of(way, number), case, text))
        if case.expects is not None and ours[0] != list(case.expects):
            text = f"read {ours[0]}, not {list(case.expects)}"
            result.found.append(_difference(ways[0], name_of(ways[0], number), case, text))
        theirs = _by_h11(case.data)
        if any(a != b for a, b in zip(ours[0], theirs, strict=False)):
            text = f"read {ours[0]}, h11 {theirs}"
            result.found.append(_difference(ways[0], name_of(ways[0], number), case, text))


def _by_h11(data: bytes) -> list[int]:
    """Returns the numbers of the requests that h11 reads, up to the first that it refuses."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    connection.receive_data(data.replace(NAME, b"D000000"))
    numbers = []
    with contextlib.suppress(h11.ProtocolError):
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                markers = _MARKER.findall(event.target.decode("latin-1"))
                numbers.append(int(markers[0][1]) if markers else -1)
            elif isinstance(event, h11.EndOfMessage):
                connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is not h11.DONE:
                    break
                connection.start_next_cycle()
            elif event in (h11.NEED_DATA, h11.PAUSED):
                break
    return numbers


def _difference(way: Way, name: str, case: Case, what: str) -> str:
    sent = b" | ".join(case.parts(name.encode()))
    return f"{way.name} {name} ({case.kind}): {what}: {sent[:400]!r}"


def kinds(found: Sequence[str]) -> Counter[str]:
    """Counts differences by way and kind."""
    return Counter(re.sub(r" \w\d{6} ", " ", text.partition("):")[0]) for text in found)
