"""How much is measured: everything, or just enough to check that it works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The counts and times of all measurements.

    Attributes:
        rounds: How often the two sides take turns.
        images: Downloads of one round.
        small_answers: Checks or lists of one round.
        concurrency: Clients of one round at the same time.
        products: Products of the catalog that has grown.
        releases: Releases of each.
        boards: Images of each release.
        devices: Devices that the grown catalog's server has seen.
        checks: Checks of different devices in one round.
        steady_s: How long 50 checks per second go on.
        slow_clients: Slow downloads at the same time.
        slow_s: How long they last.
        burst: Connections that are opened at the same moment.
        bursts: How often.
        entries: Entries of a list.
        files: Files of the large catalog.
        expired: How often the large catalog is listed after its kept list has expired.
        builds: Pairs of builds.
        processes: Pairs of started interpreters.
        passes: Passes over an image.
        check_ins_s: How long a store, and a server, get 5,000 check-ins per second.
        fleet_products: Products of the server that knows a fleet.
        fleet_releases: Releases of each.
        one_product: Releases of one more product of a server whose pages are visited.
        visits: How often each page is visited.
        visits_every_s: How long it takes at least until a page is visited again.
        watchers: Browsers that watch the overview.
    """

    rounds: int = 7
    images: int = 700
    small_answers: int = 8000
    concurrency: int = 16
    products: int = 500
    releases: int = 20
    boards: int = 5
    devices: int = 100_000
    checks: int = 8000
    steady_s: float = 10.0
    slow_clients: int = 10_000
    slow_s: float = 20.0
    burst: int = 1500
    bursts: int = 7
    entries: int = 100
    files: int = 10_000
    expired: int = 4
    builds: int = 20
    processes: int = 15
    passes: int = 15
    check_ins_s: float = 60.0
    fleet_products: int = 10
    fleet_releases: int = 100
    one_product: int = 1000
    visits: int = 20
    visits_every_s: float = 2.5
    watchers: int = 20


FULL = Scale()
SHORT = Scale(
    rounds=1,
    images=20,
    small_answers=50,
    concurrency=4,
    products=12,
    releases=2,
    boards=2,
    devices=50,
    checks=40,
    steady_s=0.5,
    slow_clients=20,
    slow_s=1.0,
    burst=20,
    bursts=1,
    entries=20,
    files=200,
    expired=1,
    builds=1,
    processes=1,
    passes=1,
    check_ins_s=0.2,
    fleet_products=4,
    fleet_releases=2,
    one_product=12,
    visits=1,
    visits_every_s=0.0,
    watchers=2,
)
