"""Files of settings in a project that PlatformIO builds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pio.conftest import MakeProject
from tests.pio.hooked import D1, compiled, errors, hooked, visible
from tests.support.pio import Project

SECRET = "acp_abcdefgh12345678"


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """An empty catalog."""
    path = tmp_path / "catalog"
    path.mkdir()
    return path


@pytest.fixture
def project(make_project: MakeProject, catalog: Path) -> Project:
    """A project that publishes."""
    return hooked(make_project, catalog, D1, "custom_ota_channel = beta")


def test_a_build_takes_what_files_say_and_platformio_ini_first(
    project: Project, catalog: Path
) -> None:
    project.write("acpublish.toml", 'channel = "alpha"\nproduct = "lantern"\n')
    project.write("pyproject.toml", '[tool.acpublish]\non_build = true\nboard = "attic"\n')

    run = project.run()

    assert run.ok, run.stdout
    assert "lantern 1.0.0 for attic (beta): published" in run.stdout
    assert visible(catalog) == ["lantern/lantern-1.0.0_attic.bin"]


def test_a_bad_file_is_one_line_before_the_build_and_hides_no_target(project: Project) -> None:
    project.write("acpublish.toml", "product = lamp\n")

    listed = project.run("--list-targets")
    run = project.run("-t", "upload_ota")

    assert listed.ok, listed.stdout
    assert "upload_ota" in listed.stdout
    assert run.returncode == 1
    (line,) = errors(run)
    assert "acpublish.toml is not valid TOML: " in line
    assert compiled(run) == []


def test_what_is_no_setting_and_a_token_draw_warnings(
    make_project: MakeProject, catalog: Path
) -> None:
    options = ("custom_ota_chanel = beta", f"custom_ota_token = {SECRET}")
    project = hooked(make_project, catalog, D1, *options)
    project.write("acpublish.toml", f'token = "{SECRET}"\n')

    run = project.run("-t", "upload_ota")

    assert run.ok, run.stdout
    assert "warning: custom_ota_chanel in platformio.ini is not a setting" in run.stdout
    assert "warning: custom_ota_token is not used" in run.stdout
    assert "warning: the token in acpublish.toml is not used" in run.stdout
    assert SECRET not in run.stdout
