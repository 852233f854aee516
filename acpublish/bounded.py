"""Dictionaries that cannot grow without limit."""

from __future__ import annotations

from typing import Generic, TypeVar

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


class SharedMemory(Generic[_Value]):
    """A bounded dictionary of values by product and key, in which no product displaces another."""

    def __init__(self, limit: int, limit_of_product: int | None = None) -> None:
        """Creates an empty memory.

        Args:
            limit: The most values of all products together.
            limit_of_product: The most values of one product; None for no such limit.
        """
        self._limit = limit
        self._limit_of_product = limit if limit_of_product is None else limit_of_product
        self._size = 0
        self._products: dict[str, dict[object, _Value]] = {}
        #: The products that have so many values, so that nobody has to search for the largest.
        self._of_size: dict[int, dict[str, None]] = {}
        self._largest = 0

    def __len__(self) -> int:
        """Returns how many values there are."""
        return self._size

    def get(self, product: str, key: object) -> _Value | None:
        """Returns a value, None if there is none."""
        values = self._products.get(product)
        return None if values is None else values.get(key)

    def products(self) -> list[str]:
        """Returns the products that have values; may be called from another thread."""
        return list(self._products)

    def values(self, product: str) -> list[_Value]:
        """Returns the values of a product, the latest last; may be called from another thread."""
        # Copying a dictionary's values is one step for other threads.
        return list(self._products.get(product, {}).values())

    def put(self, product: str, key: object, value: _Value) -> None:
        """Remembers a value as the latest one.

        Beyond its limit, a product forgets its oldest value. If there are too many in all, the
        product with the most values does.
        """
        values = self._products.get(product)
        if values is None:
            values = self._products[product] = {}
        if values.pop(key, None) is not None:
            values[key] = value
            return
        values[key] = value
        self._size += 1
        self._resize(product, len(values) - 1, len(values))
        if len(values) > self._limit_of_product:
            self._forget_oldest(product)
        elif self._size > self._limit:
            self._forget_oldest(next(iter(self._of_size[self._largest])))

    def _forget_oldest(self, product: str) -> None:
        values = self._products[product]
        del values[next(iter(values))]
        self._size -= 1
        self._resize(product, len(values) + 1, len(values))
        if not values:
            del self._products[product]

    def _resize(self, product: str, before: int, after: int) -> None:
        """Notes that a product has one value more or less than before."""
        if before:
            same = self._of_size[before]
            del same[product]
            if not same:
                del self._of_size[before]
        if after:
            self._of_size.setdefault(after, {})[product] = None
        if after > self._largest:
            self._largest = after
        elif self._largest not in self._of_size:
            # The only one of the largest has just got smaller by one.
            self._largest = after
