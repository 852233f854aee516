"""What commands print: JSON, facts and tables, warnings, charts, and a progress bar for uploads.

1. Results go to stdout, warnings and the progress bar to stderr.
2. Characters that could control a terminal are escaped: names and reasons may come from a server
   or a file system.
3. Charts use block characters, or plain ASCII if stdout cannot encode them.
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

from acpublish.errors import SettingsError
from acpublish.publishing.destinations import Sent

if TYPE_CHECKING:
    from rich.progress import Progress

_FULL = "█"
#: From one to seven eighths of a character.
_EIGHTHS = "▏▎▍▌▋▊▉"
_EMPTY = "░"

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."
)


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


def warn(text: str) -> None:
    """Prints a warning on stderr, unless the command has the option ``--quiet``."""
    context = click.get_current_context(silent=True)
    if context is not None and context.params.get("quiet"):
        return
    click.echo(f"acpublish: warning: {printable(text)}", err=True)


def confirm(question: str, *, shown: str, otherwise: str, default: bool = False) -> bool:
    """Asks a question on the terminal, and prints what a no means.

    Args:
        question: The question, with its question mark.
        shown: What the user should look at first, as in "the table".
        otherwise: What a no means, as in "nothing was imported".
        default: The answer of an empty line.

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
    agreed = click.confirm(question, default=default)
    if not agreed:
        click.echo(otherwise)
    return agreed


def facts(rows: Mapping[str, object]) -> None:
    """Prints names and values in two columns; rows whose value is None are left out."""
    width = max((len(name) for name in rows), default=0)
    for name, value in rows.items():
        if value is not None:
            click.echo(f"{name:<{width}}  {printable(str(value))}")


def table(rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()) -> None:
    """Prints rows in columns as wide as needed; the columns in ``right`` are right-aligned."""
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


def shows_blocks(encoding: str | None) -> bool:
    """Returns whether an encoding has block characters."""
    try:
        (_FULL + _EIGHTHS + _EMPTY).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def bars(values: Sequence[int], width: int, *, blocks: bool | None = None) -> list[str]:
    """Returns a bar for each value; the bar of the largest value has the full width.

    Args:
        values: The values, none of them negative.
        width: The length of the longest bar, in characters.
        blocks: Whether to use block characters; None to use them if stdout can show them.
    """
    if blocks is None:
        blocks = shows_blocks(sys.stdout.encoding)
    largest = max(values, default=0) or 1
    return [_bar(value * width * 8 // largest, blocks) for value in values]


def gauge(part: int, whole: int, width: int, *, blocks: bool | None = None) -> str:
    """Returns a bar that is filled to the share that a part has of a whole.

    Args:
        part: At least 0; more than the whole fills the bar.
        whole: At least 1.
        width: The length of the bar, in characters.
        blocks: Whether to use block characters; None to use them if stdout can show them.
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
