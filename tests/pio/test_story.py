"""A bad release, from ``pio run`` to the last device: taken back, repaired, promoted.

Everything is real but the hardware: PlatformIO and its compilers, the command line, a server
process, and the software devices. The images of the three versions are built once.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import acpublish
from acpublish.emulator.profile import DeviceOptions, UpdateOutcome, UpdateResult
from acpublish.emulator.updater import run
from acpublish.wire import Family
from tests.pio.hooked import BOTH, SHIM, SKETCH, edit_sketch
from tests.support import preloaded
from tests.support.pio import Project
from tests.support.server import RunningServer, running_server
from tests.support.tokens import create_token

pytestmark = pytest.mark.pio

CHIPS: dict[str, Family] = {"d1": "esp8266", "c3": "esp32"}
INI = """\
extra_scripts = post:acpublish_ota.py
custom_ota_to = nowhere
custom_ota_version = file:VERSION
"""
UPDATED, NO_UPDATE = UpdateResult.UPDATED, UpdateResult.NO_UPDATE
WHY = "it overheats"


@dataclass(frozen=True, slots=True)
class Workshop:
    """A project for two boards, and the images that PlatformIO built of it."""

    project: Project
    images: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def run(self, version: str, *words: str, env: dict[str, str] | None = None) -> str:
        """Runs PlatformIO on the sources of a version, and keeps the images."""
        self.project.write("VERSION", version)
        edit_sketch(self.project, version)
        done = self.project.run(*words, env=env)
        assert done.ok, done.stdout
        self.images[version] = {name: self.project.image(name).read_bytes() for name in BOTH}
        return done.stdout

    def images_of(self, version: str) -> dict[str, bytes]:
        """Returns the images of a version, built if they are not yet."""
        if version not in self.images:
            self.run(version)
        return self.images[version]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory, pio_core: Path, pio_python: str) -> Workshop:
    sources = {"src/main.cpp": SKETCH, "VERSION": "1.0.0", "acpublish_ota.py": SHIM}
    project = Project.make(
        tmp_path_factory.mktemp("story"),
        "lamp",
        core=pio_core,
        envs=BOTH,
        ini_extra=INI,
        sources=sources,
        python=pio_python,
    )
    return Workshop(project)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A catalog with its server, and how somebody changes it."""

    workshop: Workshop
    server: RunningServer
    #: The catalog's directory, or the server's URL.
    to: str
    tmp: Path
    key: Path | None
    #: What publishes and promotes, and what takes back.
    publisher: str | None
    manager: str | None
    with_pio: bool

    def pio(self, version: str, *words: str) -> str:
        """Runs PlatformIO with this site as its destination."""
        env = {"ACPUBLISH_TO": self.to}
        env |= {"ACPUBLISH_TOKEN": self.publisher} if self.publisher else {}
        env |= {"ACPUBLISH_SIGNING_KEY": str(self.key)} if self.key else {}
        return self.workshop.run(version, *words, env=env)

    def publish(self, version: str, channel: str = "stable") -> None:
        """Publishes a version for both boards."""
        if self.with_pio:
            said = self.pio(version, "-t", "upload_ota", "-a", "--channel", "-a", channel)
            assert said.count(f"({channel}): published") == len(BOTH)
            return
        for name, data in self.workshop.images_of(version).items():
            (self.tmp / "firmware.bin").write_bytes(data)
            acpublish.publish(
                self.tmp / "firmware.bin",
                to=self.to,
                product="lamp",
                version=version,
                board=BOTH[name],
                channel=channel,
                signing_key=self.key,
                token=self.publisher,
            )

    def promote(self, version: str) -> str:
        """Lets the channel stable point at a version."""
        if self.with_pio:
            return self.pio(version, "-t", "ota_promote", "-a", "--channel", "-a", "stable")
        return self.command("promote", "lamp", version, "--channel", "stable", by=self.publisher)

    def command(self, *words: str, by: str | None = None) -> str:
        """Runs a command, and returns what it prints."""
        token = by or self.manager
        status, text = preloaded.run(
            [sys.executable, "-m", "acpublish", *words, "--to", self.to],
            env={**os.environ, **({"ACPUBLISH_TOKEN": token} if token else {})},
            cwd=self.tmp,
        )
        assert status == 0, text
        return text


@pytest.fixture(
    params=[
        pytest.param((False, False, True), id="directory, unsigned, pio"),
        pytest.param((False, True, False), id="directory, signed"),
        pytest.param((True, False, False), id="server, unsigned"),
        pytest.param((True, True, True), id="server, signed, pio"),
    ]
)
def site(request: pytest.FixtureRequest, tmp_path: Path, workshop: Workshop) -> Iterator[Site]:
    to_server, signed, with_pio = request.param
    catalog, state = tmp_path / "catalog", tmp_path / "state"
    catalog.mkdir()
    key = tmp_path / "key.pem" if signed else None
    if key is not None:
        acpublish.trust_keys(catalog, product="lamp", add=acpublish.create_key(key).pem)
    with running_server(catalog, tmp_path) as server:
        yield Site(
            workshop=workshop,
            server=server,
            to=server.url if to_server else str(catalog),
            tmp=tmp_path,
            key=key,
            publisher=create_token(state, "lamp") if to_server else None,
            manager=create_token(state, manage=True) if to_server else None,
            with_pio=with_pio,
        )


