"""Commands that work on the catalog's directory find it in one way: the option, or the setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.fleet_site import FleetSite
from tests.unit.cli.invoking import CommandLine

#: Commands for which the directory's state folder, or the directory itself, has to be found.
COMMANDS = (
    ("token", "create", "--read"),
    ("token", "list"),
    ("device-credentials", "set", "lamp", "--user", "ann"),
    ("device-credentials", "list"),
    ("device-path", "create", "lamp"),
    ("device-path", "list"),
    ("webhook", "add", "https://example.com/"),
    ("webhook", "list"),
    ("backup", "copy.db"),
)
#: A server listens, and ends only with a signal, so it is shown what cannot be served.
SERVE = ("serve", "--port", "0", "--bind", "127.0.0.1")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, acpublish: CommandLine) -> FleetSite:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "states"))
    (tmp_path / "elsewhere").mkdir()
    site = FleetSite(tmp_path, acpublish)
    site.publish("1.0.0")
    monkeypatch.chdir(tmp_path / "elsewhere")
    return site


def test_the_setting_names_the_directory(
    site: FleetSite, acpublish: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = [words for words in COMMANDS if words[1] in ("create", "set", "add")]
    lists = [words for words in COMMANDS if words[1] == "list"]
    monkeypatch.setenv("ACPUBLISH_TO", str(site.catalog))
    assert [acpublish(*words).status for words in changes] == [0, 0, 0, 0]
    by_setting = [acpublish(*words).out for words in lists]
    without_store = acpublish("backup", "copy.db").error()
    monkeypatch.delenv("ACPUBLISH_TO")
    to = ("--to", str(site.catalog))
    assert [acpublish(*words, *to).out for words in lists] == by_setting
    assert acpublish("backup", "copy.db", *to).error() == without_store
    # The current directory has others, which are none.
    here = [acpublish(*words).out for words in lists]
    assert all(
        len(some.splitlines()) > len(none.splitlines())
        for some, none in zip(by_setting, here, strict=True)
    )


@pytest.mark.parametrize("words", [*COMMANDS[2:], SERVE], ids=" ".join)
def test_a_server_is_no_directory(
    site: FleetSite, acpublish: CommandLine, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("ACPUBLISH_TO", "https://updates.invalid")
    said = acpublish(*words)
    assert said.status == 2
    assert "ACPUBLISH_TO" in said.error()
    assert "it is the URL of a server, but this command needs the directory" in said.error()
    monkeypatch.delenv("ACPUBLISH_TO")
    said = acpublish(*words, "--to", "https://updates.invalid")
    assert (said.status, "--to" in said.error()) == (2, True)
    assert "it is the URL of a server" in said.error()


def test_a_link_is_for_the_server_that_the_setting_names(
    site: FleetSite, acpublish: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert "no server runs" in acpublish("login-link", "--to", site.catalog).error()
    by_option = acpublish("login-link", "--to", site.catalog).error()
    assert by_option != acpublish("login-link", "--to", ".").error()
    monkeypatch.setenv("ACPUBLISH_TO", str(site.catalog))
    assert acpublish("login-link").error() == by_option
    # RFC 6761: never resolved.
    monkeypatch.setenv("ACPUBLISH_TO", "https://updates.invalid")
    monkeypatch.setenv("ACPUBLISH_TOKEN", "acp_" + "x" * 43)
    assert "updates.invalid" in acpublish("login-link").error()
    # A state folder is of this machine, whatever the setting names.
    assert "no server runs" in acpublish("login-link", "--state", tmp_path / "own").error()


def test_serve_serves_what_the_setting_names(
    site: FleetSite, acpublish: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACPUBLISH_TO", "gone")
    said = acpublish(*SERVE)
    assert said.status == 8
    assert "gone" in said.error()


def test_tokens_of_the_server_that_the_setting_names(
    site: FleetSite, acpublish: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # RFC 6761: never resolved.
    monkeypatch.setenv("ACPUBLISH_TO", "https://updates.invalid")
    said = acpublish("token", "list")
    assert said.status != 0
    assert "updates.invalid" in said.error()
    # A state folder is of this machine, whatever the setting names.
    assert acpublish("token", "list", "--state", tmp_path / "own").status == 0
    assert acpublish("device-path", "list", "--state", tmp_path / "own").status == 0
