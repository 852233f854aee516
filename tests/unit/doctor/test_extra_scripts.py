"""Each problem of the extra script is named with the line to change."""

from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.doctor.findings import State
from acpublish.platformio_ini.extra_script import packaged_script
from tests.unit.doctor.projects import COMMON, ENV, Check, ini, the_trouble, troubles


def test_a_project_before_init(check: Check) -> None:
    found = the_trouble(check(ENV))
    assert (found.name, found.change) == ("extra-scripts", "Run acpublish init.")


def test_an_environment_that_replaces_the_scripts(check: Check, tmp_path: Path) -> None:
    other = "[env:y]\nboard = d1_mini\nextra_scripts = pre:mine.py\n"
    found = the_trouble(check(ini(tmp_path, ENV + other)))
    assert (found.name, found.state) == ("extra-scripts", State.ERROR)
    assert "in [env:y] replaces that of [env]" in found.what
    assert found.change.startswith("Add post:acpublish_ota.py to extra_scripts in [env:y]")


def test_an_environment_that_is_not_published_on_purpose(check: Check, tmp_path: Path) -> None:
    own = f"{ENV}{COMMON}custom_ota_to = {tmp_path / 'catalog'}\n[env:y]\nboard = d1_mini\n"
    found = the_trouble(check(own))
    assert (found.name, found.state) == ("extra-scripts", State.WARNING)
    assert "the environment y does not have" in found.what


def test_a_script_of_another_name_and_place(check: Check, tmp_path: Path) -> None:
    scripts = tmp_path / "lamp" / "scripts"
    scripts.mkdir()
    (scripts / "ota.py").write_text(packaged_script())
    assert not troubles(check(ini(tmp_path, common=COMMON.replace("acpublish_", "scripts/"))))


def test_a_script_that_is_missing(check: Check, tmp_path: Path) -> None:
    (tmp_path / "lamp" / "acpublish_ota.py").unlink()
    found = the_trouble(check(ini(tmp_path)))
    assert (found.name, found.state) == ("script", State.ERROR)
    assert found.change == "Run acpublish init."


def test_a_script_of_another_version(check: Check, tmp_path: Path) -> None:
    (tmp_path / "lamp" / "acpublish_ota.py").write_text("from acpublish.pio import setup\n")
    found = the_trouble(check(ini(tmp_path)))
    assert (found.name, found.state) == ("script", State.WARNING)


def test_a_script_of_an_earlier_version_with_the_same_code(check: Check, tmp_path: Path) -> None:
    rest = packaged_script().partition("\n")[2]
    script = tmp_path / "lamp" / "acpublish_ota.py"
    script.write_text(f'"""What an earlier version said."""\n{rest}')
    assert not troubles(check(ini(tmp_path)))


def test_init_replaces_a_script_of_an_earlier_version(check: Check, tmp_path: Path) -> None:
    earlier = (Path(__file__).parents[2] / "compat" / "0.1.0" / "acpublish_ota.py").read_text()
    (tmp_path / "lamp" / "acpublish_ota.py").write_text(earlier)
    found = the_trouble(check(ini(tmp_path)))
    assert (found.name, found.change) == ("script", "Run acpublish init.")


def test_a_script_that_is_named_twice(check: Check, tmp_path: Path) -> None:
    more = "extra_scripts = ${env.extra_scripts}, acpublish_ota.py\n"
    found = the_trouble(check(ini(tmp_path, ENV + more)))
    assert (found.name, found.state) == ("extra-scripts", State.ERROR)
    assert "the environment x has the extra script more than once" in found.what


def test_a_script_that_comes_too_early(check: Check, tmp_path: Path) -> None:
    found = the_trouble(check(ini(tmp_path, common=COMMON.replace("post:", "pre:"))))
    assert (found.name, found.state) == ("post", State.ERROR)
    assert found.change == "Write post:acpublish_ota.py in [env]."


@pytest.mark.parametrize("flag", ["-DFW_VERSION=1", "-D VERSION='\"1.0\"'", "-DAPP_VERSION_STR=1"])
def test_a_version_in_build_flags(check: Check, tmp_path: Path, flag: str) -> None:
    found = the_trouble(check(ini(tmp_path, f"{ENV}build_flags = -Os\n  {flag}\n")))
    assert (found.name, found.state) == ("build-flags", State.WARNING)
    assert "ACPUBLISH_VERSION" in found.change


@pytest.mark.parametrize(
    "flag", ["-DMQTT_VERSION=4", "-DVERSIONS=1", "-DDEBUG", "-DLWIP_VERSION=1"]
)
def test_other_flags_are_fine(check: Check, tmp_path: Path, flag: str) -> None:
    assert not troubles(check(ini(tmp_path, f"{ENV}build_flags = {flag}\n")))
