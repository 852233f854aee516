"""Simulated devices in front of a real server, and what they know of its images."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from acpublish import publish
from acpublish.emulator.connection import parse_url
from acpublish.emulator.experienced import Experienced
from acpublish.emulator.fleet_over_http import FleetOverHttp, Pace
from acpublish.emulator.known_images import KnownImages
from acpublish.errors import NotFoundError, SettingsError
from acpublish.fleet.moments import DAY_S
from acpublish.simulation.fleet_profile import Kind, Profile
from acpublish.simulation.population import FLASHED
from tests.support import images
from tests.support.server import running_server

#: Six hours of the fleet are 22 ms.
SPEED = 1_000_000.0
DAYS = 200 * DAY_S


def put(folder: Path, product: str, version: str, *boards: str) -> None:
    for board in boards:
        made = images.esp32_image if board.startswith("esp32") else images.esp8266_image
        (folder / "new.bin").write_bytes(made(seed=sum(map(ord, version))))
        names = {"product": product, "version": version, "board": board}
        publish(folder / "new.bin", to=folder / "catalog", **names)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A server with two releases for two boards."""
    folder = tmp_path_factory.mktemp("fleet")
    (folder / "catalog").mkdir()
    for version in ("1.0.0", "1.1.0"):
        put(folder, "lamp", version, "d1_mini", "esp32dev")
    with running_server(folder / "catalog", folder, "--log", "info") as server:
        yield SimpleNamespace(folder=folder, server=server, url=server.url)


def fleet(
    site: SimpleNamespace,
    *kinds: Kind,
    version: str = "1.0.0",
    product: str = "lamp",
    devices: int = 12,
    lasts: int = DAYS,
    url: str = "",
    speed: float = SPEED,
) -> FleetOverHttp:
    known = KnownImages(site.url, product, None)
    profile = known.fitted(Profile(kinds=kinds or (Kind(),)), known.start_with(version))
    pace = Pace(speed=speed, connections=8, lasts=lasts)
    return FleetOverHttp(parse_url(url or site.url), known, profile, pace, devices=devices)


def total(result: Experienced, column: str) -> int:
    return sum(row[column] for row in result.boards)


def test_a_fleet_takes_a_release_and_the_server_sees_each_device(site: SimpleNamespace) -> None:
    kinds = (Kind(), Kind(board="esp32dev", chip="esp32", digests="both"))
    news: list[tuple[str, int]] = []
    result = fleet(site, *kinds).run(lambda *new: news.append(new))
    assert [version for version, _ in news] == ["1.1.0"]
    assert (result.version, result.runs) == ("1.1.0", {"1.1.0": 12})
    assert [row["board"] for row in result.boards] == ["d1_mini", "esp32dev"]
    for row in result.boards:
        assert row["devices"] == row["offered"] == row["delivered"] == row["running"] == 6
        assert row["failed"] == row["unrecognised"] == row["pending"] == 0
    assert result.downloads == result.offers == 12
    assert result.checks >= 12
    assert result.failures == {}
    assert result.adoption[0].running == 0
    assert result.adoption[-1].running == 12
    log = site.server.log_so_far()
    macs = set(re.findall(r"a4:cf:[0-9a-f:]{11}", log, re.I))
    assert len(macs) == 12
    if sys.platform == "linux":
        # Each site has an address of its own.
        assert "127.10.0.0" in log


def test_what_goes_wrong_on_devices_is_counted(site: SimpleNamespace) -> None:
    kinds = (
        Kind(name="back", rolls_back=100),
        Kind(name="dead", dies=100),
        Kind(name="cable", flashed=100),
        Kind(name="good"),
    )
    result = fleet(site, *kinds, devices=8, lasts=5 * DAY_S).run()
    assert result.runs == {"1.0.0": 4, "1.1.0": 2, FLASHED: 2}
    columns = ("delivered", "running", "failed", "unrecognised")
    assert [total(result, column) for column in columns] == [8, 2, 4, 2]
    document = result.to_dict()
    assert (document["product"], document["version"], document["devices"]) == ("lamp", "1.1.0", 8)


