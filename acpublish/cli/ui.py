"""What commands print: JSON documents, plain lines, warnings.

Bars for the terminal: block characters, or plain ASCII where stdout cannot show them.

A bar that shows how much of an upload was sent: on a terminal, for as long as it goes on.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from acpublish.publishing.destinations import Sent

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = [
    "LogWarnings",
    "bars",
    "facts",
    "gauge",
    "json_option",
    "print_json",
    "printable",
    "shows_blocks",
    "table",
    "upload_bar",
    "warn",
]

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


_FULL = "█"
#: From one to seven eighths of a character.
_EIGHTHS = "▏▎▍▌▋▊▉"
_EMPTY = "░"


def shows_blocks(encoding: str | None) -> bool:
    """Tells whether text of this encoding can hold block characters."""
    try:
        (_FULL + _EIGHTHS + _EMPTY).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def bars(values: Sequence[int], width: int, *, blocks: bool | None = None) -> list[str]:
    """Returns a bar for each value, from zero on, the largest as wide as there is room.

    Args:
        values: None is negative.
        width: The most characters of a bar.
        blocks: Whether block characters may be used; None for what stdout can show.
    """
    if blocks is None:
        blocks = shows_blocks(sys.stdout.encoding)
    largest = max(values, default=0) or 1
    return [_bar(value * width * 8 // largest, blocks) for value in values]


def gauge(part: int, whole: int, width: int, *, blocks: bool | None = None) -> str:
    """Returns a bar of full width of which as much is filled as a part is of a whole.

    Args:
        part: At least 0; more than the whole fills the bar.
        whole: At least 1.
        width: Characters of the bar.
        blocks: Whether block characters may be used; None for what stdout can show.
    """
    if blocks is None:
        blocks = shows_blocks(sys.stdout.encoding)
    filled = min(part, whole) * width // whole
    full, empty = (_FULL, _EMPTY) if blocks else ("#", ".")
    return full * filled + empty * (width - filled)


def _bar(eighths: int, blocks: bool) -> str:
    full, rest = divmod(eighths, 8)
    if not blocks:
        return "#" * (full + (rest >= 4))
    return _FULL * full + (_EIGHTHS[rest - 1] if rest else "")


@contextmanager
def upload_bar(*, wanted: bool) -> Iterator[Sent | None]:
    """Shows a bar on stderr while something is sent; afterwards the terminal is as it was.

    Args:
        wanted: Whether a person may want to see one. Where stderr is no terminal, and in CI, whose
            terminal nobody watches, there is none.

    Yields:
        What is to be told of the progress, None for no bar.
    """
    in_ci = os.environ.get("CI", "").lower() not in ("", "0", "false")
    if not wanted or in_ci or not sys.stderr.isatty():
        yield None
        return
    bar: Progress | None = None

    def sent(done: int, total: int) -> None:
        nonlocal bar
        if bar is None:
            bar = _started(total)
        bar.update(bar.task_ids[0], completed=done)

    try:
        yield sent
    finally:
        if bar is not None:
            bar.stop()


def _started(total: int) -> Progress:
    # Loading it takes longer than a small upload, so that only an upload loads it.
    from rich import progress
    from rich.console import Console

    bar = progress.Progress(
        progress.TextColumn("Sending"),
        progress.BarColumn(),
        progress.TextColumn("{task.percentage:>3.0f}%"),
        progress.DownloadColumn(binary_units=True),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    bar.add_task("", total=total)
    bar.start()
    return bar
