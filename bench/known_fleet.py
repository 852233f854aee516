"""A server that knows its devices: a store that is filled, running rollouts, and checks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import acpublish
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.fleet.known_device import Device
from acpublish.fleet.policy import Policy
from acpublish.release.rollout_changes import RolloutChange
from acpublish.store.fleet_store import FleetStore
from acpublish.wire import Report as ReportedHeaders
from acpublish.wire import read_report
from bench.catalogs import SMALL_BYTES, Offered, product_name
from bench.devices import device_headers, request
from bench.report import BenchError
from bench.store import known_device
from tests.support.images import esp8266_image
from tests.support.server import START_S, RunningServer, running_server

ROLLOUTS = 3
_TAG = "canary"


def roll_out(catalog: Path, folder: Path, *, seed: int) -> None:
    """Starts rollouts: by a policy and a publish, as people do.

    Args:
        catalog: The catalog's directory; it was filled by :func:`bench.catalogs.grow`.
        folder: Where the image is made.
        seed: Chooses its contents.
    """
    image = folder / "rolling.bin"
    image.write_bytes(esp8266_image(size=SMALL_BYTES, seed=seed))
    changes = DirectoryCatalog(catalog).changes
    policy = RolloutChange(
        action="policy",
        channel="stable",
        policy=Policy.parse(f"tag:{_TAG},100%", soak="24h").to_dict(),
    )
    for number in range(ROLLOUTS):
        product = product_name(number)
        changes.make(product, policy)
        acpublish.publish(image, to=catalog, product=product, version="2.0.0", board="b0")


def _as_it_is(number: int, device: Device) -> None:
    """Changes nothing."""


def fill(
    state: Path,
    offers: Sequence[Offered],
    count: int,
    change: Callable[[int, Device], None] = _as_it_is,
) -> float:
    """Makes devices known, up to date, and one more for each rollout, which is its first.

    Args:
        state: The state folder.
        offers: What the products offer, in turn.
        count: How many devices.
        change: Changes a device, by its number, before it is kept.

    Returns:
        How many seconds that took.
    """
    state.mkdir(parents=True)
    begin = time.perf_counter()
    store = FleetStore.open(state)
    for number in range(count):
        offered = offers[number % len(offers)]
        device = known_device(number, product_name(number % len(offers)), "b0", offered.md5)
        device.report = _report(offered.md5, device)
        change(number, device)
        store.note(device)
    for number in range(ROLLOUTS):
        canary = known_device(count + number, product_name(number), "b0", offers[number].md5)
        canary.tags = frozenset({_TAG})
        store.note(canary)
    store.written().result(600)
    store.close()
    return time.perf_counter() - begin


def _report(md5: str, device: Device) -> ReportedHeaders:
    """Returns what a device's checks say about itself."""
    lines = (line.split(": ", 1) for line in device_headers(md5, (device.mac or "").upper()))
    return read_report([(name.lower().encode(), value.encode()) for name, value in lines])


def check(offers: Sequence[Offered], number: int) -> bytes:
    """Returns the check of one of the devices that :func:`fill` has made known."""
    offered = offers[number % len(offers)]
    mac = known_device(number, "", "", "").mac or ""
    return request(offered.address, device_headers(offered.md5, mac.upper()))


@contextmanager
def served(catalog: Path, folder: Path, *options: str) -> Iterator[RunningServer]:
    """Runs a server.

    Args:
        catalog: The catalog's directory.
        folder: Where its log and its state folder are.
        options: Further options of ``acpublish serve``.

    Raises:
        BenchError: It does not start.
    """
    folder.mkdir(exist_ok=True)
    with ExitStack() as stack:
        try:
            yield stack.enter_context(running_server(catalog, folder, "--log", "info", *options))
        except AssertionError as error:
            raise BenchError(f"the server did not start within {START_S:g} s") from error
