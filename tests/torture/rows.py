"""A row of the table of promises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """What came of a promise.

    Attributes:
        promise: The promise.
        numbers: How often it was tried.
        found: Each time that it was not kept, in words.
        result: What came out.
        seconds: How long it took.
    """

    promise: str
    numbers: str
    found: Sequence[str]
    result: str
    seconds: float

    def __str__(self) -> str:
        """Returns the row as a line of Markdown."""
        return f"| {self.promise} | {self.numbers} | {self.result} | {self.seconds:.0f} s |"
