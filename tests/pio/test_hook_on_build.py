"""``custom_ota_on_build = yes``: each build publishes its image by itself, once."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from acpublish.image.reader import read
from tests.pio.conftest import MakeProject
from tests.pio.hooked import (
    BOTH,
    C3,
    D1,
    ON_BUILD,
    SKETCH,
    edit_sketch,
    errors,
    hooked,
    published,
    visible,
)
from tests.support.pio import Project, clean_environment

pytestmark = pytest.mark.pio

PUBLISHING = "Publishing .pio/build/"
QUIET = ("acpublish", "Publishing", "Stamping", "lamp ")

# An extra script that kills the process when a function of the hook is called.
KILLED = """\
Import("env")
import os, signal
import acpublish.pio.on_build, acpublish.pio.uploading
from acpublish.pio import setup
if os.path.exists("kill"):
    acpublish.pio.{function} = lambda *given, **named: os.kill(os.getpid(), signal.SIGKILL)
setup(env)
"""

# Without a test runner in the project, PlatformIO would fetch a library for unit tests.
TEST_RUNNER = """\
from platformio.public import TestRunnerBase

class CustomTestRunner(TestRunnerBase):
    pass
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "catalog"
    path.mkdir()
    return path


def stamped_version(project: Project, name: str) -> str:
    stamp = read(project.image(name).read_bytes()).stamp
    return stamp.version if stamp else ""


def test_each_build_publishes_once(make_project: MakeProject, catalog: Path) -> None:
    project = hooked(make_project, catalog, BOTH, ON_BUILD)

    first = project.run()
    record = json.loads((project.build_dir("d1") / "acpublish.json").read_text())
    second = project.run()

    assert first.ok, first.stdout
    assert "lamp 1.0.0 for d1_mini (stable): published" in first.stdout
    assert "lamp 1.0.0 for esp32-c3-devkitm-1 (stable): published" in first.stdout
    assert len(visible(catalog)) == 2
    assert record["published"]["sha256"] == read(project.image("d1").read_bytes()).sha256
    assert record["asked"]["to"] == str(catalog)
    assert second.ok, second.stdout
    assert PUBLISHING not in second.stdout
    assert "already published" not in second.stdout


def test_a_changed_sketch_becomes_a_development_version(
    make_project: MakeProject, catalog: Path
) -> None:
    project = hooked(make_project, catalog, D1, ON_BUILD)
    first = project.run()

    edit_sketch(project, "second")
    second = project.run()
    again = project.run()
    edit_sketch(project, "third")
    third = project.run()

    assert first.ok, first.stdout
    assert second.ok, second.stdout
    assert "lamp 1.0.1-dev.1 for d1_mini (dev): published" in second.stdout
    assert "1.0.0 is already published with different bytes" in second.stdout
    assert again.ok, again.stdout
    assert PUBLISHING not in again.stdout
    assert third.ok, third.stdout
    found = published(catalog)
    assert [key for key in found if key.endswith("d1_mini")] == [
        "1.0.0 d1_mini",
        "1.0.1-dev.1 d1_mini",
        f"1.0.1-dev.{third.stdout.split('1.0.1-dev.')[1].split()[0]} d1_mini",
    ]
    newest = [key for key in found if key.endswith("d1_mini")][-1]
    assert list(found[newest].channels) == ["dev"]
    # The image in the build directory is the published one, for a cable too.
    assert f"{stamped_version(project, 'd1')} d1_mini" == newest
    assert read(project.image("d1").read_bytes()).sha256 == found[newest].sha256


def test_trap_01_a_failed_publish_fails_the_build_and_the_next_one_tries_again(
    make_project: MakeProject, catalog: Path
) -> None:
    project = hooked(make_project, catalog, C3, ON_BUILD)
    # A missing directory would be reported before the build.
    (catalog / ".acpublish").write_text("")

    failed = project.run()
    still = project.run()
    (catalog / ".acpublish").unlink()
    repaired = project.run()
    after = project.run()

    assert failed.returncode == 1
    assert str(catalog) in errors(failed)[0]
    assert project.image("c3").is_file()
    assert still.returncode == 1
    assert "Linking" not in still.stdout
    assert repaired.ok, repaired.stdout
    assert "Linking" not in repaired.stdout
    assert visible(catalog) == ["lamp/lamp-1.0.0_esp32-c3-devkitm-1.bin"]
    assert after.ok, after.stdout
    assert PUBLISHING not in after.stdout


