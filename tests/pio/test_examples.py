"""The example projects: what a user copies, built here with the offline platform."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from acpublish.image.reader import read
from tests.pio.hooked import ROOT, SHIM, errors, visible
from tests.support.pio import Project

EXAMPLES = ROOT / "examples"
PROJECTS = ("esp8266-autoconnect", "esp32-autoconnect", "esp32-httpupdate")
PUBLISHED = {
    "esp8266-autoconnect": [
        "garden-lamp/garden-lamp-1.0.0_d1_mini.bin",
        "garden-lamp/garden-lamp-1.0.0_nodemcuv2.bin",
    ],
    "esp32-autoconnect": ["thermostat/thermostat-2.0.0_esp32dev.bin"],
    "esp32-httpupdate": [
        "weather-station/weather-station-1.0.0_attic.bin",
        "weather-station/weather-station-1.0.0_esp32-c3-devkitm-1.bin",
        "weather-station/weather-station-1.0.0_esp32dev.bin",
    ],
}


@pytest.mark.pio
@pytest.mark.parametrize("name", PROJECTS)
def test_an_example_is_built_and_published(
    name: str, pio_core: Path, pio_python: str, tmp_path: Path
) -> None:
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    project = Project.copy(EXAMPLES / name, tmp_path, core=pio_core, python=pio_python)
    env = {"ACPUBLISH_TO": str(catalog)}
    if name == "esp32-autoconnect":
        # Its version is that of the user's own repository, which a copy is not.
        env["ACPUBLISH_VERSION"] = "2.0.0"

    run = project.run("-t", "upload_ota", env=env)

    assert run.ok, run.stdout
    assert errors(run) == []
    assert "warning" not in run.stdout.lower()
    assert visible(catalog) == PUBLISHED[name]
    for file in PUBLISHED[name]:
        stamp = read((catalog / file).read_bytes()).stamp
        assert stamp is not None
        assert stamp.product == file.partition("/")[0]


def test_every_example_is_tested_here() -> None:
    found = {path.parent.name for path in EXAMPLES.glob("*/platformio.ini")}

    assert found == set(PROJECTS) == set(PUBLISHED)


@pytest.mark.parametrize("name", PROJECTS)
def test_an_example_is_written_for_the_real_platforms(name: str) -> None:
    ini = configparser.ConfigParser()
    ini.read(EXAMPLES / name / "platformio.ini")
    sections = [section for section in ini.sections() if section.startswith("env:")]
    common = dict(ini["env"]) if "env" in ini else {}

    assert sections
    for section in sections:
        options = {**common, **ini[section]}
        assert options["platform"].startswith("espressif")
        assert options["extra_scripts"] == "post:acpublish_ota.py"
        assert ("AutoConnect" in options.get("lib_deps", "")) == name.endswith("autoconnect")
    assert (EXAMPLES / name / "acpublish_ota.py").read_text() == SHIM
