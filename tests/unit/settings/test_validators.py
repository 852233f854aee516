from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from acpublish.errors import SettingsError, VersionError
from acpublish.release.version import Version
from acpublish.settings.layers import environment, flags
from acpublish.settings.validators import (
    token_from_file,
    token_from_stdin,
    version_source,
    version_variable,
)
from acpublish.settings.values import Settings

TOKEN = "acp_abcdefgh1234"


def server(*layers_of_flags: str, environ: dict[str, str] | None = None) -> Settings:
    given: dict[str, str | None] = {"to": "http://127.0.0.1:1"}
    if layers_of_flags:
        given["token_file"] = layers_of_flags[0]
    return Settings(flags(given), environment(environ or {}))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_bytes(f"\ufeff{TOKEN}\r\n".encode())
    return path


def stdin(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_an_option_before_variables_and_a_token_before_a_file(file: Path, tmp_path: Path) -> None:
    environ = {"ACPUBLISH_TOKEN": "of-a-variable"}
    assert server(str(file), environ=environ).destination().token == TOKEN
    assert server(environ=environ).destination().token == "of-a-variable"
    environ["ACPUBLISH_TOKEN_FILE"] = str(file)
    assert server(environ=environ).destination().token == "of-a-variable"
    del environ["ACPUBLISH_TOKEN"]
    assert server(environ=environ).destination().token == TOKEN
    assert TOKEN not in repr(server(str(file)).destination())


def test_standard_input_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin(monkeypatch, f"{TOKEN}\n".encode())
    settings = server("-")
    assert settings.destination().token == TOKEN
    assert settings.destination().token == TOKEN


def test_a_dash_elsewhere_is_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin(monkeypatch, TOKEN.encode())
    with pytest.raises(SettingsError, match="ACPUBLISH_TOKEN_FILE: the token file - cannot be"):
        server(environ={"ACPUBLISH_TOKEN_FILE": "-"}).destination()


def test_a_directory_needs_no_token(tmp_path: Path) -> None:
    given = {"to": str(tmp_path), "token_file": "missing"}
    assert Settings(flags(dict(given))).destination().token is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"secret one", "more than one word"),
        (b"secret\nsecret", "more than one word"),
        ("secr\u00e9t".encode(), "more than one word"),
        (b"secret" * 1000, "too long"),
    ],
)
def test_what_is_no_token_is_said_and_not_shown(
    file: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, said: str
) -> None:
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=said) as caught:
        token_from_file(file)
    assert "secr" not in str(caught.value)
    stdin(monkeypatch, content)
    with pytest.raises(SettingsError, match=said) as caught:
        token_from_stdin()
    assert "secr" not in str(caught.value)


def test_nothing_to_read_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"--token-file: the token file .* cannot be read"):
        server(str(tmp_path / "missing")).destination()
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(SettingsError, match="it is empty"):
        token_from_stdin()


def test_a_terminal_is_asked_without_an_echo(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda prompt: TOKEN)
    assert token_from_stdin() == TOKEN


def test_a_token_where_its_file_belongs_is_not_shown() -> None:
    token = "acp_" + "a1-_" * 10
    with pytest.raises(SettingsError, match="a token itself, not the path") as caught:
        server(token).destination()
    assert token not in str(caught.value)


def test_a_password_in_an_address_without_its_scheme_is_not_shown() -> None:
    with pytest.raises(SettingsError, match="does not begin with http:// or https://") as caught:
        Settings(flags({"to": "me:s3cret@host:8000"})).destination()
    assert "s3cret" not in str(caught.value)


def test_a_variable_without_a_name_is_said_to_have_none() -> None:
    with pytest.raises(VersionError, match=r"env: does not name .* as in env:VERSION"):
        version_variable("", "")


@pytest.mark.parametrize("text", ["v1.2.3", "V1.2.3", " 1.2.3\n"])
def test_a_variable_may_have_a_tag(text: str) -> None:
    assert version_variable("GITHUB_REF_NAME", text) == "1.2.3"


def test_a_source_is_proposed_only_where_one_can_be_used() -> None:
    with pytest.raises(VersionError) as caught:
        Version.parse("git")
    assert caught.value.hint == "Use three numbers, for example '1.0.0'."
    with pytest.raises(VersionError, match="Or name its source: git, git:PREFIX or file:PATH"):
        version_source("gitt")
