"""Charts in the width of the terminal: bars next to a table, a gauge, and a curve.

They use block characters, or plain ASCII if stdout cannot encode them.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

import click

from acpublish.cli.ui import table

_FULL = "█"
#: From one to seven eighths of a character.
_EIGHTHS = "▏▎▍▌▋▊▉"
#: From one to seven eighths of a line.
_RISING = "▁▂▃▄▅▆▇"
_EMPTY = "░"
#: With shorter bars, the values could not be told apart.
_SHORTEST_BAR = 6
#: The size of a plot is the same on each terminal, so that the same values print the same.
_PLOT_WIDTH, _PLOT_HEIGHT = 64, 8
#: Between two columns of a table.
_GAP = 2


def columns() -> int:
    """Returns the width of the terminal; 80 if there is none."""
    return shutil.get_terminal_size().columns


def chart(
    rows: Sequence[Sequence[str]],
    values: Sequence[int],
    *,
    longest: int,
    spare: int,
    right: frozenset[int] = frozenset(),
) -> None:
    """Prints a table with a bar at the end of each row but the first.

    Args:
        rows: The headings, then the cells of each row.
        values: The value of each row below the headings.
        longest: The length of the longest bar, in characters; it is shorter on a narrow terminal.
        spare: The column to leave out if the terminal is too narrow for it and the bars.
        right: The columns that are right-aligned.
    """
    if _left(rows) < _SHORTEST_BAR:
        rows = [[cell for column, cell in enumerate(row) if column != spare] for row in rows]
        right = frozenset(column - (column > spare) for column in right if column != spare)
    drawn = ["", *bars(values, min(longest, max(_left(rows), 1)))]
    table([(*row, bar) for row, bar in zip(rows, drawn, strict=True)], right=right)


def _left(rows: Sequence[Sequence[str]]) -> int:
    """Returns how many characters a table leaves to the bars next to it."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return columns() - sum(widths) - _GAP * len(widths)


def shows_blocks(encoding: str | None) -> bool:
    """Returns whether an encoding has block characters."""
    try:
        (_FULL + _EIGHTHS + _RISING + _EMPTY).encode(encoding or "ascii")
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


def curve(
    values: Sequence[int], whole: int, width: int, height: int, *, blocks: bool | None = None
) -> list[str]:
    """Returns the lines of a curve of values over time, the highest line first.

    Args:
        values: The values, none of them negative, at equal distances.
        whole: What fills the height, at least 1.
        width: The length of the lines, in characters.
        height: The number of lines.
        blocks: Whether to use block characters; None to use them if stdout can show them.
    """
    if blocks is None:
        blocks = shows_blocks(sys.stdout.encoding)
    # Each column shows the last of its values, so the end of the curve is the end of the story.
    shown = [
        values[-(-(at + 1) * len(values) // width) - 1] for at in range(width if values else 0)
    ]
    # Whatever is more than nothing can be seen.
    eighths = [max(value * height * 8 // whole, value > 0) for value in shown]
    ramp = [" ", *_RISING, _FULL] if blocks else [" "] * 4 + ["#"] * 5
    if not blocks:
        eighths = [max(level, 4 * (level > 0)) for level in eighths]
    return [
        "".join(ramp[min(max(level - 8 * line, 0), 8)] for level in eighths).rstrip()
        for line in range(height - 1, -1, -1)
    ]


def plot(values: Sequence[int], whole: int, end: str) -> None:
    """Prints a curve with its axes: shares of a whole over time.

    Args:
        values: The values, none of them negative, at equal distances.
        whole: What fills the height, at least 1.
        end: What is written at the end of the time.
    """
    scale = {0: "100%", _PLOT_HEIGHT // 2: "50%"}
    for at, line in enumerate(curve(values, whole, _PLOT_WIDTH, _PLOT_HEIGHT)):
        click.echo(f"{scale.get(at, ''):>4} |{line}")
    click.echo(f"  0% +{'-' * _PLOT_WIDTH}")
    click.echo(f"      start{end:>{_PLOT_WIDTH - 5}}")


def _bar(eighths: int, blocks: bool) -> str:
    full, rest = divmod(eighths, 8)
    if not blocks:
        return "#" * (full + (rest >= 4))
    return _FULL * full + (_EIGHTHS[rest - 1] if rest else "")
