"""The findings of an examination, and the collection of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class State(str, Enum):
    """The result of a check."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check.

    Attributes:
        name: The name of the check, one word.
        state: Its result.
        what: What is there, or what is wrong and why; a phrase without a final full stop.
        change: The line to change or to run; empty if there is nothing to do.
    """

    name: str
    state: State
    what: str
    change: str = ""


def ok(name: str, what: str) -> Finding:
    """Returns a finding without a problem."""
    return Finding(name=name, state=State.OK, what=what)


def not_checked(name: str, what: str, change: str = "") -> Finding:
    """Returns a finding on something that could not be checked, and why."""
    return Finding(name=name, state=State.NOT_CHECKED, what=what, change=change)


def error(name: str, what: str, change: str) -> Finding:
    """Returns a finding on something that does not work."""
    return Finding(name=name, state=State.ERROR, what=what, change=change)


def warning(name: str, what: str, change: str) -> Finding:
    """Returns a finding on something that works, but not as it seems."""
    return Finding(name=name, state=State.WARNING, what=what, change=change)


class Examination:
    """Collects findings in the order of the checks, each finding once."""

    def __init__(self) -> None:
        self._checks: dict[str, str] = {}
        self._problems: dict[str, list[Finding]] = {}

    def record(self, name: str, fine: str, problems: Iterable[Finding] = ()) -> bool:
        """Records a check.

        Args:
            name: The name of the check; it may be recorded more than once.
            fine: The text of the finding if there is no problem; the last text counts.
            problems: What the check found.

        Returns:
            Whether there was no problem.
        """
        self._checks[name] = fine
        return self.add(problems)

    def add(self, problems: Iterable[Finding]) -> bool:
        """Records problems, each once; returns whether there were none."""
        added = list(problems)
        for problem in added:
            same_name = self._problems.setdefault(problem.name, [])
            if problem not in same_name:
                same_name.append(problem)
        return not added

    def findings(self) -> list[Finding]:
        """Returns the problems, and the other checks as passed."""
        names = dict.fromkeys([*self._checks, *self._problems])
        return [
            finding
            for name in names
            for finding in self._problems.get(name) or [ok(name, self._checks[name])]
        ]
