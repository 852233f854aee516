from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest

from acpublish.control.fleet_state import FleetState
from acpublish.control.serving import FleetServing
from acpublish.server.fleet_updates import FleetUpdates
from tests.unit.catalog.holding import image
from tests.unit.fleet.making import mac
from tests.unit.server.fleet_catalog import Catalog
from tests.unit.server.in_memory import ask, make
from tests.unit.store.making import until

NAME = b"/lamp/lamp-1.0.0_d1.bin"
HEADERS = [
    (b"user-agent", b"ESP8266-http-Update"),
    (b"x-esp8266-sta-mac", mac(1).encode()),
    (b"x-esp8266-mode", b"sketch"),
    (b"x-esp8266-free-space", b"1000000"),
]


class Site:
    """The application with a fleet, without a socket."""

    def __init__(self, folder: Path) -> None:
        self.catalog = Catalog(folder / "catalog")
        self.state = FleetState()
        self.needed = 0
        updates = FleetUpdates(FleetServing(self.state, 10), self._need)
        self.app = make(self.catalog.folder, fleet=updates)
        # Right after a change, a catalog is read again for each request.
        until(lambda: self.catalog.snapshot() and self._current("lamp"))

    def _current(self, product: str) -> object:
        return self.catalog.catalog.snapshots.current(product)

    def _need(self) -> None:
        self.needed += 1

    def ask(self, target: bytes, *headers: tuple[bytes, bytes], **more: Any) -> tuple[int, bytes]:
        return asyncio.run(ask(self.app, target, [*HEADERS, *headers], **more))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_file_of_a_release_makes_its_device_known(site: Site) -> None:
    status, body = site.ask(NAME)
    assert (status, body) == (
        200,
        site.catalog.folder.joinpath("lamp/lamp-1.0.0_d1.bin").read_bytes(),
    )
    (device,) = site.state.devices()
    assert (device.id, device.board, device.channel) == (f"lamp/{mac(1)}", "d1", "")
    assert site.needed >= 1


def test_one_that_has_the_file_already_is_known_each_time(site: Site) -> None:
    digest = hashlib.md5(image("1.0.0")).hexdigest().encode()
    for at in range(3):
        assert site.ask(NAME, (b"x-esp8266-sketch-md5", digest))[0] == 304
        (device,) = site.state.devices()
        assert device.runs == "1.0.0"
        device.last_seen = at
    assert site.ask(NAME, (b"x-esp8266-sketch-md5", digest))[0] == 304
    assert device.last_seen > 2


def test_nobody_is_known_by_hand_copied_files_and_checksums(site: Site) -> None:
    (site.catalog.folder / "copied.bin").write_bytes(image("3.0.0", "other"))
    assert site.ask(b"/copied.bin")[0] == 200
    assert site.ask(b"/copied.bin.md5")[0] == 200
    assert site.ask(NAME + b".md5")[0] == 200
    assert site.ask(b"/nothing.bin")[0] == 404
    status, _ = asyncio.run(ask(site.app, NAME, []))
    assert status == 200
    assert len(site.state) == 0
    assert site.needed == 0


def test_the_file_of_a_release_on_its_way_is_not_there_yet(site: Site) -> None:
    site.catalog.publish("1.1.0")
    assert site.ask(b"/lamp/lamp-1.1.0_d1.bin")[0] == 404
    assert site.ask(NAME)[0] == 200
