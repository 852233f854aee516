"""Groups of commands: their help, and mistyped commands."""

from __future__ import annotations

import pytest

from tests.unit.cli.invoking import CommandLine


@pytest.mark.parametrize("group", ["key", "token"])
def test_a_group_alone_shows_its_help(acpublish: CommandLine, group: str) -> None:
    said = acpublish(group)
    assert (said.status, said.err) == (0, "")
    assert said.out == acpublish(group, "--help").out
    assert "create" in said.out


@pytest.mark.parametrize("columns", ["40", "80"])
@pytest.mark.parametrize("words", [("key",), ("token",), ()])
def test_help_is_never_cut(
    acpublish: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    columns: str,
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    said = acpublish(*words, "--help")
    assert "..." not in said.out.replace("[ARGS]...", "")
    if words == ("key",):
        text = " ".join(said.out.split())
        assert "Trust a key, or show which keys are trusted." in text
        assert "Sign releases with another key as well." in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("pubish",), "No such command 'pubish'. Did you mean 'publish'? See acpublish --help."),
        (
            ("publish", "--chanel", "x"),
            "No such option '--chanel'. Did you mean '--channel'? See acpublish publish --help.",
        ),
        # A hidden spelling is not suggested.
        (("serve", "--catalo", "x"), "No such option '--catalo'. See acpublish serve --help."),
        (("LIST",), "No such command 'LIST'. Did you mean 'list'? See acpublish --help."),
        (
            ("key", "crate"),
            "No such command 'crate'. Did you mean 'create'? See acpublish key --help.",
        ),
        (("xyz",), "No such command 'xyz'. See acpublish --help."),
        (("a\x1b[31m",), "No such command 'a\\x1b[31m'. See acpublish --help."),
    ],
)
def test_a_mistyped_command_gets_a_suggestion(
    acpublish: CommandLine, words: tuple[str, ...], message: str
) -> None:
    said = acpublish(*words)
    assert said.status == 2
    assert said.error() == f"acpublish: error: {message}"


def test_an_unknown_option_is_not_a_command(acpublish: CommandLine) -> None:
    assert "No such option" in acpublish("--versoin").error()
    assert "No such option" in acpublish("key", "--nothing").error()
