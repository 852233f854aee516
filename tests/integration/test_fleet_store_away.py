"""A real server whose store is locked, full, damaged or of a newer version.

While the store cannot be written, what nobody has to count is served all the same; what has to be
counted hears 304, nobody waits for long, and all of it is there once the store is back.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from acpublish.control.open_fleet import open_fleet
from acpublish.errors import StoreError
from acpublish.publishing.destinations import trace_requests
from acpublish.publishing.options import Destination
from acpublish.store.copies import back_up, restore
from acpublish.store.database import path_of
from acpublish.store.fleet_store import FleetStore
from acpublish.store.schema import VERSION_TABLE
from acpublish.store.stored import read, read_live
from bench.report import Unavailable
from tests.support.fleet_devices import FleetDevice
from tests.support.fleet_site import Site, until
from tests.support.server import RunningServer
from tests.support.small_disk import filled, small_disk_at

#: What a device may wait for the store, and for a machine that has other things to do.
PATIENCE_S = 5.0 + 5.0
#: What the routes of devices may answer, from issue 15.
STATUSES = {200, 206, 304, 400, 401, 403, 404, 405, 408, 414, 416, 421, 431, 503}
WHY = "the fleet's store cannot be used now, so nothing is offered that has to be counted"


class Fleet:
    """Devices of a product that goes in stages, and of one that does not."""

    def __init__(self, site: Site) -> None:
        site.publish("1.0.0")
        self.newest_plug = site.publish("1.0.0", "plug")
        site.policy("100%")
        FleetStore.open(site.state).close()
        self.site = site
        self.lamps = [FleetDevice(number, site.images["1.0.0"]) for number in range(8)]
        self._numbers = iter(range(100, 100_000))
        self.asked: set[str] = set()

    def start(self) -> None:
        """Lets a release begin to roll."""
        self.site.publish("1.1.0")

    def lamps_get(self, server: RunningServer) -> set[int]:
        """Lets all lamps ask at the same time; nobody waits for long."""
        statuses: list[int] = []
        waited: list[float] = []

        def ask(device: FleetDevice) -> None:
            begin = time.monotonic()
            statuses.append(device.ask(server).status)
            waited.append(time.monotonic() - begin)

        threads = [threading.Thread(target=ask, args=(device,)) for device in self.lamps]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(statuses) == len(self.lamps)
        assert set(statuses) <= STATUSES
        assert max(waited) < PATIENCE_S
        self.asked |= {device.id for device in self.lamps}
        return set(statuses)

    def a_plug_is_updated(self, server: RunningServer) -> None:
        """Asks as a device of the other product, which nobody has to count."""
        device = self.plug()
        assert device.ask(server).status == 200
        assert device.runs == self.newest_plug

    def plug(self) -> FleetDevice:
        """Returns a device of the other product."""
        device = FleetDevice(next(self._numbers), b"old", product="plug")
        self.asked.add(device.id)
        return device

    def catches_up(self, server: RunningServer) -> None:
        """Waits until all get the release, and all that they said meanwhile is stored."""
        newest = self.site.images["1.1.0"]
        assert until(
            lambda: (
                not self.lamps_get(server) - {200, 304}
                and all(device.runs == newest for device in self.lamps)
            )
        )
        # They come back with it.
        assert self.lamps_get(server) == {304}
        assert until(lambda: self.asked <= read(self.site.state).devices.keys())
        assert until(lambda: self.running() == len(self.lamps))

    def running(self) -> int:
        """Returns how many devices the store has that run what they were offered."""
        (rollout,) = read(self.site.state).rollouts
        return read_live(self.site.state, rollout).progress.in_all.running


@contextlib.contextmanager
def locked(state: Path) -> Iterator[None]:
    """Locks the store as another process does that writes it."""
    database = sqlite3.connect(path_of(state), isolation_level=None, check_same_thread=False)
    database.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        database.close()


def test_a_store_that_another_process_has_locked(tmp_path: Path) -> None:
    fleet = Fleet(Site(tmp_path))
    with fleet.site.serve() as server:
        assert fleet.lamps_get(server) == {304}
        assert until(lambda: fleet.asked <= stored_devices(fleet.site.state))
        with locked(fleet.site.state):
            fleet.start()
            for _ in range(3):
                assert fleet.lamps_get(server) == {304}
                fleet.a_plug_is_updated(server)
            assert server.logs("another process has locked it")
            assert server.logs(WHY)
        fleet.catches_up(server)
        assert server.logs("the fleet's store is back")
        assert "Traceback" not in server.end()


def test_a_change_of_a_locked_store_is_refused_soon_with_the_reason(tmp_path: Path) -> None:
    fleet = Fleet(Site(tmp_path))
    with fleet.site.serve() as server:
        assert fleet.lamps_get(server) == {304}
        (catalog, state), lamp = (fleet.site.catalog, fleet.site.state), fleet.lamps[0].id
        people = open_fleet(Destination.of_directory(str(catalog), {}), state)
        assert people.served
        requests: list[str] = []
        end = trace_requests(requests.append)
        with locked(state), pytest.raises(StoreError) as refused:
            people.change(lamp, name="kitchen")
        end()
        # The server has waited already, so nothing is sent again.
        assert len([line for line in requests if line.startswith("POST ")]) == 1
        assert not [line for line in requests if line.startswith("again in ")]
        problem = (
            "nothing was changed, because the fleet's store cannot be written: another process"
        )
        assert refused.value.problem.startswith(problem)
        assert "End that process" in refused.value.hint
        assert until(lambda: "the fleet's store is back" in server.log())
        assert people.device(lamp)["name"] == ""
        assert people.change(lamp, name="hall")["name"] == "hall"


def test_a_store_whose_disk_is_full(tmp_path: Path) -> None:
    try:
        with small_disk_at(tmp_path / "disk", "2m") as disk:
            full_disk(Fleet(Site(tmp_path, disk / "state")), disk)
    except Unavailable as reason:
        pytest.skip(str(reason))


def full_disk(fleet: Fleet, disk: Path) -> None:
    with fleet.site.serve() as server:
        assert fleet.lamps_get(server) == {304}
        assert until(lambda: fleet.asked <= stored_devices(fleet.site.state))
        with filled(disk, 0):
            # The log of changes may have some room left.
            assert until(
                lambda: fleet.a_plug_is_updated(server) or "the disk is full" in server.log()
            )
            fleet.start()
            for _ in range(3):
                assert fleet.lamps_get(server) == {304}
                fleet.a_plug_is_updated(server)
            assert server.logs(WHY)
        fleet.catches_up(server)
        assert "Traceback" not in server.end()


def stored_devices(state: Path) -> set[str]:
    return set(read(state).devices)


def damaged(state: Path, tmp: Path) -> Callable[[], object]:
    back_up(state, tmp / "backup")
    path_of(state).write_bytes(b"SQLite format 3\0" + b"\xff" * 20_000)
    return lambda: restore(state, tmp / "backup")


def newer(state: Path, tmp: Path) -> Callable[[], object]:
    def be(schema: str) -> str:
        with contextlib.closing(sqlite3.connect(path_of(state))) as database, database:
            (before,) = database.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()
            database.execute(f"UPDATE {VERSION_TABLE} SET version_num = ?", (schema,))
            return str(before)

    schema = be("99")
    return lambda: be(schema)


def locked_at_start(state: Path, tmp: Path) -> Callable[[], object]:
    lock = locked(state)
    lock.__enter__()
    return lambda: lock.__exit__(None, None, None)


@pytest.mark.parametrize(
    ("breaking", "says"),
    [
        (damaged, "the file is damaged"),
        (newer, "was written by a newer acpublish"),
        (locked_at_start, "another process has locked it"),
    ],
)
def test_a_store_that_cannot_be_opened_at_the_start(
    breaking: Callable[[Path, Path], Callable[[], object]], says: str, tmp_path: Path
) -> None:
    fleet = Fleet(Site(tmp_path))
    mend = breaking(fleet.site.state, tmp_path)
    before = path_of(fleet.site.state).read_bytes()
    fleet.start()
    with fleet.site.serve() as server:
        for _ in range(2):
            assert fleet.lamps_get(server) == {304}
            # Nobody knows who is pinned or on hold.
            assert fleet.plug().ask(server).status == 304
            # Whoever names no device gets what is settled.
            assert server.get("/update/lamp/c3").body == fleet.site.images["1.0.0"]
        assert server.logs(says)
        assert path_of(fleet.site.state).read_bytes() == before, "it stays as it is"
        mend()
        fleet.catches_up(server)
        fleet.a_plug_is_updated(server)
        log = server.end()
        assert log.count("ERROR the fleet: ") == 1
        assert "Traceback" not in log
