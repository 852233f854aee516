"""Charts as SVG, made here so that they need no script: areas that lie on each other over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

WIDTH, HEIGHT = 480, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 4, 8, 22
#: So many points can be told apart.
MAX_POINTS = 120


class Series(NamedTuple):
    """What is counted over time.

    Attributes:
        name: What it is.
        kind: The number of its colour; 0 is that of all others.
        values: The numbers, one for each time.
    """

    name: str
    kind: int
    values: Sequence[int]


class Band(NamedTuple):
    """The area of a series, as the ``d`` of a path."""

    series: Series
    path: str


class Line(NamedTuple):
    """A line across the chart, with its number."""

    y: float
    value: int


class Chart(NamedTuple):
    """A chart, for the macro ``chart``.

    Attributes:
        bands: The areas, from the bottom.
        lines: The lines of round numbers.
        left: Where the areas begin.
        right: Where they end.
        bottom: Where they stand.
    """

    bands: tuple[Band, ...]
    lines: tuple[Line, ...]
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    bottom: int = HEIGHT - _BOTTOM


def stacked(times: Sequence[float], series: Sequence[Series]) -> Chart:
    """Returns a chart of areas that lie on each other, the first at the bottom.

    Args:
        times: When, rising; at least two that differ.
        series: What was counted then.
    """
    totals = [sum(own.values[at] for own in series) for at in range(len(times))]
    top, step = round_scale(max([1, *totals]))
    begin, span = times[0], times[-1] - times[0]
    xs = [_LEFT + (at - begin) / span * (WIDTH - _LEFT - _RIGHT) for at in times]
    floor = [0] * len(times)
    bands = []
    for own in series:
        ceiling = [under + value for under, value in zip(floor, own.values, strict=True)]
        upper = [f"{x:.1f} {_y(value, top):.1f}" for x, value in zip(xs, ceiling, strict=True)]
        lower = [f"{x:.1f} {_y(value, top):.1f}" for x, value in zip(xs, floor, strict=True)]
        bands.append(Band(own, f"M{' L'.join([*upper, *reversed(lower)])}Z"))
        floor = ceiling
    lines = tuple(Line(round(_y(value, top), 1), value) for value in range(0, top + 1, step))
    return Chart(tuple(bands), lines)


def _y(value: float, top: int) -> float:
    return HEIGHT - _BOTTOM - value / top * (HEIGHT - _TOP - _BOTTOM)


def round_scale(most: int) -> tuple[int, int]:
    """Returns a round number that is not less, and the step of two to five lines up to it."""
    size = 10 ** max(0, math.ceil(math.log10(most)) - 1)
    for step in (size // 2, size, 2 * size, 5 * size, 10 * size):
        if step and math.ceil(most / step) <= 4:
            return math.ceil(most / step) * step, step
    return most, most


def thinned(times: int) -> range:
    """Returns which of so many times a chart shows; always the last one."""
    step = max(1, math.ceil(times / MAX_POINTS))
    return range((times - 1) % step, times, step)
