"""Whoever names no device gets the settled release until a rollout is complete.

Each address is asked at each stage of a rollout: those of the image with its digests and its
documents, clients without the headers of an updater, AutoConnect's lists, files by name, and the
visible files, which a plain web server would serve.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterator

import pytest

import acpublish
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.emulator.connection import parse_url
from acpublish.emulator.profile import DeviceOptions
from acpublish.emulator.updater import Device
from acpublish.release.version import Version
from tests.integration.test_fleet_server import until
from tests.support.fleet_devices import FleetDevice
from tests.support.images import esp32_image, esp8266_image, littlefs
from tests.support.pull_clients import Esp32Fota, Esphome, EspHttpsOta
from tests.support.server import RunningServer, running_server
from tests.support.tokens import create_token

OLD, NEW = "1.0.0", "1.1.0"
BOARDS = {"d1": 1, "c3": 2}
_NUMBERS = itertools.count()
DEVICE = "User-Agent: ESP8266HTTPClient"


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> DirectoryCatalog:
    root = tmp_path_factory.mktemp("stages") / "catalog"
    root.mkdir()
    return DirectoryCatalog(root)


@pytest.fixture(scope="module")
def server(catalog: DirectoryCatalog) -> Iterator[RunningServer]:
    with running_server(catalog.root, catalog.root.parent) as running:
        yield running


class Lamp:
    """A product for two boards, and what strangers get of it."""

    def __init__(self, catalog: DirectoryCatalog, server: RunningServer, product: str) -> None:
        self.catalog = catalog
        self.server = server
        self.product = product
        #: The version that a digest belongs to.
        self.versions: dict[str, str] = {}

    def publish(self, version: str) -> None:
        seed = len(self.versions)
        images = {"d1": esp8266_image(seed=seed + 1), "c3": esp32_image("esp32c3", seed=seed + 2)}
        for board, image in images.items():
            self.publish_one(version, board, image)
        self.publish_one(version, "d1", littlefs(seed=seed + 3), kind="filesystem")

    def publish_one(self, version: str, board: str, image: bytes, **options: str) -> None:
        file = self.catalog.root.parent / "image.bin"
        file.write_bytes(image)
        done = acpublish.publish(
            file,
            to=str(self.catalog.root),
            product=self.product,
            version=version,
            board=board,
            **options,  # type: ignore[arg-type]
        )
        self.versions[done.receipt.sha256] = self.versions[done.receipt.md5] = version

    def decide(self, what: str) -> None:
        rollouts, new = self.catalog.rollouts, Version.parse(NEW)
        if what == "halt":
            rollouts.halt(self.product, "stable", new, "two failed")
        elif what == "start":
            policy = self.catalog.changes.policies(self.product)["stable"]
            rollouts.start(self.product, new, "stable", policy)
        elif what == "settle":
            rollouts.settle(self.product, "stable", new)
        else:
            rollouts.abort(self.product, "stable", new, "wrong one")

    def of(self, body: bytes) -> str:
        return self.versions[hashlib.sha256(body).hexdigest()]

    def answers(self) -> dict[str, str]:
        """What each address gives: a version, by the digest of what came."""
        got: dict[str, str] = {}
        for board in BOARDS:
            path = f"/update/{self.product}/{board}"
            got[path] = self.of(self.server.get(path).body)
            got[f"HEAD {path}"] = self.versions[self.server.get(path, method="HEAD").one("x-md5")]
            for suffix in (".md5", ".sha256"):
                digest, file = self.server.get(path + suffix).body.decode().split()
                got[path + suffix] = self.versions[digest]
                got[f"{path}{suffix} file"] = file.split("-")[1].partition("_")[0]
            document = json.loads(self.server.get(f"{path}.json").body)
            got[f"{path}.json"] = document["version"]
            for build in document["builds"]:
                got[f"{path}.json {build['chipFamily']}"] = self.versions[build["ota"]["md5"]]
        return {**got, **self.lists()}

    def lists(self) -> dict[str, str]:
        """What AutoConnect's root list offers for each board, as versions."""
        got = {}
        for agent, board in ((DEVICE, "d1"), ("User-Agent: ESP32HTTPClient", "c3")):
            rows = json.loads(self.server.get("/_catalog?op=list&path=.", agent).body)
            names = [row["name"] for row in rows if row["name"].startswith(f"{self.product}/")]
            for name in names:
                if name.endswith(f"_{board}.bin"):
                    got[f"root list {board}"] = self.of(self.server.get(f"/{name}").body)
        return got

    def files(self) -> dict[str, bool]:
        """Whether the files of the new release are there, in each place that shows files."""
        names = [f"{self.product}-{NEW}_{board}.bin" for board in BOARDS]
        names.append(f"{self.product}-{NEW}_d1.fs.bin")
        folder = f"/_catalog?op=list&path=/{self.product}"
        plain = {row["name"] for row in json.loads(self.server.get(folder).body)}
        device = {row["name"] for row in json.loads(self.server.get(folder, DEVICE).body)}
        shown: dict[str, bool] = {}
        for name in names:
            shown[f"folder list: {name}"] = name in plain
            shown[f"by name: {name}"] = self.server.get(f"/{self.product}/{name}").status == 200
            shown[f"visible: {name}"] = (self.catalog.root / self.product / name).exists()
        shown["folder list of a device"] = names[0] in device
        return shown


