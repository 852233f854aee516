"""What is looked up at most once in five milliseconds, however many requests arrive in it.

Asking the kernel whether a directory or a file has changed takes as long as all the rest of an
up-to-date check. Another process that changes the catalog is noticed that much later at most,
which is less than it needs to end. What this server changes itself is noticed immediately
(:meth:`Lately.forget`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_Value = TypeVar("_Value")

FRESH_S = 0.005


class Lately(Generic[_Value]):
    """A function that is called once in five milliseconds for each argument."""

    def __init__(self, function: Callable[..., _Value]) -> None:
        """Prepares to call.

        Args:
            function: It takes hashable arguments.
        """
        self._function = function
        self._values: dict[tuple[Hashable, ...], _Value] = {}
        self._until = 0.0

    def __call__(self, *arguments: Hashable) -> _Value:
        """Returns what the function returns, or has returned a moment ago."""
        now = time.monotonic()
        if now >= self._until:
            self._values.clear()
            self._until = now + FRESH_S
        elif arguments in self._values:
            return self._values[arguments]
        value = self._values[arguments] = self._function(*arguments)
        return value

    def forget(self) -> None:
        """Makes the next call look again."""
        self._until = 0.0
