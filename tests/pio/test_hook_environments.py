"""Several environments of a project in one run, and what keeps a run from publishing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pio.conftest import MakeProject
from tests.pio.hooked import (
    D1,
    errors,
    hooked,
    published,
    visible,
)

pytestmark = pytest.mark.pio


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "catalog"
    path.mkdir()
    return path


def test_trap_05_one_environment_that_fails_does_not_stop_the_others(
    make_project: MakeProject, catalog: Path
) -> None:
    envs = {
        "broken": {"board": "d1_mini", "custom_ota_to": str(catalog / "missing")},
        "c3": "esp32-c3-devkitm-1",
    }
    project = hooked(make_project, catalog, envs)

    run = project.run("-t", "upload_ota")

    assert run.returncode == 1
    (line,) = errors(run)
    assert str(catalog / "missing") in line
    assert visible(catalog) == ["lamp/lamp-1.0.0_esp32-c3-devkitm-1.bin"]


def test_two_environments_of_one_board_must_differ(
    make_project: MakeProject, catalog: Path
) -> None:
    envs = {"hall": "d1_mini", "attic": "d1_mini"}
    project = hooked(make_project, catalog, envs)

    refused = project.run("-t", "upload_ota")
    project.write(
        "platformio.ini",
        (project.root / "platformio.ini")
        .read_text()
        .replace("[env:attic]", "[env:attic]\ncustom_ota_board = attic"),
    )
    accepted = project.run("-t", "upload_ota")

    assert refused.returncode == 1
    assert len(errors(refused)) == 2
    assert "environments hall and attic would both publish lamp for" in errors(refused)[0]
    assert "custom_ota_board = d1_mini-hall" in errors(refused)[0]
    assert "Compiling" not in refused.stdout
    assert accepted.ok, accepted.stdout
    assert visible(catalog) == ["lamp/lamp-1.0.0_attic.bin", "lamp/lamp-1.0.0_d1_mini.bin"]


def test_an_environment_outside_the_default_ones_does_not_stand_in_the_way(
    make_project: MakeProject, catalog: Path
) -> None:
    envs = {"release": "d1_mini", "debug": {"board": "d1_mini", "build_type": "debug"}}
    project = hooked(make_project, catalog, envs, "[platformio]", "default_envs = release")

    default = project.run("-t", "upload_ota")
    debug = project.run("-e", "debug", "-t", "upload_ota")

    assert default.ok, default.stdout
    assert debug.returncode == 1
    assert "environments debug and release" in errors(debug)[0]


@pytest.mark.parametrize("filesystem", ["buildfs", "uploadfs"])
def test_the_filesystem_in_the_same_run_is_refused(
    make_project: MakeProject, catalog: Path, filesystem: str
) -> None:
    project = hooked(make_project, catalog, D1)
    assert project.run("-t", "upload_ota").ok
    project.write("VERSION", "1.0.1")

    run = project.run("-t", filesystem, "-t", "upload_ota")

    assert run.returncode == 1
    assert f"upload_ota and {filesystem} were requested in the same run" in errors(run)[0]
    assert list(published(catalog)) == ["1.0.0 d1_mini"]


def test_a_home_of_nobody_is_one_clear_line(make_project: MakeProject) -> None:
    project = hooked(make_project, "~nobody-of-this-name/firmware", D1)

    run = project.run("-t", "upload_ota")

    assert run.returncode == 1
    assert "nobody-of-this-name" in errors(run)[0]