@pytest.fixture
def lamp(catalog: DirectoryCatalog, server: RunningServer) -> Lamp:
    lamp = Lamp(catalog, server, f"lamp{next(_NUMBERS)}")
    lamp.publish(OLD)
    acpublish.set_policy(lamp.product, "stable", to=catalog.root, stages="1,10%,100%")
    return lamp


def test_everybody_gets_the_settled_release_until_the_rollout_is_complete(lamp: Lamp) -> None:
    stages = [("before", OLD), ("rolling", OLD), ("halt", OLD), ("start", OLD), ("settle", NEW)]
    for stage, version in stages:
        if stage == "rolling":
            lamp.publish(NEW)
        elif stage != "before":
            lamp.decide(stage)
        answers = lamp.answers()
        assert len(answers) >= 14, stage
        assert set(answers.values()) == {version}, (stage, answers)
        files = lamp.files()
        assert set(files.values()) == {version == NEW}, (stage, files)


def test_what_is_aborted_is_never_shown(lamp: Lamp) -> None:
    lamp.publish(NEW)
    lamp.decide("abort")
    assert set(lamp.answers().values()) == {OLD}
    assert set(lamp.files().values()) == {False}


def clients(lamp: Lamp) -> dict[str, str]:
    """What clients install that name no device, and AutoConnect's of the files that it lists."""
    address = f"{lamp.server.url}/update/{lamp.product}/c3"
    esphome = Esphome("ESP32-C3", "0.9.0", f"{address}.json")
    assert esphome.update()
    fota = Esp32Fota(lamp.product, "0.9.0", f"{address}.json")
    assert fota.exec_http_check()
    got = {
        "ESPHome shows": esphome.latest,
        "ESPHome": lamp.of(esphome.perform()),
        "esp32FOTA": lamp.of(fota.exec_ota()),
        "esp_https_ota": lamp.of(EspHttpsOta(address).run()),
    }
    for chip, board in (("esp8266", "d1"), ("esp32", "c3")):
        device = Device(DeviceOptions(chip=chip))  # type: ignore[arg-type]
        names = [entry.name for entry in device.catalog(lamp.server.url).firmwares]
        (name,) = (each for each in names if re.match(rf"{lamp.product}/.*_{board}\.bin", each))
        image = device.install(parse_url(lamp.server.url), name).image
        assert image is not None
        got[f"AutoConnect {chip}"] = lamp.of(image)
    return got


def test_stock_clients_get_the_settled_release_at_each_stage(lamp: Lamp) -> None:
    state = lamp.catalog.root.parent / "state"
    fleet = acpublish.FleetClient(lamp.server.url, create_token(state, manage=True))
    device = FleetDevice(1, b"", product=lamp.product)
    lamp.publish(NEW)
    assert until(lambda: device.ask(lamp.server).status == 200 and lamp.of(device.runs) == NEW)
    for stage in (0, 1, 2):
        (rollout,) = fleet.rollouts(lamp.product)
        assert (rollout["state"] in ("running", "waiting"), rollout["stage"]) == (True, stage)
        got = clients(lamp)
        assert set(got.values()) == {OLD}, (stage, got)
        fleet.advance(lamp.product)
    assert until(lambda: set(clients(lamp).values()) == {NEW})


def test_a_first_release_in_stages_is_offered_to_nobody_without_a_name(
    catalog: DirectoryCatalog, server: RunningServer
) -> None:
    lamp = Lamp(catalog, server, "first")
    lamp.publish_one(OLD, "c3", esp32_image("esp32c3", seed=90))
    acpublish.set_policy("first", "stable", to=catalog.root, stages="1,100%")
    lamp.publish_one(OLD, "d1", esp8266_image(seed=91))
    for suffix in ("", ".md5", ".sha256", ".json"):
        assert server.get(f"/update/first/d1{suffix}").status == 404
    assert "root list d1" not in lamp.lists()
    catalog.rollouts.settle("first", "stable", Version.parse(OLD))
    assert lamp.of(server.get("/update/first/d1").body) == OLD
    assert lamp.lists()["root list d1"] == OLD
