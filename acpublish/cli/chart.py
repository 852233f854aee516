"""Bars for the terminal: block characters, or plain ASCII where stdout cannot show them."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["bars", "gauge", "shows_blocks"]

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
