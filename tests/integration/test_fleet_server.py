"""A fleet that a real server process knows: rollouts, halts and restarts, by stock requests."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.fleet_devices import FleetDevice
from tests.support.fleet_site import Site, until
from tests.support.images import esp32_image
from tests.support.server import RunningServer, running_server


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.publish("1.0.0")
    return site


def offered(server: RunningServer, devices: list[FleetDevice]) -> list[FleetDevice]:
    return [device for device in devices if device.ask(server).status == 200]


def test_a_release_goes_in_stages_and_is_settled_at_the_end(site: Site) -> None:
    site.policy("1,100%")
    devices = [FleetDevice(number, site.images["1.0.0"]) for number in range(6)]
    with site.serve() as server:
        assert offered(server, devices) == []
        site.publish("1.1.0")
        # A stage that is a number chooses its devices when the server walks through them.
        assert until(lambda: any(offered(server, devices)))
        assert sum(device.runs == site.images["1.1.0"] for device in devices) == 1
        assert not (site.catalog / "lamp" / "lamp-1.1.0_c3.bin").exists()
        assert server.get("/update/lamp/c3").body == site.images["1.0.0"]
        assert until(
            lambda: (
                offered(server, devices) == []
                and all(device.runs == site.images["1.1.0"] for device in devices)
            )
        )
        assert until(lambda: server.get("/update/lamp/c3").body == site.images["1.1.0"])
        # The visible file follows the commit.
        assert until((site.catalog / "lamp" / "lamp-1.1.0_c3.bin").exists)


def test_a_bad_release_halts_and_a_restart_forgets_nothing(site: Site) -> None:
    site.policy("1,100%", halt="1", on_halt="order-back")
    devices = [FleetDevice(number, site.images["1.0.0"], boots=False) for number in range(6)]
    with site.serve() as server:
        assert offered(server, devices) == []
        time.sleep(1.1)  # Only devices known before the stage count.
        site.publish("1.1.0")
        reached: list[FleetDevice] = []
        assert until(lambda: bool(reached.extend(offered(server, devices)) or reached))
        assert len(reached) == 1
        # It comes back with what it ran before.
        assert offered(server, devices) == []
        assert server.logs("is halted")
        assert until(lambda: site.rolling() == [("1.1.0", "1 device failed in stage 1")])
    with site.serve() as server:
        assert offered(server, devices) == []
        assert not (site.catalog / "lamp" / "lamp-1.1.0_c3.bin").exists()
        newcomer = FleetDevice(77, site.images["1.0.0"])
        assert newcomer.ask(server).status == 304
    # A server that has lost its state offers it no more either.
    (site.state / "fleet" / "fleet.db").unlink()
    with site.serve() as server:
        assert offered(server, devices) == []
        time.sleep(2)
        assert offered(server, [*devices, newcomer]) == []


def test_a_download_by_ranges_that_begins_anew_is_no_failure(site: Site) -> None:
    site.policy("100%", halt="1")
    device = FleetDevice(1, site.images["1.0.0"])
    with site.serve() as server:
        assert device.ask(server).status == 304
        time.sleep(1.1)  # Only devices known before the stage count.
        site.publish("1.1.0")
        size = len(site.images["1.1.0"])
        assert until(lambda: device.ask(server, "Range: bytes=0-9").status == 206)
        # It breaks off after two thirds, twice, and so gets more bytes than the image has.
        for _ in range(2):
            for first in (0, size // 3):
                ranged = f"Range: bytes={first}-{first + size // 3 - 1}"
                assert device.ask(server, ranged).status == 206
        assert device.ask(server).status == 200
        assert "is halted" not in server.log_so_far()


def test_without_a_fleet_a_channel_with_a_policy_stays_settled(site: Site) -> None:
    site.policy("100%")
    site.publish("1.1.0")
    devices = [FleetDevice(number, site.images["1.0.0"]) for number in range(3)]
    with site.serve("--no-fleet") as server:
        assert offered(server, devices) == []
        assert not (site.state / "fleet").exists()
        # Whoever publishes hears that a server makes the stages, and this one makes none.
        assert server.logs("get releases in stages, and this server makes none, because of --no-fl")
        log = server.end()
    [line] = [line for line in log.splitlines() if "in stages" in line]
    assert "lamp stable" in line


def test_plain_files_make_no_store(tmp_path: Path) -> None:
    catalog = tmp_path / "bin"
    catalog.mkdir()
    (catalog / "lamp.bin").write_bytes(esp32_image("esp32c3"))
    with running_server(catalog, tmp_path) as server:
        device = FleetDevice(1, b"")
        assert server.get("/lamp.bin", *device.headers).status == 200
        assert server.get("/update/lamp/c3", *device.headers).status == 404
        assert not (tmp_path / "state" / "fleet").exists()


def test_a_second_server_on_the_same_store_is_refused(site: Site) -> None:
    with site.serve() as server:
        FleetDevice(1, site.images["1.0.0"]).ask(server)
        assert until(lambda: (site.state / "fleet" / "fleet.db").exists())
        again = subprocess.run(
            [
                *(sys.executable, "-m", "acpublish", "serve", "--bind", "127.0.0.1", "--port", "0"),
                *("--to", str(site.catalog), "--state", str(site.state)),
            ],
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert again.returncode != 0
        assert "is in use" in again.stderr
        assert "Traceback" not in again.stderr
