"""A simulated fleet in front of a real server: each request and each image goes over the network.

1. The devices are those of :mod:`acpublish.simulation`, and each of their requests is that of the
   software device. So a server cannot tell them from real ones, except by their MAC addresses.
2. Only the time of the devices is compressed: how often they check in, how long they boot, sleep
   and are away, and how fast they download. The server's clock is real, and so is all that it
   measures itself: soak, windows, silence, the penalty box.
3. A rollout starts when the first device gets another image than it started with; that release is
   the new one of the profile.
4. Who has no connection free waits, so a machine that is too slow is late, and says how much.
"""

from __future__ import annotations

import hashlib
import heapq
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import NamedTuple

from acpublish.emulator.connection import Endpoint
from acpublish.emulator.experienced import Experienced
from acpublish.emulator.known_images import KnownImages
from acpublish.emulator.profile import DeviceOptions, UpdateOutcome, UpdateResult
from acpublish.emulator.request import Running
from acpublish.emulator.updater import Device
from acpublish.simulation.behaviour import Behaviour
from acpublish.simulation.fleet_profile import Profile
from acpublish.simulation.population import Population
from acpublish.wire import UPDATE_PREFIX

#: What a device reports as the size of its sketch.
_SKETCH_BYTES = 400_000
#: How much of an image a device reads whose download breaks off.
_BROKEN_OFF = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast a fleet lives.

    Attributes:
        speed: How many seconds of the fleet pass in one second.
        connections: How many connections there are at once.
        lasts: How many seconds of the fleet it lasts at most.
    """

    speed: float
    connections: int
    lasts: int


class _Visit(NamedTuple):
    """How a request of a device ended.

    Attributes:
        number: The device.
        breaks: Whether it hangs up in the middle of an image.
        outcome: How it ended, without the image.
        md5: The MD5 of the image; empty if it received none.
    """

    number: int
    breaks: bool
    outcome: UpdateOutcome
    md5: str


class FleetOverHttp:
    """A simulated fleet, and what it experiences with a server.

    Attributes:
        experienced: What has come of it so far.
        latest_s: How late the latest request was, in real seconds.
    """

    def __init__(
        self,
        server: Endpoint,
        images: KnownImages,
        profile: Profile,
        pace: Pace,
        *,
        devices: int,
        seed: int = 1,
        channel: str | None = None,
    ) -> None:
        """Draws the devices, and gives each its first check-in.

        Args:
            server: The server, with the credentials of devices if there are any.
            images: What it publishes.
            profile: What the fleet is like; its boards and releases are those of the server.
            pace: How fast it lives.
            devices: How many there are.
            seed: Decides all that is left to chance to devices.
            channel: The channel that all of them name; None if they name none.
        """
        self._server, self._images, self._pace = server, images, pace
        self._population = Population(profile, devices, seed, images.digests)
        self._behaviour = Behaviour(self._population, seed)
        self.experienced = Experienced(self._population, profile.name, images.product, seed)
        self.latest_s = 0.0
        self._query = f"?channel={channel}" if channel else ""
        self._sites = server.host.startswith("127.") and _can_connect_from("127.10.0.1")
        self._due = [(self._behaviour.first_check(number), number) for number in range(devices)]
        heapq.heapify(self._due)
        # Who still checks in, and does not run the new release.
        self._without = set(range(devices))
        self._ended: SimpleQueue[Future[_Visit]] = SimpleQueue()
        self._busy = 0
        self._begin = 0.0

    def run(self, started: Callable[[str, int], None] | None = None) -> Experienced:
        """Lets the fleet live until each device runs the new release, or the time is over.

        Args:
            started: Called with the new release, and when the first device has received it.

        Returns:
            What has come of it; with Ctrl-C, so far.

        Raises:
            AcpublishError: The releases could not be read again.
        """
        self._begin = time.monotonic()
        pool = ThreadPoolExecutor(self._pace.connections)
        try:
            while not self._over():
                self._send_due(pool)
                self._take_in(started)
        except KeyboardInterrupt:
            pass
        finally:
            pool.shutdown(cancel_futures=True)
        self.experienced.conclude(self._behaviour, self._second())
        return self.experienced

    def _second(self) -> int:
        """Returns how many seconds of the fleet have passed."""
        return int((time.monotonic() - self._begin) * self._pace.speed)

    def _over(self) -> bool:
        return not self._without or self._second() >= self._pace.lasts

    def _send_due(self, pool: ThreadPoolExecutor) -> None:
        """Sends the requests of the devices whose time has come."""
        second = self._second()
        while self._due and self._due[0][0] <= second and self._busy < self._pace.connections:
            due, number = heapq.heappop(self._due)
            kind = self._population.kinds[number]
            if self._behaviour.gone(number, second):
                self._without.discard(number)
                continue
            back_on = self._behaviour.back_on(kind, second)
            if back_on is not None:
                heapq.heappush(self._due, (back_on, number))
            elif not self._behaviour.connected(kind, second):
                self._again(number, second)
            else:
                self.latest_s = max(self.latest_s, (second - due) / self._pace.speed)
                self._busy += 1
                self.experienced.checks += 1
                self._request(pool, number)

    def _request(self, pool: ThreadPoolExecutor, number: int) -> None:
        """Lets a device request an update, in another thread."""
        kind = self._population.kinds[number]
        report = self._population.reports[number]
        breaks = not self._behaviour.whole(kind)
        options = DeviceOptions(
            chip=kind.family,
            model=kind.chip if kind.family == "esp32" else None,
            version=report.version,
            mac=report.mac.upper() if report.mac else None,
            sends_mac=report.mac is not None,
            free_space=report.free_space,
            bytes_per_s=kind.speed * 1000 * self._pace.speed,
            reads_share=_BROKEN_OFF if breaks else 1.0,
            source=self._source(number),
        )
        if report.chip_size is not None:
            options = replace(options, chip_size=report.chip_size)
        running = Running(
            size=_SKETCH_BYTES,
            md5=report.sketch_md5 or "",
            sha256=(report.sketch_sha256 or "").upper(),
        )
        path = self._server.target.decode("utf-8", "surrogateescape").rstrip("/")
        target = f"{path}{UPDATE_PREFIX}{self._images.product}/{kind.board}{self._query}"
        raw = target.encode("utf-8", "surrogateescape")

        def visit() -> _Visit:
            outcome = Device(options).update(self._server, raw, running)
            image = outcome.image or b""
            md5 = hashlib.md5(image, usedforsecurity=False).hexdigest() if image else ""
            return _Visit(number, breaks, replace(outcome, image=None), md5)

        pool.submit(visit).add_done_callback(self._ended.put)

    def _take_in(self, started: Callable[[str, int], None] | None) -> None:
        """Takes in how requests ended, until the next device is due."""
        wait_s = 0.1
        if self._due and self._busy < self._pace.connections:
            due_s = self._begin + self._due[0][0] / self._pace.speed
            wait_s = min(wait_s, max(0.0, due_s - time.monotonic()))
        try:
            visit = self._ended.get(timeout=wait_s).result()
            while True:
                self._busy -= 1
                self._after(visit, started)
                visit = self._ended.get_nowait().result()
        except Empty:
            return

    def _after(self, visit: _Visit, started: Callable[[str, int], None] | None) -> None:
        """Lets a device boot what it has received, and puts its next check-in."""
        number, second, behaviour = visit.number, self._second(), self._behaviour
        kind = self._population.kinds[number]
        if visit.outcome.status == 200:
            self.experienced.offered(number)
            if behaviour.start_s is None:
                behaviour.start_s = second
        if visit.outcome.result is UpdateResult.NO_UPDATE:
            self._again(number, second + behaviour.nap(kind))
        elif visit.outcome.result is UpdateResult.FAILED:
            if visit.breaks and visit.outcome.status == 200:
                self.experienced.broken += 1
            else:
                self.experienced.failures[visit.outcome.reason] += 1
            self._again(number, second)
        else:
            version = self._version(visit.md5)
            new = not behaviour.rolling and version != kind.runs
            if new:
                behaviour.rolling = version
            self._boot(number, version, second)
            if new and started is not None:
                started(version, second)

    def _boot(self, number: int, version: str, second: int) -> None:
        behaviour = self._behaviour
        self.experienced.received(number, new=version == behaviour.rolling)
        back = behaviour.comes_back(number, version)
        if back:
            heapq.heappush(self._due, (second + self._population.kinds[number].boot, number))
        if back and self._population.runs[number] != behaviour.rolling:
            self._without.add(number)
        else:
            self._without.discard(number)
        self.experienced.sampled(behaviour, second)

    def _again(self, number: int, second: int) -> None:
        heapq.heappush(self._due, (second + int(self._behaviour.interval(number)), number))

    def _version(self, md5: str) -> str:
        version = self._images.version_of(md5)
        if version is None:
            self._images.refresh()
            version = self._images.version_of(md5)
        return version or f"unpublished-{md5[:8]}"

    def _source(self, number: int) -> str | None:
        """Returns the address that a device connects from: on loopback, each site has its own."""
        if not self._sites:
            return None
        first, second, *rest = map(int, self._population.addresses[number].split("."))
        return ".".join(map(str, (127, first + second, *rest)))


def _can_connect_from(address: str) -> bool:
    """Returns whether this machine lets a connection come from an address: not all have 127/8."""
    with socket.socket() as link:
        try:
            link.bind((address, 0))
        except OSError:
            return False
    return True
