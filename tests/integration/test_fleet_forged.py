"""Headers are not authenticated: what a stranger can do who knows MAC addresses.

They can delay a device. They get it no image that does not fit, is lower or has not reached it, and
they stop no rollout, with its name or with names of their own.
"""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from acpublish.store.fleet_store import FleetStore
from acpublish.store.stored import read, read_live
from tests.support.fleet_devices import FleetDevice
from tests.support.fleet_site import Site, until
from tests.support.server import PATIENCE_S, Answer, RunningServer, read_all

STRANGER = "127.0.0.2"


def forged(server: RunningServer, device: FleetDevice, *headers: str) -> Answer:
    """Asks from another address as a device, with other headers in the place of its own."""
    names = {header.partition(":")[0].lower() for header in headers}
    own = [header for header in device.headers if header.partition(":")[0].lower() not in names]
    lines = "\r\n".join(("Host: localhost", *own, *(h for h in headers if not h.endswith(": -"))))
    request = f"GET /update/{device.product}/{device.board} HTTP/1.0\r\n{lines}\r\n\r\n"
    address = (server.host, server.port)
    with socket.create_connection(address, PATIENCE_S, source_address=(STRANGER, 0)) as link:
        link.sendall(request.encode())
        return Answer.parse(read_all(link))


class Attacked:
    """A site with devices that are known, and its server."""

    def __init__(self, site: Site, server: RunningServer) -> None:
        self.site, self.server = site, server
        self.old = site.images["1.0.0"]
        self.devices = [FleetDevice(number, self.old, boots=False) for number in range(6)]
        for device in self.devices:
            assert device.ask(server).status == 304
        # Only devices known before the stage count.
        assert until(lambda: len(read(site.state).devices) == 6)
        time.sleep(0.2)

    def roll(self, stages: str) -> bytes:
        """Publishes the next release with a policy, and waits until somebody gets it."""
        self.site.policy(stages, halt="1")
        return self.site.publish("1.1.0")

    def state(self) -> str:
        """Returns the state of the last rollout."""
        return read(self.site.state).rollouts[-1].state

    def offered(self) -> set[str]:
        rollout = read(self.site.state).rollouts[-1]
        parts = read_live(self.site.state, rollout).progress.parts()
        return {key for key, part in parts if part.offered_at is not None}


@pytest.fixture
def attacked(tmp_path: Path) -> Iterator[Attacked]:
    site = Site(tmp_path)
    site.publish("1.0.0")
    FleetStore.open(site.state).close()
    with site.serve() as server:
        yield Attacked(site, server)


def rolled_out(attacked: Attacked) -> list[FleetDevice]:
    """Lets a stranger ask for all devices until the first stage reaches somebody; returns whom."""
    reached: list[FleetDevice] = []

    def once() -> bool:
        for device in attacked.devices:
            answer = forged(attacked.server, device)
            if answer.status == 200:
                reached.append(device)
        return bool(reached)

    assert until(once)
    return reached


def test_a_stranger_delays_devices_and_halts_nothing(attacked: Attacked) -> None:
    new = attacked.roll("2,100%")
    reached = {device.id for device in rolled_out(attacked)}
    for _ in range(3):
        # It comes back with the old release, for everybody.
        for device in attacked.devices:
            answer = forged(attacked.server, device)
            if answer.status == 200:
                assert answer.body == new
                reached.add(device.id)
    assert len(reached) == 2, "only what the first stage reaches"
    assert attacked.state() in ("running", "waiting")
    # Devices that were spoken for get nothing lower, and nothing that has not reached them.
    for device in attacked.devices:
        answer = device.ask(attacked.server)
        assert answer.status == 304 or (answer.body == new and device.id in reached)
    assert attacked.offered() == reached


#: What somebody may say of a device; a dash leaves a header out.
LIES = (
    ("x-ESP32-sketch-md5: -", "x-ESP32-version: 0.0.1"),
    ("x-ESP32-version: 99.0.0", f"x-ESP32-sketch-md5: {'e' * 32}"),
    ("x-ESP32-chip-size: 1048576", "x-ESP32-free-space: 1000"),
    ("User-Agent: ESP8266-http-Update", "x-ESP8266-Chip-ID: 1", "x-ESP8266-mode: sketch"),
    ("x-ESP32-mode: spiffs",),
)


def test_lies_about_a_device_get_it_nothing_unfit_lower_or_early(attacked: Attacked) -> None:
    new = attacked.roll("1,100%")
    (reached, *_) = rolled_out(attacked)
    for lies in LIES:
        for device in attacked.devices:
            answer = forged(attacked.server, device, *lies)
            assert answer.body != new or device is reached, lies
            told = device.ask(attacked.server)
            assert told.status == 304 or (device is reached and told.body == new), lies
    assert attacked.state() in ("running", "waiting")
    # What was said of them is not kept once they speak for themselves.
    digest = hashlib.md5(attacked.old).hexdigest()

    def as_they_are() -> bool:
        known = read(attacked.site.state).devices
        return all(known[device.id].report.sketch_md5 == digest for device in attacked.devices)

    assert until(as_they_are)


def test_newcomers_halt_nothing_and_a_known_device_does(attacked: Attacked) -> None:
    new = attacked.roll("100%")
    assert until(lambda: any(r.version == "1.1.0" for r in read(attacked.site.state).rollouts))
    strangers = [FleetDevice(1000 + number, attacked.old, boots=False) for number in range(20)]
    for _ in range(3):
        for device in strangers:
            answer = forged(attacked.server, device)
            assert answer.status == 304 or answer.body == new
    assert attacked.state() in ("running", "waiting")
    victim = attacked.devices[0]
    assert until(lambda: victim.ask(attacked.server).body == new)
    # It comes back with what it ran before.
    assert victim.ask(attacked.server).status == 304
    assert until(lambda: attacked.state() == "halted")
