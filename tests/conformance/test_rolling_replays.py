"""Every captured request while a release is on its way to the channel, and after that has halted.

On all three ways to the update address, a device that the rollout reaches gets the release, and
then nothing more; once it has halted, it gets the settled one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import acpublish
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.release.version import Version
from acpublish.server.device_access_file import DeviceAccessStore
from tests.conformance.test_device_credentials import PASSWORD, USER, Site, ask, board_of, made
from tests.conformance.test_wire_replays import IMAGES, VERSIONS, names
from tests.integration.test_device_access import becomes
from tests.support.fleet_devices import FleetDevice
from tests.support.images import esp32_image, esp8266_image
from tests.support.server import running_server

SETTLED, ROLLING = "1.3.0", "2.0.0"
WAYS = ["update", "credentials", "path"]
SKETCHES = [path for path in IMAGES if b"mode: sketch" in path.read_bytes()]


@dataclass(frozen=True, slots=True)
class Stage:
    """A server in one state of the rollout, and what every device gets there."""

    site: Site
    version: str
    #: The version that an image has, by its digest.
    versions: dict[str, str]


@pytest.fixture(scope="module", params=["rolling", "halted"])
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    tmp = tmp_path_factory.mktemp(request.param)
    catalog = tmp / "catalog"
    catalog.mkdir()
    versions: dict[str, str] = {}
    store = DeviceAccessStore(tmp / "state")
    store.set_credentials("lamp", USER, PASSWORD)
    path, _ = store.create_path(["lamp"])
    for product in ("open", "lamp"):
        for number, version in enumerate((SETTLED, ROLLING)):
            if version == ROLLING:
                acpublish.set_policy(product, "stable", to=catalog, stages="100%")
            images = {"d1": esp8266_image(seed=number), "c": esp32_image("esp32", seed=number)}
            for board, image in images.items():
                (tmp / "image.bin").write_bytes(image)
                done = acpublish.publish(
                    tmp / "image.bin", to=catalog, product=product, version=version, board=board
                )
                versions[done.receipt.sha256] = version
        if request.param == "halted":
            rollouts = DirectoryCatalog(catalog).rollouts
            rollouts.halt(product, "stable", Version.parse(ROLLING), "two failed")
    with running_server(catalog, tmp) as server:
        # The store is opened for the first device, and until then nothing is offered in stages.
        device = FleetDevice(0xFFFF, b"", product="open", board="c")
        becomes(lambda: device.ask(server).status, 200)
        version = ROLLING if request.param == "rolling" else SETTLED
        yield Stage(Site(server, path.encode(), {}, catalog), version, versions)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("path", SKETCHES, ids=names(SKETCHES))
def test_sketch(path: Path, way: str, stage: Stage) -> None:
    raw, board = path.read_bytes(), board_of(path)
    request = made(raw, stage.site, board, way)
    answer = ask(stage.site, request)
    assert answer.status == 200
    assert stage.versions[hashlib.sha256(answer.body).hexdigest()] == stage.version
    assert answer.one("x-md5") == hashlib.md5(answer.body).hexdigest()
    # The same device, which now runs that image.
    md5, sha256 = answer.one("x-md5").encode(), answer.body[-32:].hex().upper().encode()
    running = re.sub(rb"(sketch-md5: )\w+", rb"\g<1>" + md5, request)
    running = re.sub(rb"(sketch-sha256: )\w+", rb"\g<1>" + sha256, running)
    if running != request:
        for _ in range(2):
            assert ask(stage.site, running).status == 304


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("path", VERSIONS, ids=names(VERSIONS))
def test_version_mode(path: Path, way: str, stage: Stage) -> None:
    answer = ask(stage.site, made(path.read_bytes(), stage.site, "d1", way))
    assert (answer.status, answer.one("x-version"), answer.body) == (200, stage.version, b"")
