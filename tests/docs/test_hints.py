"""A command that a hint or a document names can be typed as it stands."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from acpublish.cli import ALIASES, COMMANDS
from acpublish.cli import acpublish as command_line
from tests.docs.documents import DOCUMENTS, ROOT, name_of

MODULES = sorted((ROOT / "acpublish").rglob("*.py"))
#: The words after "acpublish" in sentences about the program or its parts.
PROSE = {"alongside", "can", "is", "on", "publishes", "release", "server", "that", "version"}
#: The name of a kind of secret, which is not a command.
NOUN = "acpublish token"
_COMMAND = re.compile(r"(?<![\w./-])acpublish (?=(?P<words>[a-z][^\n]*))")
_INLINE = re.compile(r"`(acpublish [^`]+)`")
#: A placeholder in capitals, a path, a URL, a number or a quoted value, as opposed to prose.
_VALUE = re.compile(r"[A-Z0-9~<\"].*|.*[/.=].*")


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Yields the strings of a module besides its docstrings, each with its line."""
    tree = ast.parse(path.read_text())
    skipped = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = []
            for part in node.values:
                skipped.add(id(part))
                parts.append(str(part.value) if isinstance(part, ast.Constant) else "VALUE")
            yield node.lineno, "".join(parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in skipped:
            yield node.lineno, str(node.value)


def problem_of(text: str) -> str:
    """Returns what is wrong with the command at the start of a text; empty if nothing is."""
    words = text.split()
    bare = [word.rstrip(".,;:'`)") for word in words]
    if bare[0] in PROSE:
        return ""
    if bare[0] not in {*COMMANDS, *ALIASES}:
        return f"there is no command {bare[0]}"
    context = click.Context(command_line, info_name="acpublish")
    command, position = command_line.get_command(context, bare[0]), 1
    while isinstance(command, click.Group) and words[position - 1] == bare[position - 1]:
        if position == len(words) or bare[position] not in command.commands:
            return f"{' '.join(bare[:position])} has no command {bare[position : position + 1]}"
        command, position = command.commands[bare[position]], position + 1
    assert command is not None
    valued = {
        name
        for option in command.params
        if isinstance(option, click.Option) and not option.is_flag
        for name in option.opts
    }
    arguments: list[str] = []
    while position < len(words) and words[position - 1] == bare[position - 1]:
        after_option = arguments[-1:] and arguments[-1] in valued
        if not (after_option or bare[position][:1] == "-" or _VALUE.fullmatch(bare[position])):
            break
        arguments.append(bare[position])
        position += 1
    if arguments and arguments[-1] in valued:
        # A sentence may name an option without its value.
        arguments.append("VALUE")
    # click remembers the names of a command's help option from the first context that asks.
    context = click.Context(command, **command_line.context_settings)
    try:
        left = command.make_parser(context).parse_args(arguments)[1]
    except click.UsageError as error:
        return error.format_message()
    return f"unexpected: {' '.join(left)}" if left else ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("publish FILE --kind filesystem. More", ""),
        ("key create -o FILE creates one", ""),
        ("key create FILE creates one", "unexpected: FILE"),
        ("key crate -o FILE", "key has no command ['crate']"),
        ("publsh FILE", "there is no command publsh"),
        ("list --nothing", "No such option"),
        ("serve --bind", ""),
        ("is not installed", ""),
    ],
)
def test_commands_are_judged(text: str, expected: str) -> None:
    problem = problem_of(text)
    assert problem.startswith(expected) if expected else problem == ""


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_each_command_in_a_message_can_be_typed(module: Path) -> None:
    wrong = [
        (line, match["words"], problem)
        for line, text in strings(module)
        for match in _COMMAND.finditer(text)
        if match[0] + match["words"] != NOUN
        if (problem := problem_of(match["words"]))
    ]
    assert wrong == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_each_command_in_a_sentence_can_be_typed(document: Path) -> None:
    wrong = [
        (command, problem)
        for command in _INLINE.findall(document.read_text())
        if (match := _COMMAND.match(" ".join(command.split())))
        if (problem := problem_of(match["words"]))
    ]
    assert wrong == []
