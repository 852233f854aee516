"""The rows that wait to be written: the last state of each, in two queues.

1. Urgent rows are written before all others: somebody waits for them.
2. A row that is put again replaces the one that waits. So what waits is bounded by what there is,
   and by a limit for each table besides, should the store be away for long.
3. An older state never follows a newer one: a row that becomes urgent leaves the other queue, and
   one that could not be written comes back only if no newer one waits.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from typing import Any

Key = tuple[object, ...]
#: The values of a row, or what they are made of later; None if the row is to be deleted.
Values = Any
Batch = dict[str, dict[Key, Values]]


class Waiting:
    """The rows that wait. Any thread may put some, and one takes them."""

    def __init__(self, limit: int) -> None:
        """Starts with none.

        Args:
            limit: The most rows of each table that wait.
        """
        self._limit = limit
        self._lock = threading.Lock()
        self._urgent: Batch = {}
        self._others: Batch = {}
        #: The others that are taken little by little, so that urgent ones can come between.
        self._leaving: Batch = {}
        self._dropped = 0

    def put(self, table: str, key: Key, values: Values, *, urgent: bool = False) -> bool:
        """Puts a row in the place of the one that waits.

        Returns:
            Whether there was a place for it.
        """
        with self._lock:
            queue = self._urgent if urgent else self._others
            rows = queue.get(table)
            if rows is None:
                rows = queue[table] = {}
            leaving = self._leaving.get(table, {})
            if len(rows) + len(leaving) >= self._limit and not (key in rows or key in leaving):
                self._dropped += 1
                return False
            rows[key] = values
            if urgent:
                for other in (self._others, self._leaving):
                    if table in other:
                        other[table].pop(key, None)
        return True

    def remove(self, table: str, names: Collection[str]) -> None:
        """Puts the removal of all rows whose key of two ends with one of these names, as urgent.

        What waits of them is not written any more.
        """
        with self._lock:
            for queue in (self._urgent, self._others, self._leaving):
                rows = queue.get(table, {})
                for key in [key for key in rows if key[0] is not None and key[1] in names]:
                    del rows[key]
            removals = self._urgent.setdefault(table, {})
            for name in names:
                if len(removals) < self._limit:
                    removals[None, name] = None
                else:
                    self._dropped += 1

    def take_urgent(self) -> Batch:
        """Takes all urgent rows; an empty batch if there are none."""
        with self._lock:
            batch, self._urgent = self._urgent, {}
        return batch

    def begin(self) -> None:
        """Lets all others leave that wait now, once those before have left."""
        with self._lock:
            self._leaving, self._others = self._others, {}

    def take(self, limit: int) -> Batch:
        """Takes some of the rows that leave; an empty batch once all have left."""
        batch: Batch = {}
        with self._lock:
            for table, rows in self._leaving.items():
                taken = dict(rows.popitem() for _ in range(min(limit, len(rows))))
                limit -= len(taken)
                if taken:
                    batch[table] = taken
        return batch

    def leave(self) -> bool:
        """Returns whether any rows are still leaving."""
        with self._lock:
            return any(self._leaving.values())

    def give_back(self, batch: Mapping[str, Mapping[Key, Values]], *, urgent: bool) -> None:
        """Puts rows back that could not be written, except those of which a newer one waits."""
        with self._lock:
            queue = self._urgent if urgent else self._others
            for table, rows in batch.items():
                newer = [other.get(table, {}) for other in (self._urgent, self._others)]
                kept = queue.setdefault(table, {})
                for key, values in rows.items():
                    gone = None, *key[1:]
                    if not any(key in other or gone in other for other in newer):
                        kept[key] = values

    def recall(self) -> None:
        """Lets the rows that leave wait again."""
        with self._lock:
            leaving, self._leaving = self._leaving, {}
        self.give_back(leaving, urgent=False)

    def __len__(self) -> int:
        """Returns how many rows wait."""
        with self._lock:
            queues: Iterable[Batch] = (self._urgent, self._others, self._leaving)
            return sum(len(rows) for queue in queues for rows in queue.values())

    def dropped(self) -> int:
        """Returns how many rows found no place since the last call."""
        with self._lock:
            dropped, self._dropped = self._dropped, 0
        return dropped
