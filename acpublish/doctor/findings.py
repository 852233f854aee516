"""What an examination comes to: findings, and the collection of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class State(str, Enum):
    """How it stands with what was looked at."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found where.

    Attributes:
        name: What was looked at, in one word.
        state: How it stands with it.
        what: What there is, or what is wrong and why; a phrase without a final full stop.
        change: The line to change, or to run; empty where there is nothing to do.
    """

    name: str
    state: State
    what: str
    change: str = ""


def ok(name: str, what: str) -> Finding:
    """Returns a finding of what is as it should be."""
    return Finding(name=name, state=State.OK, what=what)


def not_checked(name: str, what: str, change: str = "") -> Finding:
    """Returns a finding of what could not be looked at, and why."""
    return Finding(name=name, state=State.NOT_CHECKED, what=what, change=change)


def error(name: str, what: str, change: str) -> Finding:
    """Returns a finding of what does not work."""
    return Finding(name=name, state=State.ERROR, what=what, change=change)


def warning(name: str, what: str, change: str) -> Finding:
    """Returns a finding of what works, but not as it seems."""
    return Finding(name=name, state=State.WARNING, what=what, change=change)


class Examination:
    """Findings in the order of what was looked at, each of them once."""

    def __init__(self) -> None:
        self._looked_at: dict[str, str] = {}
        self._found: dict[str, list[Finding]] = {}

    def look_at(self, name: str, fine: str, troubles: Iterable[Finding] = ()) -> bool:
        """Notes that something was looked at.

        Args:
            name: What was looked at; it may be looked at more than once.
            fine: What to say of it when no trouble is found; the last text counts.
            troubles: What was found.

        Returns:
            Whether there was no trouble.
        """
        self._looked_at[name] = fine
        return self.add(troubles)

    def add(self, troubles: Iterable[Finding]) -> bool:
        """Notes troubles, each once; returns whether there were none."""
        found = list(troubles)
        for one in found:
            of_name = self._found.setdefault(one.name, [])
            if one not in of_name:
                of_name.append(one)
        return not found

    def findings(self) -> list[Finding]:
        """Returns the troubles, and what else was looked at as in order."""
        names = dict.fromkeys([*self._looked_at, *self._found])
        return [
            finding
            for name in names
            for finding in self._found.get(name)
            or [Finding(name=name, state=State.OK, what=self._looked_at[name])]
        ]
