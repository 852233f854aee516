"""``init``: what it shows, asks and writes, and that it can be taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.init import build_property
from tests.unit.cli.invoking import CommandLine

INI = "[env:d1]\nplatform = espressif8266\nboard = d1_mini\nframework = arduino\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "lamp"
    root.mkdir()
    (root / "platformio.ini").write_text(INI)
    return root


def test_it_shows_writes_and_does_nothing_twice(
    acpublish: CommandLine, project: Path, tmp_path: Path
) -> None:
    options = ("init", "-d", project, "--to", tmp_path / "catalog")
    refused = acpublish(*options)
    assert refused.status == 2
    assert "say --yes" in refused.err
    assert "new file acpublish_ota.py" in refused.out
    assert "+extra_scripts = post:acpublish_ota.py" in refused.out
    assert [path.name for path in project.iterdir()] == ["platformio.ini"]
    said = acpublish(*options, "--yes")
    assert said.status == 0
    assert "environments: d1 (espressif8266, arduino)" in said.out
    assert said.out.endswith("Now: pio run -t upload_ota\n")
    added = (project / "platformio.ini").read_text().removeprefix(INI).splitlines()
    assert added == [
        "extra_scripts = post:acpublish_ota.py",
        f"custom_ota_to = {tmp_path / 'catalog'}",
        "custom_ota_version = file:VERSION",
    ]
    assert (project / "VERSION").read_text() == "0.1.0\n"
    assert (tmp_path / "catalog").is_dir()
    assert "nothing to do" in acpublish(*options, "--yes").out
    undone = acpublish("init", "-d", project, "--undo", "--yes")
    assert undone.status == 0
    assert [path.name for path in project.iterdir()] == ["platformio.ini"]
    assert (project / "platformio.ini").read_text() == INI


def test_a_destination_that_the_shell_has_is_not_written(
    acpublish: CommandLine, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACPUBLISH_TO", "http://127.0.0.1:1")
    acpublish("init", "-d", project, "--yes", "--version", "git")
    text = (project / "platformio.ini").read_text()
    assert "custom_ota_to" not in text
    assert "custom_ota_version = git" in text


def test_a_destination_that_a_file_has_is_not_written(
    acpublish: CommandLine, project: Path
) -> None:
    (project / "acpublish.toml").write_text('to = "http://127.0.0.1:1"\n')
    acpublish("init", "-d", project, "--yes", "--version", "git")
    assert "custom_ota_to" not in (project / "platformio.ini").read_text()


def test_an_edited_script_stays(acpublish: CommandLine, project: Path, tmp_path: Path) -> None:
    (project / "acpublish_ota.py").write_text("# mine\n")
    acpublish("init", "-d", project, "--to", tmp_path, "--yes")
    assert (project / "acpublish_ota.py").read_text() == "# mine\n"
    assert "stays" in acpublish("init", "-d", project, "--undo", "--yes").out
    assert (project / "acpublish_ota.py").read_text() == "# mine\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "there is no platformio.ini"), ("", "no environment"), ("\xff", "no UTF-8")],
)
def test_no_project(acpublish: CommandLine, tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "platformio.ini").write_bytes(text.encode("latin-1"))
    refused = acpublish("init", "-d", tmp_path, "--yes")
    assert refused.status == 2
    assert said in refused.error()


def test_an_arduino_core(acpublish: CommandLine, tmp_path: Path) -> None:
    assert "no platform.txt" in acpublish("init", "--arduino", tmp_path, "--yes").error()
    (tmp_path / "platform.txt").write_text("name=x\n")
    local = tmp_path / "platform.local.txt"
    local.write_text("compiler.cpp.extra_flags=-DX")
    assert acpublish("init", "--arduino", tmp_path, "--yes").status == 0
    lines = local.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("compiler.cpp.extra_flags=-DX", build_property())
    assert "nothing to do" in acpublish("init", "--arduino", tmp_path, "--yes").out
    assert acpublish("init", "--arduino", tmp_path, "--undo", "--yes").status == 0
    assert local.read_text() == "compiler.cpp.extra_flags=-DX\n"
    local.write_text("recipe.hooks.objcopy.postobjcopy.90.pattern=echo\n")
    assert "has another" in acpublish("init", "--arduino", tmp_path, "--yes").error()
    printed = acpublish("init", "--arduino-cli").out
    assert printed == f"--build-property '{build_property()}'\n"
