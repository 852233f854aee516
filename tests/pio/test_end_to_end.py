"""From ``pio run`` to an updated device: the whole path, every part real."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from acpublish.emulator.profile import DeviceOptions, UpdateOutcome, UpdateResult
from acpublish.emulator.updater import run
from acpublish.release.names import update_paths_in
from acpublish.wire import Family
from tests.pio.conftest import MakeProject
from tests.pio.hooked import (
    BOTH,
    D1,
    ON_BUILD,
    edit_sketch,
    errors,
    esptool_info,
    hooked,
    published,
    visible,
)
from tests.support.server import RunningServer, running_server

pytestmark = pytest.mark.pio

CHIPS: dict[str, Family] = {"d1": "esp8266", "c3": "esp32"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A server, its catalog, and the environment variables of someone who may publish there."""

    server: RunningServer
    catalog: Path
    env: dict[str, str]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    command = [sys.executable, "-m", "acpublish", "token", "create", "--publish", "lamp"]
    token = subprocess.run(
        [*command, "--catalog", str(catalog), "--state", str(tmp_path / "state")],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    with running_server(catalog, tmp_path) as server:
        env = {"ACPUBLISH_TO": server.url, "ACPUBLISH_TOKEN": token}
        yield Site(server=server, catalog=catalog, env=env)


def update(site: Site, name: str, flash: Path) -> UpdateOutcome:
    """Lets the device of an environment ask for its update."""
    options = DeviceOptions(chip=CHIPS[name], flash=flash)
    return run(options, site.server.url, f"/update/lamp/{BOTH[name]}")


def test_what_pio_run_publishes_is_what_the_devices_hold(
    make_project: MakeProject, site: Site, tmp_path: Path
) -> None:
    project = hooked(make_project, "nowhere", BOTH)
    held: dict[str, list[bytes]] = {name: [] for name in BOTH}

    for version in ("1.0.0", "1.1.0"):
        project.write("VERSION", version)
        edit_sketch(project, version)
        run = project.run("-t", "upload_ota", env=site.env)
        assert run.ok, run.stdout
        assert f"{site.server.url}/lamp/lamp-{version}_d1_mini.bin" in run.stdout
        assert site.env["ACPUBLISH_TOKEN"] not in run.stdout
        for name in BOTH:
            flash = tmp_path / f"{name}.flash"
            outcome = update(site, name, flash)
            assert outcome.result is UpdateResult.UPDATED, outcome
            assert flash.read_bytes() == project.image(name).read_bytes()
            assert update(site, name, flash).result is UpdateResult.NO_UPDATE
            held[name].append(flash.read_bytes())

    assert all(old != new for old, new in held.values())
    said = esptool_info(tmp_path / "c3.flash")
    assert said.count("(valid)") == 2, said
    assert "App version: 1.1.0" in said
    noop = project.run("-v", "-t", "upload_ota", env=site.env)
    assert noop.ok, noop.stdout
    told = rf"^acpublish: PUT {site.server.url}/api/v1/releases/lamp/1\.1\.0/\S+: 200 in \d+ ms$"
    assert len(re.findall(told, noop.stdout, re.M)) == 2, noop.stdout
    assert site.env["ACPUBLISH_TOKEN"] not in noop.stdout
    assert noop.stdout.count("already published") == 2


def test_each_build_reaches_the_devices_of_the_development_channel(
    make_project: MakeProject, site: Site, tmp_path: Path
) -> None:
    project = hooked(make_project, "nowhere", D1, ON_BUILD)
    first = project.run(env=site.env)
    edit_sketch(project, "second")

    second = project.run(env=site.env)
    again = project.run(env=site.env)
    flash = tmp_path / "d1.flash"
    outcome = run(DeviceOptions(flash=flash), site.server.url, "/update/lamp/d1_mini?channel=dev")

    assert first.ok, first.stdout
    assert second.ok, second.stdout
    assert re.search(r"lamp 1\.0\.1-dev\.\d for d1_mini \(dev\): published", second.stdout)
    # The sketch asks for stable.
    assert "Set custom_ota_channel = dev and build again" in second.stdout
    assert again.ok, again.stdout
    assert "Publishing" not in again.stdout
    assert outcome.result is UpdateResult.UPDATED
    assert flash.read_bytes() == project.image("d1").read_bytes()
    stable = tmp_path / "stable.flash"
    assert update(site, "d1", stable).result is UpdateResult.UPDATED
    assert stable.read_bytes() == (site.catalog / "lamp/lamp-1.0.0_d1_mini.bin").read_bytes()


@pytest.mark.parametrize("channel", ["beta", "dev"])
def test_a_device_follows_the_channel_that_its_project_publishes_to(
    make_project: MakeProject, site: Site, tmp_path: Path, channel: str
) -> None:
    project = hooked(make_project, "nowhere", D1, f"custom_ota_channel = {channel}")
    flash = tmp_path / "d1.flash"

    # On dev, the file VERSION stays as it is, and the last edit is undone.
    for version in ("1.0.0", "1.1.0", *(["1.0.0"] if channel == "dev" else [])):
        edit_sketch(project, version)
        project.write("VERSION", "1.0.0" if channel == "dev" else version)
        built = project.run("-t", "upload_ota", env=site.env)
        assert built.ok, built.stdout
        assert f"for d1_mini ({channel}): published" in built.stdout
        assert "warning: channel" not in built.stdout
        # The path is the one that the sketch has from acpublish.h.
        (path,) = update_paths_in(project.image("d1").read_bytes())
        assert path == f"/update/lamp/d1_mini?channel={channel}"
        outcome = run(DeviceOptions(flash=flash), site.server.url, path)
        assert outcome.result is UpdateResult.UPDATED, outcome
        assert flash.read_bytes() == project.image("d1").read_bytes()


def test_a_server_refuses_other_bytes_with_both_digests(
    make_project: MakeProject, site: Site
) -> None:
    project = hooked(make_project, "nowhere", D1)
    first = project.run("-t", "upload_ota", env=site.env)
    before = published(site.catalog)["1.0.0 d1_mini"]
    edit_sketch(project, "second")

    refused = project.run("-t", "upload_ota", env=site.env)

    assert first.ok, first.stdout
    assert refused.returncode == 1
    (line,) = errors(refused)
    assert before.sha256 in line
    assert len(set(re.findall(r"[0-9a-f]{64}", line))) == 2
    assert published(site.catalog) == {"1.0.0 d1_mini": before}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ACPUBLISH_TOKEN": ""}, "token"),
        ({"ACPUBLISH_TOKEN": "wrong-wrong-wrong"}, "token"),
        ({"ACPUBLISH_PRODUCT": "lantern"}, "token"),
    ],
)
def test_who_may_not_publish_is_told_so_in_one_line(
    make_project: MakeProject, site: Site, change: dict[str, str], said: str
) -> None:
    project = hooked(make_project, "nowhere", D1)

    run = project.run("-t", "upload_ota", env={**site.env, **change})

    assert run.returncode == 1
    (line,) = errors(run)
    assert said in line
    assert "wrong-wrong-wrong" not in run.stdout
    assert site.env["ACPUBLISH_TOKEN"] not in run.stdout
    assert visible(site.catalog) == []


def test_a_server_that_was_down_gets_the_image_on_the_next_build(
    make_project: MakeProject, site: Site, tmp_path: Path
) -> None:
    project = hooked(make_project, "nowhere", D1, ON_BUILD)
    down = {**site.env, "ACPUBLISH_TO": "http://127.0.0.1:9"}

    failed = project.run(env=down)
    repaired = project.run(env=site.env)

    assert failed.returncode == 1
    assert len(errors(failed)) == 1
    assert repaired.ok, repaired.stdout
    assert visible(site.catalog) == ["lamp/lamp-1.0.0_d1_mini.bin"]
