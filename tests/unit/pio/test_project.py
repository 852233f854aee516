"""One environment of a project: its names, its plan, and its conflicts with others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acpublish.errors import BadNameError, SettingsError
from acpublish.pio.project import Project
from tests.unit.pio.projects import Env, environment, read_project


def test_the_names_default_to_the_folder_and_the_board(tmp_path: Path) -> None:
    project = read_project(tmp_path / "Hall Lamp", environment(board="LOLIN-D32"))

    assert project.product == "hall-lamp"
    assert project.board == "lolin-d32"


def test_the_plan_says_what_is_published_and_where_it_comes_from(tmp_path: Path) -> None:
    project = read_project(tmp_path / "lamp", environment(custom_ota_channel="beta"))

    plan = project.plan(project.version_source())

    assert plan.options.destination.to == str(tmp_path / "lamp" / "releases")
    assert (plan.options.product, plan.options.board) == ("lamp", "d1_mini")
    assert plan.options.channel == "beta"
    assert plan.options.chip == "esp8266"
    assert str(plan.source.version("")) == "1.0.0"
    provenance = project.complete(plan).provenance
    assert provenance["platform"] == "espressif8266 4.2.1"
    assert provenance["core"] == "3.1.2"


def test_a_bad_name_says_which_option_it_comes_from(tmp_path: Path) -> None:
    project = read_project(tmp_path, environment(custom_ota_board="d1 mini"))

    with pytest.raises(BadNameError, match="custom_ota_board: "):
        _ = project.board


def test_another_environment_that_would_publish_the_same_is_refused(tmp_path: Path) -> None:
    project = read_project(tmp_path, environment(), environment())

    with pytest.raises(SettingsError, match="the environments a and b would both publish"):
        project.plan(project.version_source())


@pytest.mark.parametrize(
    "other",
    [
        {"custom_ota_board": "attic"},
        {"custom_ota_product": "lantern"},
        {"custom_ota_version": "2.0.0", "custom_ota_channel": "beta"},
        {"custom_ota_to": "elsewhere"},
        {"custom_ota_to": None},
        {"custom_ota_board": "no board name"},
        {"board": "nodemcuv2"},
        {"extra_scripts": []},
        {"extra_scripts": None},
    ],
)
def test_an_environment_that_would_not_publish_the_same_is_no_rival(
    tmp_path: Path, other: dict[str, Any]
) -> None:
    project = read_project(tmp_path, environment(), environment(**other))

    assert project.plan(project.version_source()).options.board == "d1_mini"


@pytest.mark.parametrize("kinds", [("firmware", "filesystem"), ("filesystem", "firmware")])
def test_an_environment_for_the_firmware_and_one_for_the_filesystem_do_not_conflict(
    tmp_path: Path, kinds: tuple[str, str]
) -> None:
    built, other = (environment(custom_ota_kind=kind) for kind in kinds)
    project = read_project(tmp_path, built, other)

    options = project.plan(project.version_source()).options

    ((_, _, rival),) = project.rivals()
    theirs = rival.publish_options(product=options.product, board=options.board)
    assert (theirs.product, theirs.board) == (options.product, options.board)
    assert (options.kind, theirs.kind) == kinds


def test_another_version_on_the_same_channel_is_refused_too(tmp_path: Path) -> None:
    project = read_project(tmp_path, environment(), environment(custom_ota_version="2.0.0"))

    with pytest.raises(SettingsError, match="devices of one would get the firmware of the other"):
        project.plan(project.version_source())


def test_one_outside_the_plain_run_looks_at_all_others(tmp_path: Path) -> None:
    project = read_project(tmp_path, environment(), environment(), default=["other"])

    assert [name for name, _, _ in project.rivals()] == ["b"]


def test_only_the_environments_of_a_plain_run_are_rivals(tmp_path: Path) -> None:
    project = read_project(tmp_path, environment(), environment(), default=["a"])

    assert not list(project.rivals())


def test_a_board_without_an_espressif_chip_is_left_alone(tmp_path: Path) -> None:
    env = Env(tmp_path, {"a": environment(board="uno")})
    env.BoardConfig = lambda: {"build.mcu": "atmega328p"}  # type: ignore[method-assign,assignment,return-value]

    assert Project.of(env) is None
