"""The guide to install the server, done as it is written; and the upgrade, on what 0.1.0 left."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import acpublish
from acpublish.emulator.profile import DeviceOptions, UpdateResult
from acpublish.emulator.updater import run
from tests.deploy.machine import DOCUMENT, UNIT, Machine, documented
from tests.docs.documents import ROOT
from tests.support import images
from tests.support.server import running_command
from tests.unit.store.making import full_device, opened

OLD = ROOT / "tests" / "compat" / "0.1.0"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel of this checkout."""
    out = tmp_path_factory.mktemp("wheels")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT]
    subprocess.run([*map(str, build)], check=True, capture_output=True)
    return out


@pytest.fixture(scope="module")
def machine(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A machine on which everything of "With systemd" is done, but for the token."""
    made = Machine(tmp_path_factory.mktemp("machine"), wheels)
    for command in documented("With systemd"):
        if "token create" not in command:
            made.run(command)
    return made


def test_what_is_installed_serves_and_takes_what_its_token_publishes(
    machine: Machine, tmp_path: Path
) -> None:
    (create,) = (one for one in documented("With systemd") if "token create" in one)
    firmware = tmp_path / "firmware.bin"
    firmware.write_bytes(images.esp8266_image())
    with running_command(machine.started(), tmp_path) as server:
        token = machine.run(create).strip()
        done = acpublish.publish(
            firmware, to=server.url, product="lamp", version="1.0.0", board="d1", token=token
        )
    assert (machine.path("/srv/firmware") / done.receipt.file).is_file()
    said = machine.said.read_text(encoding="utf-8")
    assert "systemctl enable --now acpublish" in said
    assert "useradd --system" in said


def test_an_upgrade_keeps_catalog_and_state(machine: Machine, tmp_path: Path) -> None:
    firmware, state = machine.path("/srv/firmware"), machine.path("/var/lib/acpublish")
    for folder, kept in ((firmware, OLD / "catalog"), (state, OLD / "state")):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(kept, folder)
    machine.path(UNIT).write_text("[Service]\nExecStart=an older one\n", encoding="utf-8")
    *before, listing = documented("Upgrade")
    for command in before:
        machine.run(command)
    old = json.loads((OLD / "published.json").read_text(encoding="utf-8"))
    flash = tmp_path / "flash.bin"
    flash.write_bytes((OLD / "catalog" / old["images"][0]["file"]).read_bytes())
    with running_command(machine.started(), tmp_path) as server:
        assert "copied.bin" in machine.run(listing.replace("http://192.168.1.10:8000", server.url))
        device = DeviceOptions(chip="esp8266", flash=flash)
        assert run(device, server.url, "/update/lamp/d1_mini").result is UpdateResult.UPDATED
        new = tmp_path / "new.bin"
        new.write_bytes(images.esp8266_image(seed=9))
        acpublish.publish(
            new,
            to=server.url,
            product="lamp",
            version="3.0.0",
            board="d1_mini",
            token=old["token"],
        )
        assert run(device, server.url, "/update/lamp/d1_mini").result is UpdateResult.UPDATED
    assert (firmware.with_name("firmware.before") / "copied.bin").is_file()
    assert not (firmware.with_name("firmware.before") / "lamp" / "lamp-3.0.0_d1_mini.bin").exists()


def test_a_backup_is_restored(machine: Machine) -> None:
    state, backups = machine.path("/var/lib/acpublish"), machine.path("/var/backups")
    backups.mkdir(parents=True)
    with opened(state) as store:
        # Others have asked in the tests before.
        known = {**store.load().devices, full_device().id: full_device()}
        store.keep(full_device())
    of = f"{len(known)} device{'' if len(known) == 1 else 's'} and 0 rollouts"
    said = [machine.run(command) for command in documented("Back up")]
    assert f"fleet-2026-11-27.db has {of}" in said[0]
    assert "not in it, so copy as well: the catalog" in said[0]
    assert (backups / "firmware").is_dir()
    assert (backups / "state" / "tokens.json").is_file()
    assert any(text.startswith(f"restored {of} to ") for text in said)
    with opened(state) as store:
        assert store.load().devices == known


def test_every_command_of_the_guide_is_run_here() -> None:
    sections = ("With systemd", "On a Raspberry Pi", "Back up", "Upgrade")
    assert documented("") == [one for section in sections for one in documented(section)]
    for command in documented("On a Raspberry Pi"):
        assert command.startswith("sudo apt-get install --yes python3-venv"), DOCUMENT
