"""The results of a measurement, and how they are printed: figures and goals, reached or missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Literal


class BenchError(Exception):
    """What was to be measured does not work, so its speed means nothing."""


class Unavailable(Exception):
    """This machine lacks something that a measurement needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A figure with the limit that it should not exceed, or reach.

    Attributes:
        what: What was measured.
        value: The figure.
        unit: Its unit; empty for a ratio.
        limit: The limit.
        side: On which side of the limit the figure should be.
        aim: Whether it is only an aim, because it depends as much on the machine as on the server;
            a missed aim does not fail ``--strict``.
    """

    what: str
    value: float
    unit: str = ""
    limit: float
    side: Literal["at least", "at most"]
    aim: bool = False

    @classmethod
    def at_most(cls, what: str, value: float, limit: float, unit: str = "") -> Goal:
        """Returns a figure that should not exceed its limit.

        Args:
            what: What was measured.
            value: The figure.
            limit: The limit.
            unit: Its unit; empty for a ratio.
        """
        return cls(what=what, value=value, unit=unit, limit=limit, side="at most")

    @property
    def reached(self) -> bool:
        """Whether the figure is within the limit."""
        if self.side == "at least":
            return self.value >= self.limit
        return self.value <= self.limit

    def line(self) -> str:
        """Returns the goal as one line."""
        unit = f" {self.unit}" if self.unit else ""
        share = f", ratio to it {self.value / self.limit:.2f}" if self.unit and self.limit else ""
        return (
            f"{self.what}: {figure(self.value)}{unit}"
            f" ({'aim' if self.aim else 'goal'}: {self.side} {self.limit:g}{unit}{share}): "
            + ("reached" if self.reached else "not reached" if self.aim else "MISSED")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The results of one measurement.

    Attributes:
        title: What was measured, with its units.
        figures: Lines of plain figures.
        goals: The figures that have a limit.
        skipped: Why nothing was measured.
    """

    title: str
    figures: Sequence[str] = ()
    goals: Sequence[Goal] = ()
    skipped: str | None = None

    @property
    def reached(self) -> bool:
        """Whether it was measured, and every goal was reached that is more than an aim."""
        return self.skipped is None and all(goal.reached or goal.aim for goal in self.goals)

    def text(self) -> str:
        """Returns the report as lines."""
        lines = [*self.figures, *(goal.line() for goal in self.goals)]
        if self.skipped is not None:
            lines.append(f"skipped: {self.skipped}")
        return "\n".join([self.title, *(f"  {line}" for line in lines)])


def figure(value: float) -> str:
    """Returns a figure with three significant digits, or all digits before the point."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def spread(values: Sequence[float]) -> str:
    """Returns the median of some figures, and their range."""
    return f"{figure(median(values))} ({figure(min(values))} to {figure(max(values))})"


def percentile(values: Sequence[float], percent: int) -> float:
    """Returns the figure that so many percent of some figures do not exceed."""
    return (
        quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else values[0]
    )
