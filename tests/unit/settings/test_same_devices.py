"""Environments that share devices: hook, init and doctor agree, and their advice works."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from acpublish.doctor.destination import check_destinations
from acpublish.doctor.findings import State
from acpublish.errors import SettingsError
from acpublish.init.platformio import project_change
from acpublish.pio.project import Project
from acpublish.platformio_ini.editor import IniEditor
from acpublish.platformio_ini.extra_script import packaged_script
from acpublish.platformio_ini.reader import BuiltinReader
from acpublish.settings.same_devices import board_line
from tests.unit.pio.projects import Env

REFUSED = {"a", "B", "c", "beta", "long", "long-too"}
#: A board's id may have up to 42 characters.
LONG = "adafruit_feather_esp32s3_reversetft_nopsram"
INI = f"""[platformio]
default_envs = a, B
[env]
platform = espressif32
extra_scripts = post:acpublish_ota.py
custom_ota_to = catalog
custom_ota_version = 1.0.0
[env:a]
board = d1_mini
[env:B]
board = d1_mini
custom_ota_channel = beta
[env:c]
board = d1_mini
[env:taken]
board = d1_mini-b
[env:long]
board = {LONG}
[env:long-too]
board = {LONG}
[env:beta]
board = d1_mini
custom_ota_channel = beta
custom_ota_version = 2.0.0
[env:template]
[env:native]
platform = native@1.2.1
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Returns the folder of a project that is set up."""
    root = tmp_path / "lamp"
    (root / "catalog").mkdir(parents=True)
    (root / "platformio.ini").write_text(INI)
    (root / "acpublish_ota.py").write_text(packaged_script())
    return root


def refused_by_the_hook(root: Path) -> set[str]:
    """Returns the environments whose publish the hook refuses, with PlatformIO's own reader."""
    config = pytest.importorskip("platformio.project.config").ProjectConfig
    refused = set[tuple[str, bool]]()
    for name in BuiltinReader(root).device_environments():
        env: Any = Env(root, {name: {"board": BuiltinReader(root).option(name, "board")}})
        env._config = config(str(root / "platformio.ini"))
        built = Project.of(env)
        assert built is not None
        try:
            built.plan(built.version_source())
        except SettingsError as fault:
            refused.add((name, "would both publish lamp" in fault.problem))
    assert all(for_devices for _, for_devices in refused)
    return {name for name, _ in refused}


def refused_by_the_doctor(root: Path) -> set[str]:
    """Returns the environments whose publish the doctor says to be refused."""
    reader = BuiltinReader(root)
    findings = check_destinations(root, {}, reader, reader.device_environments())
    names = set()
    for finding in findings:
        if finding.name == "boards" and finding.state is State.ERROR:
            listed = re.search(r"environments (.+?) would", finding.what)
            some = re.search(r"; a publish of (.+) is refused", finding.what)
            assert listed
            names |= set(re.split(", | and ", (some or listed)[1]))
    return names


def follow(root: Path, advice: str) -> None:
    """Writes each line of an advice into its section."""
    ini = IniEditor((root / "platformio.ini").read_text())
    for value, section in re.findall(r"custom_ota_board = (\S+) in \[(env:[^]]+)\]", advice):
        ini.set(section, [("custom_ota_board", value)])
    (root / "platformio.ini").write_text(ini.text)


def test_hook_and_doctor_agree_and_the_advice_of_init_works(project: Path) -> None:
    refused = refused_by_the_hook(project)
    assert refused == refused_by_the_doctor(project) == REFUSED
    notes = project_change(project, None, None, {}).notes
    assert len(notes) == 2
    follow(project, " ".join(notes))
    assert project_change(project, None, None, {}).notes == ()
    assert refused_by_the_hook(project) == refused_by_the_doctor(project) == set()


def test_the_advice_of_the_doctor_works_too(project: Path) -> None:
    reader = BuiltinReader(project)
    findings = check_destinations(project, {}, reader, reader.device_environments())
    follow(project, " ".join(each.change for each in findings if each.name == "boards"))
    assert refused_by_the_hook(project) == set()


def test_a_name_that_another_environment_has_is_not_proposed() -> None:
    taken = {"d1-b"}
    assert board_line("d1", "B", taken) == "custom_ota_board = d1-b-2 in [env:B]"
    assert board_line("d1", "B", taken) == "custom_ota_board = d1-b-3 in [env:B]"
