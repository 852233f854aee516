"""The commands of the fleet while a server runs: through its state folder, and over HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from acpublish import publish, set_policy
from acpublish.catalog import layout
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.publishing.destinations import running_devices
from acpublish.publishing.options import Destination
from tests.support.fleet_devices import FleetDevice
from tests.support.images import esp32_image
from tests.support.server import RunningServer, running_server
from tests.support.tokens import create_token
from tests.unit.cli.invoking import CommandLine, Said

PATIENCE_S = 30.0


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, "it never was so"
        time.sleep(0.1)


@dataclass
class Site:
    """A server, and devices that ask it."""

    catalog: Path
    state: Path
    server: RunningServer
    manage: str
    read: str
    images: dict[str, bytes] = field(default_factory=dict)

    def publish(self, product: str, version: str, channel: str = "stable") -> bytes:
        """Publishes a release, and returns its image."""
        path = self.catalog.parent / "image.bin"
        path.write_bytes(esp32_image("esp32c3", seed=len(self.images) + 1))
        publish(
            path, to=self.catalog, product=product, version=version, board="c3", channel=channel
        )
        for release in DirectoryCatalog(self.catalog).releases(product):
            # It was stamped.
            stored = layout.objects(self.catalog) / release.images[0].sha256
            self.images[f"{product} {release.version}"] = stored.read_bytes()
        return self.images[f"{product} {version}"]

    def ask(self, *devices: FleetDevice) -> None:
        """Lets devices ask for an update."""
        for device in devices:
            device.ask(self.server)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "catalog").mkdir()
    state = folder / "state"
    manage, read = create_token(state, manage=True), create_token(state, read=True)
    with running_server(folder / "catalog", folder) as server:
        site = Site(folder / "catalog", state, server, manage, read)
        site.ask(FleetDevice(200, site.publish("first", "1.0.0"), product="first"))
        yield site


class Commands:
    """The commands, in one of the two ways."""

    def __init__(self, site: Site, acpublish: CommandLine, where: tuple[str, ...]) -> None:
        self._site, self._acpublish, self._where = site, acpublish, where

    def __call__(self, *words: str) -> Said:
        return self._acpublish(*words, *self._where)

    def document(self, *words: str) -> Any:
        """Returns what a command prints as JSON."""
        said = self(*words, "--json")
        assert said.status == 0, said.err
        return said.json()


def local(site: Site, acpublish: CommandLine) -> Commands:
    where = ("--to", str(site.catalog), "--state", str(site.state))
    return Commands(site, acpublish, where)


def remote(site: Site, acpublish: CommandLine) -> Commands:
    return Commands(site, acpublish, ("--to", site.server.url))


@pytest.fixture
def acpublish(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, site: Site
) -> CommandLine:
    monkeypatch.setenv("ACPUBLISH_TOKEN", site.manage)
    return CommandLine(capsys)


@pytest.fixture(params=["directory", "server"])
def run(request: pytest.FixtureRequest, site: Site, acpublish: CommandLine) -> Commands:
    return (local if request.param == "directory" else remote)(site, acpublish)


@contextmanager
def asking(site: Site, *devices: FleetDevice) -> Iterator[None]:
    """Lets devices ask again and again."""
    over = threading.Event()

    def ask() -> None:
        while not over.wait(0.1):
            site.ask(*devices)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_both_ways_give_equal_documents(site: Site, acpublish: CommandLine) -> None:
    old = site.publish("plug", "1.0.0")
    site.publish("plug", "1.1.0")
    site.ask(FleetDevice(1, old, product="plug", boots=False))
    here, there = local(site, acpublish), remote(site, acpublish)
    here.document("devices", "name", "24:0a:c4:00:00:01", "attic")
    there.document("devices", "tag", "attic", "canary")
    here.document("rollout", "start", "plug", "1.0.0", "--channel", "beta", "--stages", "100%")
    for words in (
        ("devices", "list", "--product", "plug"),
        ("devices", "show", "attic"),
        ("explain", "attic"),
        ("rollout", "status", "plug"),
        ("rollout", "plan", "plug", "1.1.0", "--channel", "stable"),
        ("status", "plug"),
    ):
        assert here.document(*words) == there.document(*words)
    (device,) = here.document("devices", "list", "--product", "plug")["devices"]
    assert (device["name"], device["tags"], device["runs"]) == ("attic", ["canary"], "1.0.0")
    (standing,) = here.document("status", "plug")
    assert standing["devices"] == [{"board": "c3", "version": "1.0.0", "count": 1}]


def test_a_rollout_from_its_start_to_its_end(site: Site, run: Commands) -> None:
    product = f"lamp{len(site.images)}"
    old = site.publish(product, "1.0.0")
    new = site.publish(product, "1.1.0", channel="beta")
    devices = [FleetDevice(number, old, product=product) for number in range(4)]
    site.ask(*devices)
    words = ("rollout", "start", product, "1.1.0", "--channel", "stable", "--soak", "0s")
    assert run.document(*words, "--stages", "1,100%")["plan"] == [1, 4]

    def status() -> dict[str, Any]:
        (rollout,) = run.document("rollout", "status", product)["rollouts"]
        return dict(rollout)

    with asking(site, *devices):
        until(lambda: status()["state"] == "complete")
    assert all(device.runs == new for device in devices)
    assert [stage["running"] for stage in status()["stages"]] == [1, 3]
    lines = run("rollout", "status", product).out.splitlines()
    assert lines[0].endswith(f"{product} 1.1.0 to stable: complete, stage 2 of 2")
    story = run.document("devices", "show", devices[0].id)
    assert (story["runs"], story["offers"][-1]["became"]) == ("1.1.0", "running")


def test_a_rollout_is_shown_right_after_the_publish(site: Site, run: Commands) -> None:
    product = f"gate{len(site.images)}"
    site.publish(product, "1.0.0")
    set_policy(product, "stable", to=site.catalog, stages="1,100%")
    # The server itself looks only every few seconds, which is too late for most of these.
    for version in ("1.1.0", "1.2.0", "1.3.0", "1.4.0"):
        site.publish(product, version)
        rollouts = run.document("rollout", "status", product)["rollouts"]
        assert [own["version"] for own in rollouts if own["state"] == "running"] == [version]


def test_a_deployment_ends_once_the_device_runs_it(site: Site, run: Commands) -> None:
    product = f"door{len(site.images)}"
    old = site.publish(product, "1.0.0")
    new = site.publish(product, "1.1.0", channel="beta")
    device = FleetDevice(9, old, product=product)
    site.ask(device)
    run("devices", "name", device.id, f"kitchen of {product}")
    words = ("deploy", product, "1.1.0", "--device", f"kitchen of {product}", "--wait")
    with asking(site, device):
        said = run(*words, "--timeout", "60s")
    assert (said.status, said.out) == (0, f"kitchen of {product} runs {product} 1.1.0\n")
    assert device.runs == new
    assert run.document("devices", "show", device.id)["flags"] == ["pinned"]


def test_a_token_that_may_read_changes_nothing(
    site: Site, acpublish: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = site.publish("fan", "1.0.0")
    device = FleetDevice(7, old, product="fan")
    site.ask(device)
    monkeypatch.setenv("ACPUBLISH_TOKEN", site.read)
    run = remote(site, acpublish)
    assert run("devices", "show", device.id).status == 0
    assert run("explain", device.id).status == 0
    assert run("rollout", "status", "fan").status == 0
    for words in (
        ("devices", "name", device.id, "x"),
        ("devices", "tag", device.id, "x"),
        ("devices", "retry", "--flagged"),
        ("devices", "forget", device.id, "--yes"),
        ("pin", device.id, "--hold"),
        ("deploy", "fan", "1.0.0", "--device", device.id),
        ("rollout", "start", "fan", "1.0.0", "--channel", "beta"),
        ("rollout", "pause", "fan"),
    ):
        said = run(*words)
        assert said.status == 3, words
        assert "manage" in said.err
    assert run.document("devices", "show", device.id)["name"] == ""
    # One that may only publish hears at once what it lacks, although a plan comes first.
    monkeypatch.setenv("ACPUBLISH_TOKEN", create_token(site.state, publish="*"))
    said = run("rollout", "start", "fan", "1.0.0", "--channel", "beta", "--stages", "1,100%")
    assert said.status == 3
    assert "scope manage" in said.err
    assert "--manage" in said.err
    monkeypatch.delenv("ACPUBLISH_TOKEN")
    said = run("devices", "list")
    assert said.status == 3
    assert "ACPUBLISH_TOKEN" in said.err


def test_what_devices_run_outlives_the_server(
    tmp_path: Path, acpublish: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACPUBLISH_TOKEN")
    (tmp_path / "catalog").mkdir()
    folders = (tmp_path / "catalog", tmp_path / "state")
    words = ("status", "--json", "--to")
    here = (*words, str(folders[0]), "--state", str(folders[1]))
    expected = [{"board": "c3", "version": "1.0.0", "count": 1}]
    with running_server(folders[0], tmp_path) as server:
        site = Site(*folders, server, "", "")
        site.ask(FleetDevice(1, site.publish("lamp", "1.0.0")))
        assert acpublish(*here).json()[0]["devices"] == expected
    assert acpublish(*here).json()[0]["devices"] == expected
    with running_server(folders[0], tmp_path) as server:
        # PlatformIO's ota_status asks in the same way.
        destination = Destination(to=server.url)
        assert [group.to_dict() for group in running_devices(destination, "lamp")] == expected
        assert acpublish(*words, server.url).json()[0]["devices"] == expected
