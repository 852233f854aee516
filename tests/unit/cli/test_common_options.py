"""Shared options: one definition for all commands, their settings, and ``-q`` and ``-v``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from acpublish.cli import acpublish as group
from acpublish.cli.common_options import settings_for
from tests.support import images
from tests.support.server import RunningServer, running_server
from tests.support.tokens import create_token
from tests.unit.cli.invoking import CommandLine

NAMES = ("--product", "lamp", "--version", "1.2.3", "--board", "d1_mini")
FILE = "lamp/lamp-1.2.3_d1_mini.bin"


@pytest.fixture
def server(
    acpublish: CommandLine, catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RunningServer]:
    """A server whose token is in the environment."""
    with running_server(catalog, tmp_path) as running:
        monkeypatch.setenv("ACPUBLISH_TOKEN", create_token(tmp_path / "state", "lamp"))
        yield running


def test_quiet_prints_the_address_alone(
    acpublish: CommandLine, firmware: Path, server: RunningServer
) -> None:
    firmware.write_bytes(images.esp8266_image(record=False))
    words = ("publish", firmware, "--to", server.url, *NAMES)
    for option in ("-q", "--quiet"):
        said = acpublish(*words, option)
        assert (said.status, said.out, said.err) == (0, f"{server.url}/{FILE}\n", "")
    assert acpublish(*words).err.startswith("acpublish: warning: unstamped: ")
    assert acpublish(*words, "-q", "--json").json()["warnings"] != []


def test_quiet_still_says_what_is_wrong(
    acpublish: CommandLine, firmware: Path, catalog: Path
) -> None:
    firmware.write_bytes(b"no image")
    said = acpublish("publish", firmware, "--to", catalog, *NAMES, "-q")
    assert said.status == 7
    assert said.error()


def test_verbose_tells_each_request_and_no_token(
    acpublish: CommandLine, firmware: Path, server: RunningServer, tmp_path: Path
) -> None:
    words = ("publish", firmware, "--to", server.url, *NAMES)
    said = acpublish(*words, "-v")
    api = f"{server.url}/api/v1"
    assert [re.sub(r"\d+ ms", "N ms", line) for line in said.err.splitlines()] == [
        f"acpublish: GET {api}/products/lamp: 404 in N ms",
        f"acpublish: GET {api}/products/lamp/keys: 200 in N ms",
        f"acpublish: PUT {api}/releases/lamp/1.2.3/d1_mini?channel=stable&kind=firmware: "
        "201 in N ms",
    ]
    assert said.out.startswith("lamp 1.2.3 for d1_mini (stable): published\n")
    assert "acp_" not in said.out + said.err
    # The next command in this process is not verbose.
    assert acpublish(*words).err == ""


def test_both_are_opposites(acpublish: CommandLine, firmware: Path, catalog: Path) -> None:
    said = acpublish("publish", firmware, "--to", catalog, *NAMES, "-q", "-v")
    assert said.status == 2
    assert "--quiet and --verbose cannot be combined" in said.error()


def options_of(name: str) -> dict[str, click.Option]:
    """Returns a command's options that have help, by their settings."""
    with click.Context(group) as context:
        command = group.get_command(context, name)
        assert command is not None
        options = (option for option in command.params if isinstance(option, click.Option))
        return {str(option.name): option for option in options if option.help}


def test_publish_and_check_have_the_same_options_for_a_release() -> None:
    publish, check = options_of("publish"), options_of("check")
    own = {"explain", "listed", "to", "channel", "as_json"}
    assert set(check) - own == set(publish) - own - {
        *("compress", "core", "insecure_http", "dry_run", "quiet", "verbose"),
        *("no_downgrade_below", "requires", "by"),
    }
    for name in set(check) - own:
        assert (check[name].opts, check[name].help) == (publish[name].opts, publish[name].help)


def test_options_become_settings_whatever_their_type(acpublish: CommandLine) -> None:
    settings = settings_for(
        {
            "channel": "beta",
            "board": None,
            "compress": True,
            "insecure_http": False,
            "skip_checks": ("chip=a trial", "dirty=on the bench"),
            "accept_secrets": (),
        }
    )
    assert settings.text("channel") == "beta"
    assert settings.text("board") is None
    assert (settings.flag("compress"), settings.origin("compress")) == (True, "--compress")
    assert (settings.flag("insecure_http"), settings.origin("insecure_http")) == (False, None)
    assert settings.text("skip_checks") == "chip=a trial\ndirty=on the bench"
    assert settings.text("accept_secrets") is None


def test_a_switch_that_is_missing_does_not_hide_its_variable(
    acpublish: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACPUBLISH_COMPRESS", "yes")
    assert settings_for({"compress": False}).flag("compress")


def test_a_setting_that_is_not_used_is_a_warning(
    acpublish: CommandLine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "acpublish.toml").write_text('token = "acp_secret"\n')
    settings_for({})
    warning = capsys.readouterr().err
    assert warning.startswith("acpublish: warning: the token in ")
    assert "acp_secret" not in warning