@dataclass(frozen=True, slots=True)
class Field:
    """The devices in the field: a device of each name for each board."""

    site: Site

    def flash(self, device: str, name: str) -> Path:
        """Returns the file with what a device runs."""
        return self.site.tmp / f"{device}-{name}.flash"

    def ask(self, device: str, version: str, *, channel: str = "stable") -> list[UpdateOutcome]:
        """Lets a device of each board ask for its update, which leaves it with a version."""
        outcomes = []
        for number, (name, board) in enumerate(BOTH.items()):
            mac = hashlib.sha256(device.encode()).digest()
            options = DeviceOptions(
                chip=CHIPS[name],
                flash=self.flash(device, name),
                mac=f"24:0A:{mac[0]:02X}:{mac[1]:02X}:{mac[2]:02X}:{number:02X}",
            )
            path = f"/update/lamp/{board}?channel={channel}"
            outcomes.append(run(options, self.site.server.url, path))
            running = self.flash(device, name).read_bytes()
            assert running == self.site.workshop.images_of(version)[name], (device, name)
        return outcomes

    def updates(self, device: str, version: str, *, channel: str = "stable") -> None:
        """A device of each board is updated to a version, and then needs nothing."""
        first = self.ask(device, version, channel=channel)
        assert [outcome.result for outcome in first] == [UPDATED, UPDATED], first
        self.keeps(device, version, channel=channel)

    def keeps(self, device: str, version: str, *, channel: str = "stable") -> None:
        """A device of each board hears 304, and keeps what it runs."""
        outcomes = self.ask(device, version, channel=channel)
        assert [outcome.status for outcome in outcomes] == [304, 304], outcomes


def test_a_bad_release_is_taken_back_and_repaired(site: Site) -> None:
    field = Field(site)
    site.publish("1.0.0")
    for device in ("cautious", "eager"):
        field.updates(device, "1.0.0")

    site.publish("1.1.0")
    field.updates("eager", "1.1.0")

    # The bad release is withdrawn: nobody gets it any more, and nobody loses it yet.
    said = site.command("withdraw", "lamp", "1.1.0", "--reason", WHY, "--yes")
    for board in BOTH.values():
        assert f"stable {board}: 1.1.0 -> 1.0.0" in said
        assert site.server.get(f"/lamp/lamp-1.1.0_{board}.bin").status == 404
    field.keeps("eager", "1.1.0")
    field.keeps("cautious", "1.0.0")
    field.updates("bought during the alarm", "1.0.0")
    assert "1.1.0" not in site.command("list", "--path", "lamp", by=None)
    assert f"withdrawn: {WHY}" in site.command("list", "--path", "lamp", "--all", by=None)

    # The devices that run it are ordered back, and no others.
    said = site.command("rollback", "lamp", "--channel", "stable", "--reason", WHY, "--yes")
    for board in BOTH.values():
        assert f"stable {board}: stays at 1.0.0" in said
        assert f"devices of {board} that run 1.1.0 are ordered back" in said
    if site.to == site.server.url:
        assert "devices that are known to run it: 2" in said
    md5 = hashlib.md5(site.workshop.images_of("1.1.0")["d1"]).hexdigest()
    said = site.command("explain", "lamp", "--board", "d1_mini", "--md5", md5, by=None)
    assert said.startswith("offer 1.0.0: 1.1.0 was taken back"), said
    field.updates("eager", "1.0.0")
    field.keeps("cautious", "1.0.0")
    field.updates("new", "1.0.0")

    # The repaired release is tried on beta first.
    site.publish("1.1.1", "beta")
    field.updates("brave", "1.1.1", channel="beta")
    field.keeps("eager", "1.0.0")
    said = site.promote("1.1.1")
    assert said.count("1.0.0") >= len(BOTH), said
    for device in ("cautious", "eager", "bought during the alarm", "new"):
        field.updates(device, "1.1.1")
    field.keeps("brave", "1.1.1", channel="beta")
    if site.with_pio:
        said = site.pio("1.1.1", "-e", "d1", "-t", "ota_status")
        assert f"withdrawn: {WHY}" in said

    history = acpublish.history("lamp", to=site.to)
    assert [change.action for change in history if change.action != "publish"] == [
        "withdraw",
        "rollback",
        *("promote",) * (2 if site.with_pio else 1),
    ]
    assert {change.author.why for change in history} == {"", WHY}
    stable = [row for row in acpublish.channels("lamp", to=site.to) if row.channel == "stable"]
    assert {str(row.current.version) for row in stable if row.current} == {"1.1.1"}
    assert len(stable) == len(BOTH)
