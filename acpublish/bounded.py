"""A dictionary that cannot grow without limit."""

from __future__ import annotations

from typing import TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class BoundedDict(dict[_Key, _Value]):
    """A dictionary that is cleared when a new key would exceed its limit.

    It is for values that are cheap to compute again and that most requests share: dropping all of
    them costs less than tracking which ones are used.
    """

    def __init__(self, limit: int) -> None:
        """Creates an empty dictionary.

        Args:
            limit: The highest number of entries.
        """
        super().__init__()
        self._limit = limit

    def __setitem__(self, key: _Key, value: _Value) -> None:
        """Stores a value, after dropping all others if the limit is reached."""
        if len(self) >= self._limit and key not in self:
            self.clear()
        super().__setitem__(key, value)
