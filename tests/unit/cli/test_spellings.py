"""``--to`` names the catalog in every command, and each earlier spelling still works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

from acpublish.cli import COMMANDS
from acpublish.cli import acpublish as group
from tests.support.server import running_server
from tests.unit.cli.invoking import CommandLine

NAMES = ("--product", "lamp", "--version", "1.2.3", "--board", "d1_mini")
#: Commands that have nothing to do with a catalog.
WITHOUT = {"config", "inspect", "key create", "key show", "sign", "stamp", "verify"}


def commands() -> dict[str, click.Command]:
    found = {}
    with click.Context(group) as context:
        for name in COMMANDS:
            command = group.get_command(context, name)
            assert command is not None
            if isinstance(command, click.Group):
                found |= {f"{name} {part}": each for part, each in command.commands.items()}
            else:
                found[name] = command
    return found


def test_every_command_that_has_a_catalog_has_to_and_shows_only_that(
    acpublish: CommandLine,
) -> None:
    options = {
        name: {word for option in command.params for word in option.opts}
        for name, command in commands().items()
    }
    assert {name for name, words in options.items() if "--to" not in words} == WITHOUT
    for name in options:
        usage, _, text = acpublish(*name.split(), "--help").out.partition("\n\n")
        assert "--catalog" not in text
        if name != "init":
            # There it is the project's folder, as in `pio run -d`.
            assert "-d," not in text
        assert "DIR|URL" not in usage


def test_the_help_says_where_the_catalog_cannot_be_on_a_server() -> None:
    metavars = {
        name: option.metavar
        for name, command in commands().items()
        for option in command.params
        if "--to" in option.opts
    }
    assert [metavars.pop(name) for name in ("emulate", "simulate")] == ["URL", "URL"]
    directories = {name for name, metavar in metavars.items() if metavar == "DIR"}
    local = {name for name in metavars if name.startswith(("device-", "webhook "))}
    assert directories == {"serve", "key trust", "key resign", "backup", "restore", *local}
    assert {metavars[name] for name in metavars.keys() - directories} == {"DIR|URL"}


@pytest.mark.parametrize("words", [("--to",), ("--catalog",), ("-d",)])
def test_serve(
    acpublish: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    served: list[Any] = []
    monkeypatch.setattr("acpublish.server.run.serve", lambda options: served.append(options))
    acpublish("serve", *words, tmp_path / "catalog")
    assert [options.catalog for options in served] == [tmp_path / "catalog"]
    said = acpublish("serve", "--to", tmp_path, "--catalog", tmp_path)
    assert "The catalog is named twice; use only --to" in said.error()


@pytest.mark.parametrize("word", ["--to", "--catalog", "-d"])
def test_token_create(acpublish: CommandLine, catalog: Path, word: str) -> None:
    assert acpublish("token", "create", "--publish", "lamp", word, catalog).status == 0
    said = acpublish("token", "create", "--publish", "lamp", word, "missing")
    assert said.status == 8


@pytest.mark.parametrize("words", [("--to",), ()])
def test_list(
    acpublish: CommandLine, firmware: Path, catalog: Path, words: tuple[str, ...]
) -> None:
    acpublish("publish", firmware, "--to", catalog, *NAMES)
    assert " lamp " in acpublish("list", *words, catalog).out
    assert "named twice" in acpublish("list", catalog, "--to", catalog).error()


def test_key_trust_and_resign(
    acpublish: CommandLine, catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acpublish("key", "create", "-o", "key.pem")
    Path("key.pub").write_text(acpublish("key", "show", "key.pem").out)
    key_id = acpublish("key", "show", "key.pem", "--json").json()["key"]
    trusts = f"trusts key {key_id}\n"

    def trust(*words: str | Path, product: str) -> str:
        said = acpublish("key", "trust", *words, "--product", product)
        assert said.status == 0, said.err
        return said.out.removeprefix(f"{product} ")

    assert trust("--to", catalog, "key.pub", product="a") == trusts
    assert trust(catalog, "key.pub", product="b") == trusts
    for product in ("a", "b"):
        # Without a key, it only shows.
        assert trust("--to", catalog, product=product) == trusts
        assert trust(catalog, product=product) == trusts
        for words in (("--to", catalog), (catalog,)):
            said = acpublish("key", "resign", *words, "--product", product, "--key", "key.pem")
            assert (said.status, said.out) == (
                0,
                f"{product}: 0 images signed, 0 already signed with this key\n",
            )
    monkeypatch.setenv("ACPUBLISH_TO", str(catalog))
    assert trust("key.pub", product="c") == trusts
    assert trust(product="c") == trusts
    # The first word is still the catalog, whatever is set.
    monkeypatch.setenv("ACPUBLISH_TO", "elsewhere")
    assert trust(catalog, product="c") == trusts
    assert acpublish("key", "resign", "--product", "c", "--key", "key.pem").status == 8


def test_key_trust_says_which_catalog_is_missing(acpublish: CommandLine) -> None:
    for words in (("--to", "missing"), ("missing",)):
        said = acpublish("key", "trust", *words, "--product", "lamp")
        assert said.status == 8
        assert "catalog missing" in said.error()
    said = acpublish("key", "trust", "--product", "lamp")
    assert "no destination is given. Set --to" in said.error()
    said = acpublish("key", "trust", "--to", "a", "b", "c", "--product", "lamp")
    assert "unexpected extra argument (c)" in said.error()
    said = acpublish("key", "trust", "--to", "http://h:1", "--product", "lamp")
    assert said.status in (2, 8)
    assert said.error()


def test_emulate_and_doctor(
    acpublish: CommandLine,
    firmware: Path,
    catalog: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    acpublish("publish", firmware, "--to", catalog, *NAMES)
    file = "lamp/lamp-1.2.3_d1_mini.bin"
    with running_server(catalog, tmp_path) as server:
        for words in (("--to", server.url, file), (server.url, file), (file, "--to", server.url)):
            said = acpublish("emulate", *words)
            assert (said.status, said.out[:32]) == (0, "updated: now runs lamp 1.2.3, 32")
        for words in ((server.url, "--catalog"), ("--to", server.url, "--list")):
            assert file in acpublish("emulate", *words).out
        expected = acpublish("doctor", server.url).out
        assert " connection " in expected
        assert acpublish("doctor", "--to", server.url).out == expected
        monkeypatch.setenv("ACPUBLISH_TO", server.url)
        assert "updated: " in acpublish("emulate", "--auto", "lamp/d1_mini").out
        assert "updated: " in acpublish("emulate", file).out


@pytest.mark.parametrize("more", ["--catalog", "--list", "--auto=lamp/d1_mini"])
def test_a_host_without_a_scheme_is_not_taken_for_a_path(acpublish: CommandLine, more: str) -> None:
    said = acpublish("emulate", "127.0.0.1:9", more)
    assert said.status == 2
    assert "accepts only http:// and https:// URLs" in said.error()


def test_the_doctor_examines_a_directory(acpublish: CommandLine, catalog: Path) -> None:
    said = acpublish("doctor", "--to", catalog)
    assert f"{catalog} is ready to publish to" in said.out
    said = acpublish("doctor", "--to", "missing")
    assert said.status == 1
    assert "missing" in said.out
