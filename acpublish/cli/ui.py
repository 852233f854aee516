"""What commands print: JSON, facts and tables, errors and warnings, and a progress bar for uploads.

1. Results go to stdout, errors, warnings and the progress bar to stderr.
2. Characters that could control a terminal are escaped: names and reasons may come from a server
   or a file system.
3. Only a terminal gets colours, and none if ``NO_COLOR`` is set; JSON never has any.

Charts are in :mod:`acpublish.cli.charts`.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import click

from acpublish.errors import SettingsError
from acpublish.publishing.destinations import Sent

if TYPE_CHECKING:
    from rich.progress import Progress

#: The colours of the results of a check.
STATES = {"ok": "green", "warning": "yellow", "error": "red"}

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."
)


class Unfinished(Exception):
    """A command with --json failed, because of the cause, after it had published something.

    Attributes:
        published: The documents of what it had published.
    """

    def __init__(self, published: Sequence[dict[str, Any]]) -> None:
        super().__init__()
        self.published = published


class LogWarnings(logging.Handler):
    """Prints log records of level WARNING and above as warnings, each message once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._printed: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Prints one record."""
        text = record.getMessage()
        if text not in self._printed:
            self._printed.add(text)
            warn(text)


def printable(text: str) -> str:
    """Returns a string with unprintable characters escaped."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def print_json(document: Any) -> None:
    """Prints one JSON document."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    # Half a surrogate pair, as in a file name that is not UTF-8, becomes an escape that JSON knows.
    click.echo(text.encode("utf-8", "backslashreplace").decode())


def coloured(text: str, colour: str, *, err: bool = False) -> str:
    """Returns a string in a colour if it goes to a terminal that should have colours.

    Args:
        text: The string; already printable.
        colour: A colour that click knows.
        err: Whether it goes to stderr.
    """
    stream = sys.stderr if err else sys.stdout
    # https://no-color.org: an empty NO_COLOR does not count. A dumb terminal has no colours.
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return click.style(text, fg=colour) if stream.isatty() else text


def say(line: str) -> None:
    """Prints a printable line on stderr; if that cannot be written, nothing can report it."""
    try:
        click.echo(line, err=True)
    except OSError:
        drop_output(sys.stderr)


def drop_output(stream: TextIO) -> None:
    """Discards what a stream that cannot be written still gets, so that Python ends quietly."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def open_missing_streams() -> None:
    """Opens the null device as each standard stream that the caller has closed.

    Otherwise the next file to be opened would get its descriptor, and the output of the command.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # The lowest descriptor that is free is the missing one.
            flags = os.O_RDONLY if mode == "r" else os.O_WRONLY
            setattr(sys, name, os.fdopen(os.open(os.devnull, flags), mode, encoding="utf-8"))


def print_error(text: str) -> None:
    """Prints an error on stderr, as one line."""
    say(f"acpublish: {coloured('error:', 'red', err=True)} {printable(text)}")


def warn(text: str) -> None:
    """Prints a warning on stderr, unless the command has the option ``--quiet``."""
    context = click.get_current_context(silent=True)
    if context is not None and context.params.get("quiet"):
        return
    say(f"acpublish: {coloured('warning:', 'yellow', err=True)} {printable(text)}")


def confirm(
    question: str, *, shown: str, otherwise: str, default: bool = False, err: bool = False
) -> bool:
    """Asks a question on the terminal, and prints what a no means.

    Args:
        question: The question, with its question mark.
        shown: What the user should look at first, as in "the table".
        otherwise: What a no means, as in "nothing was imported".
        default: The answer of an empty line.
        err: Whether to print on stderr, because stdout gets a document.

    Returns:
        Whether the user agreed.

    Raises:
        SettingsError: There is no terminal.
    """
    if not sys.stdin.isatty():
        raise SettingsError(
            f"{otherwise}, because there is no terminal to ask for confirmation",
            hint=f"Review {shown} above, then run it again with --yes.",
        )
    agreed = click.confirm(question, default=default, err=err)
    if not agreed:
        click.echo(otherwise, err=err)
    return agreed


def facts(rows: Mapping[str, object]) -> None:
    """Prints names and values in two columns; rows whose value is None are left out."""
    width = max((len(name) for name in rows), default=0)
    for name, value in rows.items():
        if value is not None:
            click.echo(f"{name:<{width}}  {printable(str(value))}")


def table(
    rows: Sequence[Sequence[str]],
    *,
    right: frozenset[int] = frozenset(),
    colours: Mapping[str, str] | None = None,
) -> None:
    """Prints rows in columns as wide as needed.

    Args:
        rows: The cells of each row.
        right: The columns that are right-aligned.
        colours: The colours of words in the first column, which must not be right-aligned.
    """
    rows = [[printable(text) for text in row] for row in rows]
    widths = (
        [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    )
    for row in rows:
        cells = [
            text.rjust(width) if column in right else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        line = "  ".join(cells).rstrip()
        colour = (colours or {}).get(row[0])
        if colour is not None:
            line = coloured(row[0], colour) + line.removeprefix(row[0])
        click.echo(line)


def hours(seconds: int) -> str:
    """Returns a time as the options of a policy have it, such as 36h."""
    return f"{round(seconds / 3600, 1):g}h"


@contextmanager
def upload_bar(*, wanted: bool) -> Iterator[Sent | None]:
    """Shows a progress bar on stderr during an upload, and removes it afterwards.

    Args:
        wanted: Whether the command may show one. There is none if stderr is not a terminal, nor in
            CI, whose terminal nobody watches.

    Yields:
        The function to call with the progress; None if there is no bar.
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
    # Importing rich takes longer than a small upload, so only an upload imports it.
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