def test_a_download_that_breaks_off_is_no_download(site: SimpleNamespace) -> None:
    # The server remembers what became of the devices of other products.
    for version in ("1.0.0", "1.1.0"):
        put(site.folder, "cord", version, "d1_mini")
    result = fleet(site, Kind(breaks=100), product="cord", lasts=3 * DAY_S).run()
    assert result.broken == result.offers >= 12
    assert result.downloads == 0
    assert (result.version, result.runs) == ("", {"1.0.0": 12})
    assert total(result, "pending") == 12
    assert result.failures == {}


def test_a_device_without_a_mac_or_digests_updates_by_its_version(site: SimpleNamespace) -> None:
    result = fleet(site, Kind(mac=False, digests="none"), devices=3).run()
    assert result.runs == {"1.1.0": 3}


def test_a_release_that_is_published_meanwhile_is_recognised(site: SimpleNamespace) -> None:
    put(site.folder, "shade", "1.0.0", "d1_mini")
    made = fleet(site, product="shade", devices=4)
    later = threading.Timer(0.3, put, (site.folder, "shade", "2.0.0", "d1_mini"))
    later.start()
    result = made.run()
    later.join()
    assert (result.version, result.runs) == ("2.0.0", {"2.0.0": 4})
    assert result.checks > 4


def test_a_server_that_is_away_is_counted_and_asked_again(site: SimpleNamespace) -> None:
    made = fleet(site, devices=2, lasts=2 * DAY_S, url="http://127.0.0.1:9")
    result = made.run()
    assert result.failures == {"HTTP error: connection failed": result.checks}
    assert result.checks > 2


def test_a_download_takes_as_long_as_the_speed_of_the_device_says(site: SimpleNamespace) -> None:
    # 32 KiB at 1 kB/s are 32 s of the fleet.
    for version in ("1.0.0", "1.1.0"):
        put(site.folder, "slow", version, "d1_mini")
    kind = Kind(speed=1, poll=60, boot=1)
    made = fleet(site, kind, product="slow", devices=1, speed=100.0)
    begin = time.monotonic()
    assert made.run().runs == {"1.1.0": 1}
    assert time.monotonic() - begin >= 0.25


def test_devices_start_with_what_a_channel_points_at(site: SimpleNamespace) -> None:
    known = KnownImages(site.url, "lamp", None)
    assert known.settled("stable") == {"d1_mini": "1.1.0", "esp32dev": "1.1.0"}
    assert known.settled("stable", ["d1_mini"]) == {"d1_mini": "1.1.0"}
    assert known.start_with("1.0.0", ["esp32dev"]) == {"esp32dev": "1.0.0"}
    with pytest.raises(SettingsError, match="the channel beta has no release of lamp"):
        known.settled("beta")
    with pytest.raises(SettingsError, match="stable has no release of lamp for nodemcu"):
        known.settled("stable", ["nodemcu"])
    with pytest.raises(SettingsError, match=r"no release '9.0.0' of lamp"):
        known.start_with("9.0.0")
    with pytest.raises(SettingsError, match=r"no release '1.0.0' of lamp for nodemcu"):
        known.start_with("1.0.0", ["nodemcu"])
    with pytest.raises(NotFoundError, match="the server has no releases of nothing"):
        KnownImages(site.url, "nothing", None)


def test_a_profile_is_fitted_to_the_boards_of_the_server(site: SimpleNamespace) -> None:
    known = KnownImages(site.url, "lamp", None)
    profile = Profile(
        kinds=(
            Kind(board="nodemcu", digests="both"),
            Kind(board="esp32dev", chip="esp32", digests="both"),
            Kind(board="c3", chip="esp32c3", share=3),
        )
    )
    fitted = known.fitted(profile, known.settled("stable")).kinds
    assert [(kind.board, kind.digests, kind.runs) for kind in fitted] == [
        ("d1_mini", "md5", "1.1.0"),
        ("esp32dev", "both", "1.1.0"),
        ("esp32dev", "md5", "1.1.0"),
    ]
    only = known.fitted(profile, known.settled("stable", ["d1_mini"])).kinds
    assert {kind.board for kind in only} == {"d1_mini"}
    assert sum(kind.share for kind in only) == 5
    both = known.fitted(
        Profile(kinds=(Kind(board="x", chip="esp32c6", share=2),)), known.settled("stable")
    )
    assert [kind.share for kind in both.kinds] == [2]
