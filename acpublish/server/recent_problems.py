"""What the log has said of problems since the server began, for people who do not see the log."""

from __future__ import annotations

import logging
from dataclasses import dataclass

#: Different lines; the one that came last stays for the longest time.
MAX_PROBLEMS = 100
_MAX_CHARACTERS = 1000


@dataclass(slots=True)
class Problem:
    """A line of the log.

    Attributes:
        level: ``WARNING`` or above.
        text: What it says.
        first: When it came first, in seconds since 1970.
        last: When it came last.
        count: How often it came.
    """

    level: str
    text: str
    first: float
    last: float
    count: int = 1


class RecentProblems(logging.Handler):
    """Remembers warnings and errors; the same line is remembered once."""

    def __init__(self) -> None:
        """Starts without any."""
        super().__init__(logging.WARNING)
        #: The one that came last at the end.
        self._problems: dict[tuple[str, str], Problem] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Remembers a record; the lock of the handler is held."""
        try:
            text = record.getMessage()[:_MAX_CHARACTERS]
        except Exception:
            # As in logging's own handlers: a faulty record must not end what it is about.
            self.handleError(record)
            return
        key = record.levelname, text
        problem = self._problems.pop(key, None)
        if problem is None:
            problem = Problem(*key, record.created, record.created)
        else:
            problem.last, problem.count = record.created, problem.count + 1
        self._problems[key] = problem
        if len(self._problems) > MAX_PROBLEMS:
            del self._problems[next(iter(self._problems))]

    def all(self) -> list[Problem]:
        """Returns all problems, the one that came last first."""
        self.acquire()
        try:
            return [*self._problems.values()][::-1]
        finally:
            self.release()