def test_what_a_directory_lost_and_what_is_to_be_signed_is_published_again(
    make_project: MakeProject, catalog: Path, tmp_path: Path
) -> None:
    project = hooked(make_project, catalog, D1, ON_BUILD)
    assert project.run().ok
    shutil.rmtree(catalog / "lamp")
    shutil.rmtree(catalog / ".acpublish")
    # A lost catalog is begun anew only on purpose.
    (catalog / ".acpublish").mkdir()

    again = project.run()

    assert again.ok, again.stdout
    assert visible(catalog) == ["lamp/lamp-1.0.0_d1_mini.bin"]
    key = tmp_path / "key.pem"
    command = [sys.executable, "-m", "acpublish", "key", "create", "-o", str(key)]
    subprocess.run(command, check=True, capture_output=True)

    signed = project.run(env={"ACPUBLISH_SIGNING_KEY": str(key)})

    assert signed.ok, signed.stdout
    assert "signature added" in signed.stdout


@pytest.mark.parametrize(
    ("function", "reached"),
    [
        ("uploading.replace", 0),
        ("uploading.publish_image", 0),
        ("uploading.stamped", 1),
        ("on_build.write_record", 1),
    ],
)
def test_trap_01_a_build_that_was_killed_publishes_on_the_next_run(
    make_project: MakeProject, catalog: Path, function: str, reached: int
) -> None:
    project = hooked(
        make_project,
        catalog,
        D1,
        ON_BUILD,
        sources={"acpublish_ota.py": KILLED.format(function=function), "kill": ""},
    )

    killed = project.run()
    there = len(visible(catalog))
    (project.root / "kill").unlink()
    repaired = project.run()
    after = project.run()

    assert killed.returncode == 1
    assert there == reached
    assert repaired.ok, repaired.stdout
    assert PUBLISHING in repaired.stdout
    assert visible(catalog) == ["lamp/lamp-1.0.0_d1_mini.bin"]
    assert stamped_version(project, "d1") == "1.0.0"
    assert after.ok, after.stdout
    assert PUBLISHING not in after.stdout


def test_a_development_version_is_not_published_twice_after_a_kill(
    make_project: MakeProject, catalog: Path
) -> None:
    project = hooked(
        make_project,
        catalog,
        D1,
        ON_BUILD,
        sources={"acpublish_ota.py": KILLED.format(function="on_build.write_record")},
    )
    first = project.run()

    edit_sketch(project, "second")
    project.write("kill", "")
    killed = project.run()
    (project.root / "kill").unlink()
    repaired = project.run()

    assert first.ok, first.stdout
    assert killed.returncode == 1
    assert repaired.ok, repaired.stdout
    assert "lamp 1.0.1-dev.1 for d1_mini (dev): already published" in repaired.stdout
    assert list(published(catalog)) == ["1.0.0 d1_mini", "1.0.1-dev.1 d1_mini"]


