"""platformio.ini on the command line, read by PlatformIO and without it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from acpublish.errors import SettingsError
from acpublish.settings.platformio_layer import project_layers
from acpublish.settings.values import Settings

INI = """\
[platformio]
default_envs = d1, attic
[base]
custom_ota_channel = beta
place = releases
[env]
custom_ota_to = same  ; a comment
custom_ota_product = ${this.__env__}
custom_ota_core = ${CORE_VERSION}
custom_ota_compress = yes
[env:d1]
board = D1_mini
extends = base
[env:attic]
board = d1_mini
custom_ota_partitions = attic.csv
[env:c3]
board = esp32-c3
custom_ota_to = other
"""


@pytest.fixture(params=["with PlatformIO", "without"])
def project(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A project with three environments, two of which a plain run builds."""
    if request.param == "without":
        monkeypatch.setitem(sys.modules, "platformio.project.config", None)
    else:
        pytest.importorskip("platformio")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "platformio.ini").write_text(INI)
    return tmp_path


def texts(project: Path, environment: str | None = None) -> list[str | None]:
    found = Settings(*project_layers(project, environment, defaults=True))
    return [found.text(name) for name in ("to", "channel", "board", "compress")]


def test_the_options_of_an_environment(project: Path) -> None:
    assert texts(project, "d1") == ["same", "beta", "d1_mini", "yes"]
    assert texts(project, "c3") == ["other", None, "esp32-c3", "yes"]


def test_without_an_environment_what_all_of_a_plain_run_have_alike(project: Path) -> None:
    assert texts(project) == ["same", None, None, "yes"]


def test_an_environment_that_is_not_there(project: Path) -> None:
    with pytest.raises(SettingsError, match="no environment 'zz'") as caught:
        project_layers(project, "zz")
    assert caught.value.hint == "Use one of: d1, attic, c3."


def test_what_is_filled_in(project: Path) -> None:
    layers = project_layers(project, "attic", defaults=True)
    found = Settings(*layers)
    assert found.text("product") == "attic"
    # Only a build knows a variable of SCons.
    assert found.text("core") is None
    (warning,) = found.ignored()
    assert "custom_ota_core in platformio.ini is ignored: it contains ${…}, which only" in str(
        warning
    )
    assert found.check_options().partitions == project / "attic.csv"


def test_no_project(tmp_path: Path) -> None:
    assert project_layers(tmp_path) == ()
    with pytest.raises(SettingsError, match=r"there is no platformio\.ini here"):
        project_layers(tmp_path, "d1")


def test_the_folder_and_the_board_are_asked_for_by_name(project: Path) -> None:
    (only,) = project_layers(project, "d1")
    assert "board" not in only.values
    found = Settings(*project_layers(project, "d1", defaults=True))
    assert found.origin("board") == "the option board in platformio.ini"


@pytest.mark.parametrize("content", [b"no section\n", b"[env:d1]\nboard = \xff\n"])
def test_an_ini_that_cannot_be_read_is_one_line(tmp_path: Path, content: bytes) -> None:
    pytest.importorskip("platformio")
    (tmp_path / "platformio.ini").write_bytes(content)
    with pytest.raises(SettingsError, match=r"platformio\.ini cannot be read") as caught:
        project_layers(tmp_path)
    assert str(caught.value).isprintable()


def test_an_option_that_is_no_setting_draws_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("platformio")
    (tmp_path / "platformio.ini").write_text(
        "[env:d1]\ncustom_ota_chanel = beta\ncustom_other = x\ncustom_ota_token = abcd1234\n"
    )
    token, name = map(str, Settings(*project_layers(tmp_path)).ignored())
    assert "custom_ota_token is not used" in token
    assert "abcd1234" not in token
    assert "custom_ota_chanel in platformio.ini is not a setting" in name
    assert "Write custom_ota_channel" in name


def test_a_file_that_cannot_be_read_is_an_error_and_not_ignored(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Path.open

    def refuse(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == "platformio.ini":
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SettingsError, match=r"platformio\.ini cannot be read: permission denied"):
        project_layers(project)
