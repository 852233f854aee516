"""What commands print: JSON documents, plain lines, warnings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

__all__ = ["facts", "json_option", "print_json", "table", "warn"]

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."
)


def print_json(document: Any) -> None:
    """Prints one JSON document."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def warn(text: str) -> None:
    """Prints a warning, on stderr so that it never gets into a script's input."""
    click.echo(f"acpublish: warning: {text}", err=True)


def facts(rows: Mapping[str, object]) -> None:
    """Prints names and values in two columns; what is None is left out."""
    width = max((len(name) for name in rows), default=0)
    for name, value in rows.items():
        if value is not None:
            click.echo(f"{name:<{width}}  {value}")


def table(rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()) -> None:
    """Prints rows in columns as wide as they need; the columns in ``right`` are flush right."""
    widths = (
        [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    )
    for row in rows:
        cells = [
            text.rjust(width) if column in right else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join(cells).rstrip())