def test_another_destination_and_a_damaged_record_publish_again(
    make_project: MakeProject, catalog: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    project = hooked(make_project, catalog, C3, ON_BUILD)

    first = project.run()
    elsewhere = project.run(env={"ACPUBLISH_TO": str(other)})
    (project.build_dir("c3") / "acpublish.json").write_text('{"asked": ')
    damaged = project.run(env={"ACPUBLISH_TO": str(other)})

    assert first.ok, first.stdout
    assert elsewhere.ok, elsewhere.stdout
    assert visible(other) == visible(catalog)
    assert damaged.ok, damaged.stdout
    assert "already published" in damaged.stdout


def test_upload_ota_in_the_same_run_publishes_only_once_and_refuses_a_conflict(
    make_project: MakeProject, catalog: Path
) -> None:
    project = hooked(make_project, catalog, D1, ON_BUILD)

    asked = project.run("-t", "upload_ota")
    edit_sketch(project, "second")
    refused = project.run("-t", "buildprog", "-t", "upload_ota")

    assert asked.ok, asked.stdout
    assert asked.stdout.count(PUBLISHING) == 1
    assert refused.returncode == 1
    assert "already published with different bytes" in errors(refused)[0]
    assert list(published(catalog)) == ["1.0.0 d1_mini"]


def test_a_serial_upload_flashes_what_was_published(
    make_project: MakeProject, catalog: Path, tmp_path: Path
) -> None:
    sent = tmp_path / "sent.bin"
    project = hooked(
        make_project,
        catalog,
        D1,
        ON_BUILD,
        "upload_protocol = custom",
        f"upload_command = cp $SOURCE {sent}",
    )
    first = project.run()
    edit_sketch(project, "second")

    run = project.run("-t", "upload")

    assert first.ok, first.stdout
    assert run.ok, run.stdout
    assert read(sent.read_bytes()).sha256 == published(catalog)["1.0.1-dev.1 d1_mini"].sha256


def test_runs_that_are_no_builds_publish_nothing(make_project: MakeProject, catalog: Path) -> None:
    project = hooked(make_project, catalog, C3, ON_BUILD, sources={"data/index.html": "<p>"})

    runs = [
        project.run("-t", target)
        for target in ("size", "compiledb", "buildfs", "idedata", "envdump", "clean")
    ]

    for run in runs:
        assert run.ok, run.stdout
        assert PUBLISHING not in run.stdout
    assert visible(catalog) == []


def test_unit_tests_on_the_board_are_neither_stamped_nor_published(
    make_project: MakeProject, catalog: Path
) -> None:
    project = hooked(
        make_project,
        catalog,
        C3,
        ON_BUILD,
        "test_framework = custom",
        sources={"test/test_custom_runner.py": TEST_RUNNER, "test/test_main.cpp": SKETCH},
    )

    done = subprocess.run(
        [project.python, "-m", "platformio", "test", "--without-uploading", "--without-testing"],
        env=clean_environment(project.core),
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert stamped_version(project, "c3") == ""
    assert read(project.image("c3").read_bytes()).stampable
    assert visible(catalog) == []


def test_nothing_is_said_of_an_unchanged_build_of_several_jobs(
    make_project: MakeProject, catalog: Path
) -> None:
    project = hooked(make_project, catalog, BOTH, ON_BUILD)

    first = project.run("-j", "4")
    second = project.run("-j", "4")

    assert first.ok, first.stdout
    assert first.stdout.count(PUBLISHING) == 2
    assert second.ok, second.stdout
    assert not [line for line in second.stdout.splitlines() if line.startswith(QUIET)]


def test_a_record_that_cannot_be_written_is_an_error_and_no_traceback(
    make_project: MakeProject, catalog: Path
) -> None:
    project = hooked(make_project, catalog, D1, ON_BUILD)
    (project.build_dir("d1") / "acpublish.json").mkdir(parents=True)

    run = project.run("--disable-auto-clean")

    assert run.returncode == 1
    assert "acpublish.json cannot be written" in errors(run)[0]


def test_an_image_made_again_gets_the_version_it_is_published_under(
    make_project: MakeProject, catalog: Path
) -> None:
    project = hooked(make_project, catalog, D1, ON_BUILD)
    assert project.run().ok
    edit_sketch(project, "second")
    assert project.run().ok
    project.image("d1").unlink()

    # There is no device, but the image for a serial upload is built first.
    again = project.run("-t", "upload")

    assert "Uploading" in again.stdout
    assert PUBLISHING not in again.stdout
    image = read(project.image("d1").read_bytes())
    assert image.sha256 == published(catalog)["1.0.1-dev.1 d1_mini"].sha256


@pytest.mark.parametrize(
    "targets",
    [("upload", "size"), ("checkprogsize", "buildprog"), (".pio/build/d1/firmware.bin",)],
    ids=" ".join,
)
def test_whatever_target_makes_an_image_it_is_published(
    make_project: MakeProject, catalog: Path, targets: tuple[str, ...]
) -> None:
    project = hooked(make_project, catalog, D1, ON_BUILD)

    run = project.run(*(word for target in targets for word in ("-t", target)))

    assert run.stdout.count("lamp 1.0.0 for d1_mini (stable): published") == 1
    image = read(project.image("d1").read_bytes())
    assert image.sha256 == published(catalog)["1.0.0 d1_mini"].sha256


def test_a_version_whose_builds_have_no_room_is_refused_before_the_build(
    make_project: MakeProject, catalog: Path
) -> None:
    version = "10.20.30-alpha.beta.gamma.12345"
    project = hooked(make_project, catalog, D1, ON_BUILD, version=version)

    run = project.run()

    assert run.returncode == 1
    assert "Compiling" not in run.stdout
    assert (
        f"development versions of {version}, which changed builds get, would not fit in a stamp"
        in errors(run)[0]
    )
