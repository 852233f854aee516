"""The targets other than ``upload_ota``, and the arguments of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.emulator.profile import DeviceOptions
from acpublish.emulator.updater import Device
from tests.pio.conftest import MakeProject
from tests.pio.hooked import (
    BOTH,
    C3,
    D1,
    ON_BUILD,
    compiled,
    edit_sketch,
    errors,
    hooked,
    published,
    visible,
)
from tests.support.server import running_server

pytestmark = pytest.mark.pio


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    made = tmp_path / "catalog"
    made.mkdir()
    return made


def channels(catalog: Path) -> dict[str, set[str]]:
    return {name: set(image.channels) for name, image in published(catalog).items()}


def test_all_are_listed_with_title_and_description(
    make_project: MakeProject, catalog: Path
) -> None:
    listed = hooked(make_project, catalog, D1).run("--list-targets").stdout
    for name, title, description in (
        ("upload_ota", "Upload OTA", "Publish the firmware"),
        ("uploadfs_ota", "Upload Filesystem OTA", "Build and publish the filesystem"),
        ("ota_check", "Check OTA", "without publishing anything"),
        ("ota_status", "OTA Status", "what is published"),
        ("ota_promote", "Promote OTA", "channel point at"),
    ):
        (line,) = [one for one in listed.splitlines() if f" {name} " in one]
        assert title in line
        assert description in line


@pytest.mark.parametrize("envs", [D1, C3], ids=["esp8266", "esp32"])
def test_the_filesystem_is_built_and_published_beside_the_firmware(
    make_project: MakeProject, catalog: Path, envs: dict[str, str]
) -> None:
    (board,) = envs.values()
    project = hooked(make_project, catalog, envs, sources={"data/index.html": "<h1>lamp</h1>"})

    run = project.run("-t", "uploadfs_ota")

    assert run.ok, run.stdout
    assert visible(catalog) == [f"lamp/lamp-1.0.0_{board}.fs.bin"]
    assert "Compiling " not in run.stdout
    again = project.run("-t", "upload_ota", "-t", "uploadfs_ota")
    assert again.ok, again.stdout
    assert visible(catalog) == [f"lamp/lamp-1.0.0_{board}.bin", f"lamp/lamp-1.0.0_{board}.fs.bin"]
    assert "already published" in again.stdout
    (image,) = project.build_dir(next(iter(envs))).glob("littlefs.bin")
    assert image.read_bytes() == (catalog / f"lamp/lamp-1.0.0_{board}.fs.bin").read_bytes()


def test_what_the_filesystem_lacks_is_one_line(make_project: MakeProject, catalog: Path) -> None:
    project = hooked(make_project, catalog, D1)
    run = project.run("-t", "uploadfs_ota")
    assert not run.ok
    (line,) = errors(run)
    assert "there is no folder" in line
    assert "data" in line
    assert project.run("-t", "upload_ota").ok


def test_a_filesystem_that_is_there_is_published_without_building(
    make_project: MakeProject, catalog: Path
) -> None:
    project = hooked(make_project, catalog, D1, sources={"data/a.txt": "1"})
    # With nobuild, the platforms also require the firmware image.
    assert project.run().ok
    assert project.run("-t", "buildfs").ok
    project.write("data/a.txt", "2")
    before = (project.build_dir("d1") / "littlefs.bin").read_bytes()
    run = project.run("-t", "nobuild", "-t", "uploadfs_ota")
    assert run.ok, run.stdout
    assert (catalog / "lamp/lamp-1.0.0_d1_mini.fs.bin").read_bytes() == before


def test_a_check_publishes_nothing_and_fails_as_a_publish_would(
    make_project: MakeProject, catalog: Path
) -> None:
    project = hooked(make_project, catalog, C3, ON_BUILD)
    good = project.run("-t", "ota_check")
    assert good.ok, good.stdout
    for name in ("chip", "stamp", "dirty"):
        assert any(line.split()[-1:] == [name] or name in line for line in good.stdout.splitlines())
    assert "ok           chip" in good.stdout
    assert visible(catalog) == []
    project.write("parts.csv", "app0,app,ota_0,0x10000,4K\n")
    bad = project.run("-t", "ota_check", env={"ACPUBLISH_PARTITIONS": "parts.csv"})
    assert not bad.ok
    (line,) = errors(bad)
    assert "slot: the image is" in line
    assert visible(catalog) == []


def test_the_status_tells_versions_and_channels(make_project: MakeProject, catalog: Path) -> None:
    project = hooked(make_project, catalog, BOTH)
    empty = project.run("-e", "d1", "-t", "ota_status")
    assert empty.ok, empty.stdout
    assert "nothing is published yet" in empty.stdout
    assert "Compiling " not in empty.stdout
    assert project.run("-t", "upload_ota").ok
    project.write("VERSION", "1.1.0")
    assert project.run("-e", "d1", "-t", "upload_ota", "-a", "--channel", "-a", "beta").ok
    told = project.run("-e", "d1", "-t", "ota_status")
    assert told.ok, told.stdout
    lines = [line.split() for line in told.stdout.splitlines() if line.startswith("1.")]
    assert [(one[0], one[1], one[-1]) for one in lines] == [
        ("1.1.0", "d1_mini", "beta"),
        *sorted(
            (("1.0.0", board, "stable") for board in BOTH.values()),
            key=lambda one: -published(catalog)[f"{one[0]} {one[1]}"].channels["stable"],
        ),
    ]


def test_the_status_of_a_server_tells_what_devices_run(
    make_project: MakeProject, catalog: Path, tmp_path: Path
) -> None:
    project = hooked(make_project, catalog, D1)
    assert project.run("-t", "upload_ota").ok
    old, new = tmp_path / "old.bin", tmp_path / "new.bin"
    new.write_bytes(next((catalog / "lamp").iterdir()).read_bytes())
    with running_server(catalog, tmp_path) as server:
        for number, flash in enumerate((old, new, new)):
            mac = f"24:0A:C4:A3:15:0{number}"
            options = DeviceOptions(chip="esp8266", flash=flash, mac=mac, chip_size=1 << 24)
            # The first has the release from now on, but asks no more.
            Device(options).check_for_update(f"{server.url}/update/lamp/d1_mini")
        told = project.run("-t", "ota_status", env={"ACPUBLISH_TO": server.url})
    assert told.ok, told.stdout
    (line,) = [one for one in told.stdout.splitlines() if one.startswith("devices that checked in")]
    assert "2 d1_mini with 1.0.0" in line
    assert "1 d1_mini with an image that is not published here" in line


def test_a_promotion_builds_nothing_and_moves_the_channel(
    make_project: MakeProject, catalog: Path
) -> None:
    project = hooked(make_project, catalog, D1, "custom_ota_channel = beta", ON_BUILD)
    assert project.run("-t", "upload_ota").ok
    edit_sketch(project, "second")
    promoted = project.run("-t", "ota_promote", "-a", "--channel", "-a", "stable")
    assert promoted.ok, promoted.stdout
    assert compiled(promoted) == []
    lines = promoted.stdout.splitlines()
    assert "stable d1_mini: nothing -> 1.0.0" in lines
    assert "lamp 1.0.0 for d1_mini: promoted to stable" in lines
    assert channels(catalog) == {"1.0.0 d1_mini": {"beta", "stable"}}
    unknown = project.run("-t", "ota_promote", "-a", "--version", "-a", "9.0.0")
    assert not unknown.ok
    (line,) = errors(unknown)
    assert "there is no release 9.0.0. The newest are: 1.0.0." in line


def test_trap_09_arguments_of_the_run_come_first(make_project: MakeProject, catalog: Path) -> None:
    project = hooked(make_project, catalog, D1, "custom_ota_channel = stable")
    said = ("-a", "--channel", "-a", "beta", "-a", "--version=2.0.0")
    run = project.run("-t", "upload_ota", *said, env={"ACPUBLISH_CHANNEL": "other"})
    assert run.ok, run.stdout
    assert channels(catalog) == {"2.0.0 d1_mini": {"beta"}}
    (release,) = DirectoryCatalog(catalog).releases("lamp")
    assert str(release.version) == "2.0.0"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("-a", "--chanel", "-a", "beta"), "contain --chanel, which is not a valid option"),
        (("-a", "--channel", "-a", "A b"), "--channel: the channel"),
    ],
)
def test_a_wrong_argument_is_one_line(
    make_project: MakeProject, catalog: Path, given: tuple[str, ...], said: str
) -> None:
    project = hooked(make_project, catalog, D1)
    run = project.run("-t", "upload_ota", *given)
    assert not run.ok
    (line,) = errors(run)
    assert said in line
    assert "Compiling " not in run.stdout


def test_nothing_of_ours_runs_in_a_plain_build_with_arguments(
    make_project: MakeProject, catalog: Path
) -> None:
    """Arguments of another target, such as ``exec``, are not ours."""
    project = hooked(make_project, catalog, D1)
    edit_sketch(project, "second")
    assert project.run("-a", "--port", "-a", "1").ok
    assert visible(catalog) == []
