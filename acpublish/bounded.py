"""A dictionary that cannot grow without limit."""

from __future__ import annotations

from typing import TypeVar

__all__ = ["BoundedDict"]

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class BoundedDict(dict[_Key, _Value]):
    """Forgets everything when a new key would exceed the limit.

    For values that are cheap to compute again and that most requests share: forgetting all of them
    costs less than keeping count of their use.
    """

    def __init__(self, limit: int) -> None:
        """Creates an empty dictionary.

        Args:
            limit: The most entries it holds.
        """
        super().__init__()
        self._limit = limit

    def __setitem__(self, key: _Key, value: _Value) -> None:
        """Stores a value."""
        if len(self) >= self._limit and key not in self:
            self.clear()
        super().__setitem__(key, value)
