from __future__ import annotations

import sys
from pathlib import Path

import pytest

from acpublish.errors import SettingsError
from acpublish.settings.config_files import file_layers, user_file
from acpublish.settings.layers import environment, flags
from acpublish.settings.values import Settings


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment whose user has a folder for settings."""
    return {"XDG_CONFIG_HOME": str(tmp_path / "config"), "APPDATA": str(tmp_path / "config")}


def write_user_file(tmp_path: Path, text: str) -> Path:
    folder = tmp_path / "config" / "acpublish"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(text, encoding="utf-8")
    return folder


def test_own_file_before_pyproject_before_the_users(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    write_user_file(tmp_path, 'product = "c"\nchannel = "c"\nboard = "c"\n')
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "x"\n[tool.acpublish]\nproduct = "b"\nchannel = "b"\n'
    )
    (tmp_path / "acpublish.toml").write_text('product = "a"\n')
    found = Settings(*file_layers(tmp_path, environ))
    assert [found.text(name) for name in ("product", "channel", "board")] == ["a", "b", "c"]
    assert found.origin("product") == "product in acpublish.toml"
    assert found.origin("channel") == "channel in [tool.acpublish] of pyproject.toml"
    assert found.origin("board") == f"board in {user_file(environ)}"
    first = Settings(flags({"product": "f"}), *file_layers(tmp_path, environ))
    assert first.text("product") == "f"


def test_no_file_and_no_table_is_no_layer(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert file_layers(tmp_path, environ) == ()


def test_values_of_all_types(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "acpublish.toml").write_text(
        "\ufeff"
        'compress = true\non_build = false\ninsecure_http = "yes"\n'
        'skip_checks = ["slot=none", "debug=mine"]\naccept_secrets = "abcd1234"\n',
        encoding="utf-8",
    )
    found = Settings(*file_layers(tmp_path, environ))
    flags_held = [found.flag(name) for name in ("compress", "on_build", "insecure_http")]
    assert flags_held == [True, False, True]
    assert found.text("skip_checks") == "slot=none\ndebug=mine"
    assert found.text("accept_secrets") == "abcd1234"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("product = lamp", "is not valid TOML: "),
        ('chanel = "x"', "'chanel' is not a setting. Write channel, if that is what you mean."),
        ('skip-checks = ""', "'skip-checks' is not a setting. Write skip_checks"),
        ('zzz = ""', "'zzz' is not a setting. List all settings with acpublish config."),
        ("version = 1.0", "version is a number. Write a string in quotes"),
        ("product = true", "product is a yes or no. Write a string in quotes"),
        ("compress = 1", "compress is a number. Write true or false."),
        ("skip_checks = [1]", "skip_checks is a list. Write strings in quotes"),
        ("[product]\na = 1", "product is a table"),
        ("version = 2020-01-01", "version is not a string"),
    ],
)
def test_a_bad_file_is_one_line_that_names_it(
    tmp_path: Path, environ: dict[str, str], text: str, said: str
) -> None:
    (tmp_path / "acpublish.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        file_layers(tmp_path, environ)
    assert said in str(caught.value)
    assert "acpublish.toml" in str(caught.value)
    assert str(caught.value).isprintable()


def test_files_that_cannot_be_read(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "acpublish.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="it is not valid UTF-8"):
        file_layers(tmp_path, environ)
    (tmp_path / "acpublish.toml").unlink()
    (tmp_path / "pyproject.toml").write_text("[tool]\nacpublish = 1\n")
    with pytest.raises(SettingsError, match=r"tool\.acpublish is not a table"):
        file_layers(tmp_path, environ)
    (tmp_path / "pyproject.toml").unlink()
    (tmp_path / "pyproject.toml").mkdir()
    with pytest.raises(SettingsError, match=r"pyproject\.toml cannot be read"):
        file_layers(tmp_path, environ)


def test_a_token_is_not_read_and_not_shown(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "acpublish.toml").write_text('token = "abcdefgh1234"\nto = "http://h"\n')
    found = Settings(*file_layers(tmp_path, environ))
    assert found.destination().token is None
    (warning,) = map(str, found.ignored())
    assert "the token in acpublish.toml is not used" in warning
    assert "ACPUBLISH_TOKEN" in warning
    assert "abcdefgh1234" not in warning


def test_a_relative_path_is_seen_from_the_folder_of_its_file(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    folder = write_user_file(tmp_path, 'partitions = "mine.csv"\ntoken_file = "token"\n')
    (folder / "token").write_text("abcdefgh1234\n")
    (tmp_path / "acpublish.toml").write_text('to = "releases"\n')
    found = Settings(*file_layers(tmp_path, environ))
    assert found.destination().to == str(tmp_path / "releases")
    assert found.check_options().partitions == folder / "mine.csv"
    assert found.token == "abcdefgh1234"


def test_where_each_platform_keeps_the_users_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Path.home()
    absolute = str(tmp_path)
    assert user_file({"XDG_CONFIG_HOME": absolute}, "linux") == (
        tmp_path / "acpublish" / "config.toml"
    )
    for environ in ({}, {"XDG_CONFIG_HOME": ""}, {"XDG_CONFIG_HOME": "relative"}):
        assert user_file(environ, "linux") == home / ".config" / "acpublish" / "config.toml"
    assert user_file({"XDG_CONFIG_HOME": absolute}, "darwin") == (
        home / "Library" / "Application Support" / "acpublish" / "config.toml"
    )
    assert user_file({"APPDATA": absolute}, "win32") == tmp_path / "acpublish" / "config.toml"
    assert user_file({}, "win32") is None


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib is not there to be missing")
def test_no_parser_is_loaded_where_there_is_no_file(
    tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tomllib", None)
    assert file_layers(tmp_path, environ) == ()


def test_files_are_read_when_a_value_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "acpublish.toml").write_text("broken")
    lazy = Settings(environment({}), files=lambda: file_layers(tmp_path, {}))
    with pytest.raises(SettingsError, match="is not valid TOML"):
        lazy.text("to")
