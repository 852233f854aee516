"""The pages: how long each takes, and what browsers that watch add to the checks of devices.

The server has 1,000 releases, 100,000 known devices, three running rollouts, and one more product
with 1,000 releases. All pages are visited in turn, so that nothing is still there from the visit
before that is kept for those who look at about the same time. Then devices check in steadily, and
browsers watch the overview in every other round.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median

from acpublish.fleet.known_device import Device
from acpublish.store.stored import read
from bench.catalogs import IMAGE_BYTES, grow, grow_one, product_name
from bench.devices import check_all
from bench.known_fleet import ROLLOUTS, check, fill, roll_out, served
from bench.page_paths import PAGES, UPLOAD, page_paths
from bench.page_visitor import Visitor
from bench.processes import cpu_s
from bench.report import BenchError, Goal, Report, figure, percentile
from bench.scale import Scale
from bench.store import known_device
from bench.watched_checks import watched_checks
from tests.support.images import esp8266_image
from tests.support.server import RunningServer
from tests.support.tokens import create_token

_SEED = 16
_MANY = "many"
_ROWS = 50
_MOST_MS = 100
_MOST_ADDED = 1.1
#: Those whose checks are measured; each has checked in before.
_CHECKING = 2000
_START_S = 60.0


def pages(scale: Scale, folder: Path) -> Report:
    """Visits all pages, and then lets devices check in with and without browsers that watch."""
    catalog, side = folder / "catalog", folder / "full"
    catalog.mkdir()
    products, releases = scale.fleet_products, scale.fleet_releases
    offers = grow(catalog, folder, products=products, releases=releases, boards=1)
    grow_one(catalog, _MANY, scale.one_product)
    roll_out(catalog, folder, seed=releases + _SEED)
    names = {
        "product": product_name(0),
        "many": _MANY,
        "old": f"1.{releases - 2}.0",
        "new": f"1.{releases - 1}.0",
        "device": known_device(0, product_name(0), "b0", "").id,
    }
    vary = _Variety(names["old"], time.time())
    fill(side / "state", offers, scale.devices, vary)
    token = create_token(side / "state", "*", manage=True, name="visitor")
    chosen = random.Random(_SEED).sample(range(scale.devices), min(_CHECKING, scale.devices))
    checks = [check(offers, number) for number in chosen]
    with served(catalog, side) as server, Visitor(server.port, token) as visitor:
        names["rollout"] = _rollout(side / "state")
        # Devices that have just checked in are what the pages show first.
        check_all(server.port, checks, scale.concurrency)
        paths = page_paths(names, -(-scale.devices // _ROWS))
        visits = _visit(server, visitor, [_Visits(*each) for each in paths], scale)
        watched = watched_checks(server, visitor.cookie, checks, scale)
    return Report(
        title=f"{products * releases + scale.one_product:,} releases, {scale.one_product:,} of "
        f"them of one product, {scale.devices:,} known devices, {ROLLOUTS} running rollouts; ms",
        figures=[
            *(each.line() for each in sorted(visits, key=lambda own: -own.median)),
            *watched.lines(),
        ],
        goals=[
            *(_slowest(kind, visits) for kind in dict.fromkeys(own.kind for own in visits)),
            Goal.at_most(
                f"ratio of a check while {scale.watchers} browsers watch the overview to one "
                "without them",
                watched.ratio,
                _MOST_ADDED,
            ),
        ],
    )


@dataclass(frozen=True, slots=True)
class _Variety:
    """Makes each device one of many that are not all the same.

    Attributes:
        older: What those run that are not up to date.
        now: The present, in seconds since 1970.
    """

    older: str
    now: float

    def __call__(self, number: int, device: Device) -> None:
        """Changes a device."""
        device.last_seen = self.now - 2 * number
        device.groups = frozenset({f"house-{number % 100}"})
        if number % 10 == 1:
            device.runs, device.tags = self.older, frozenset({"indoor"})
        if number % 5 == 0:
            device.name = f"Lamp in room {number}"
        if number % 200 == 3:
            device.obstacle = "the image does not fit"


def _rollout(state: Path) -> str:
    """Returns the id of a rollout, which the server has found in the catalog."""
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        if rollouts := read(state).rollouts:
            return rollouts[0].id
        time.sleep(0.2)
    raise BenchError("the server does not know the rollouts of the catalog")


@dataclass(slots=True)
class _Visits:
    """How a page was visited.

    Attributes:
        kind: What it is measured as.
        path: Its address, or what was done.
        took_ms: How long each visit took.
        cpu_ms: The server's CPU time meanwhile, which other work on the machine changes less.
    """

    kind: str
    path: str
    took_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The median, in ms."""
        return median(self.took_ms)

    @contextmanager
    def one(self, server: RunningServer) -> Iterator[None]:
        """Notes how long a visit takes."""
        before_s, begin = cpu_s(server.process.pid), time.perf_counter()
        yield
        self.took_ms.append((time.perf_counter() - begin) * 1000)
        self.cpu_ms.append((cpu_s(server.process.pid) - before_s) * 1000)

    def line(self) -> str:
        """Returns it for a person."""
        p95, cpu_ms = percentile(self.took_ms, 95), mean(self.cpu_ms)
        return (
            f"{self.path}: {figure(self.median)} (95th percentile {figure(p95)}, "
            f"CPU {figure(cpu_ms)})"
        )


def _visit(
    server: RunningServer, visitor: Visitor, visits: Sequence[_Visits], scale: Scale
) -> list[_Visits]:
    """Visits all pages in turn, and drops a file each time.

    What the first visits show has not been read yet since the start, and is not counted.
    """
    image = esp8266_image(size=IMAGE_BYTES, seed=_SEED)
    for visit in visits:
        visitor.get(visit.path)
    dropped = _Visits(PAGES, "a file of 1 MiB is dropped")
    look = _Visits(PAGES, "the look at a file that was dropped")
    for number in range(scale.visits):
        begin = time.monotonic()
        for visit in visits:
            with visit.one(server):
                visitor.get(visit.path)
        with dropped.one(server):
            visitor.drop(image)
        visitor.describe(product=product_name(0), version=f"3.{number}.0", board="b0")
        with look.one(server):
            visitor.get(UPLOAD)
        visitor.remove()
        time.sleep(max(0, begin + scale.visits_every_s - time.monotonic()))
    return [*visits, dropped, look]


def _slowest(kind: str, visits: Sequence[_Visits]) -> Goal:
    slowest = max((visit for visit in visits if visit.kind == kind), key=lambda own: own.median)
    what = f"{kind}, the slowest median ({slowest.path})"
    return Goal.at_most(what, slowest.median, _MOST_MS, "ms")
