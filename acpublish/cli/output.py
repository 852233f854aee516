"""What commands print: JSON documents, plain lines, warnings."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import click

__all__ = ["LogWarnings", "facts", "json_option", "print_json", "printable", "table", "warn"]

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."
)


class LogWarnings(logging.Handler):
    """Says what is logged as a warning or worse as a warning of the command, each text once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Prints one record."""
        text = record.getMessage()
        if text not in self._said:
            self._said.add(text)
            warn(text)


def printable(text: str) -> str:
    """Returns a text with everything escaped that could steer a terminal, or is no character.

    Names and reasons may come from a server, or from a file system.
    """
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )


def print_json(document: Any) -> None:
    """Prints one JSON document."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    # Half a surrogate pair, as in a file name that is no UTF-8, then is JSON's own escape.
    click.echo(text.encode("utf-8", "backslashreplace").decode())


def warn(text: str) -> None:
    """Prints a warning, on stderr so that it never gets into a script's input.

    A command that is told to be quiet has none.
    """
    context = click.get_current_context(silent=True)
    if context is not None and context.params.get("quiet"):
        return
    click.echo(f"acpublish: warning: {printable(text)}", err=True)


def facts(rows: Mapping[str, object]) -> None:
    """Prints names and values in two columns; what is None is left out."""
    width = max((len(name) for name in rows), default=0)
    for name, value in rows.items():
        if value is not None:
            click.echo(f"{name:<{width}}  {printable(str(value))}")


def table(rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()) -> None:
    """Prints rows in columns as wide as they need; the columns in ``right`` are flush right."""
    rows = [[printable(text) for text in row] for row in rows]
    widths = (
        [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    )
    for row in rows:
        cells = [
            text.rjust(width) if column in right else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join(cells).rstrip())
