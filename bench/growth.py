"""What a catalog costs that has grown, and a fleet: checks, the start, and pauses while serving.

The small catalog has ten of each: products with one release, and devices. The grown one has 10,000
releases of 500 products, and its server has seen 100,000 devices. Devices are asked for in random
order, so no product, image or device is more at hand than another.
"""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.catalogs import BOARD, SMALL_BYTES, Offered, grow, product_name
from bench.devices import ask, check_all, device_headers, request, steady_checks
from bench.processes import cpu_s, resident_kb
from bench.report import BenchError, Goal, Report, figure, spread
from bench.scale import Scale
from tests.support.images import esp8266_image
from tests.support.server import START_S, RunningServer, running_server

_TEN = 10
_LIST = "/_catalog?op=list&path=."
_SEED = 14
#: Publishes releases to a catalog and touches the folders of its releases, until it is ended.
_CHANGES = """\
import itertools, os, sys, time
from pathlib import Path
import acpublish
catalog, image, product, board = Path(sys.argv[1]), *sys.argv[2:]
for number in itertools.count(1):
    version = f"2.{number}.0"
    acpublish.publish(image, to=catalog, product=product, version=version, board=board)
    for folder in (catalog / ".acpublish" / "releases").iterdir():
        os.utime(folder)
    print(number, flush=True)
    time.sleep(0.5)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grown:
    """A server over one of the catalogs, and the checks of its devices.

    Attributes:
        server: The server.
        start_s: How long it took to start.
        devices: The requests of the devices that it has seen.
        catalog: The catalog's directory.
    """

    server: RunningServer
    start_s: float
    devices: Sequence[bytes]
    catalog: Path

    def cpu_us(self, checks: Sequence[bytes], concurrency: int) -> float:
        """Returns the server's microseconds of CPU for each of some checks."""
        pid = self.server.process.pid
        before_s = cpu_s(pid)
        check_all(self.server.port, checks, concurrency)
        return (cpu_s(pid) - before_s) * 1e6 / len(checks)


def growth(scale: Scale, folder: Path) -> Report:
    """Compares the same checks of both servers in pairs, then changes the grown catalog."""
    products, releases, boards = scale.products, scale.releases, scale.boards
    chosen = random.Random(_SEED)
    with (
        _grown(folder / "small", products=_TEN, releases=1, boards=1, devices=_TEN) as small,
        _grown(
            folder / "grown",
            products=products,
            releases=releases,
            boards=boards,
            devices=scale.devices,
        ) as grown,
    ):
        rounds: list[tuple[float, float]] = []
        for _ in range(scale.rounds):
            few, many = (
                side.cpu_us(chosen.choices(side.devices, k=scale.checks), scale.concurrency)
                for side in (small, grown)
            )
            rounds.append((few, many))
        few_us, many_us = zip(*rounds, strict=True)
        before_ms = _for_a_while(grown, chosen, scale)
        changes = _Changes(folder, grown)
        with changes.running():
            during_ms = _for_a_while(grown, chosen, scale)
        memory_kb = resident_kb(grown.server.process.pid)
        small_kb = resident_kb(small.server.process.pid)
    cost = median(many / few if few else 1.0 for few, many in rounds)
    return Report(
        title=f"{products * releases:,} releases in {products:,} products "
        f"({products * releases * boards:,} images), {scale.devices:,} devices seen, "
        "compared with ten of each",
        figures=[
            f"CPU for a check, us, ten of each: {spread(few_us)}",
            f"CPU for a check, us, grown: {spread(many_us)}",
            f"start, s: {figure(small.start_s)}, grown {figure(grown.start_s)}",
            f"memory, kB: {small_kb:,.0f}, grown {memory_kb:,.0f}",
            f"50 checks per second of the grown catalog, ms: {spread(before_ms)}",
            f"the same while it changes, ms: {spread(during_ms)}, with {changes.published} "
            "releases published, all folders touched each time, and "
            f"{changes.listed} lists of all products",
        ],
        goals=[
            Goal.at_most("ratio of a check's CPU to ten of each", cost, 1.2),
            Goal.at_most("start", grown.start_s, 3, "s"),
            Goal.at_most("the slowest check while the catalog changes", max(during_ms), 50, "ms"),
        ],
    )


@contextmanager
def _grown(
    folder: Path, *, products: int, releases: int, boards: int, devices: int
) -> Iterator[_Grown]:
    """Runs a server over a catalog, and lets its devices check in once."""
    catalog = folder / "catalog"
    catalog.mkdir(parents=True)
    offers = grow(catalog, folder, products=products, releases=releases, boards=boards)
    begin = time.perf_counter()
    with ExitStack() as stack:
        try:
            server = stack.enter_context(running_server(catalog, folder, "--log", "info"))
        except AssertionError as error:
            raise BenchError(f"the server did not start within {START_S:g} s") from error
        start_s = time.perf_counter() - begin
        if any(text in server.log() for text in ("repaired", "left out", "ERROR")):
            raise BenchError(f"the catalog is not as a publish leaves it: {server.log()[:500]}")
        checks = [_check(offers[number % len(offers)], number) for number in range(devices)]
        check_all(server.port, checks, _TEN)
        yield _Grown(server=server, start_s=start_s, devices=checks, catalog=catalog)


def _check(offered: Offered, number: int) -> bytes:
    """Returns the up-to-date check of a device."""
    mac = ":".join(f"{byte:02X}" for byte in (0xDE0000000000 + number).to_bytes(6, "big"))
    return request(offered.address, device_headers(offered.md5, mac))


def _for_a_while(grown: _Grown, chosen: random.Random, scale: Scale) -> list[float]:
    end = time.monotonic() + scale.steady_s
    checks = chosen.choices(grown.devices, k=1000)
    return steady_checks(grown.server.port, checks, lambda: time.monotonic() > end)


class _Changes:
    """Another process that publishes, and someone who lists all products meanwhile.

    The releases are of a product that no device of the measurement asks for: they would get them.
    """

    def __init__(self, folder: Path, grown: _Grown) -> None:
        self.published = 0
        self.listed = 0
        self._port = grown.server.port
        image = folder / "changed.bin"
        image.write_bytes(esp8266_image(size=SMALL_BYTES, seed=_SEED))
        self._arguments = (str(grown.catalog), str(image), product_name(0), BOARD)
        self._ended = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Makes the changes, from the first one on, until the block ends."""
        process = subprocess.Popen(
            [sys.executable, "-c", _CHANGES, *self._arguments], stdout=subprocess.PIPE, text=True
        )
        lists = threading.Thread(target=self._list)
        try:
            if process.stdout is None or not process.stdout.readline():
                raise BenchError("nothing could be published to the grown catalog")
            lists.start()
            yield
        finally:
            self._ended.set()
            process.terminate()
            output, _ = process.communicate()
            self.published = 1 + output.count("\n")
            if lists.ident is not None:
                lists.join()

    def _list(self) -> None:
        while not self._ended.wait(0.2):
            if ask(self._port, _LIST).status == 200:
                self.listed += 1
