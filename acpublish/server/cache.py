"""The server's two larger caches.

- :class:`ByteCache`: whole files in bounded memory, shared by all downloads.
- :class:`LocationCache`: what a URL leads to, remembered for a moment.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from acpublish.bounded import BoundedDict
from acpublish.catalog.contents import CatalogFiles, Located

Value = TypeVar("Value")


class ByteCache(Generic[Value]):
    """Values that hold bytes; the least recently used is dropped first.

    Several requests for the same value at the same time wait for one that makes it.
    """

    def __init__(self, limit_bytes: int) -> None:
        """Creates an empty cache.

        Args:
            limit_bytes: The limit of all values together. A single one may take a quarter of it.
        """
        self.largest_bytes = limit_bytes // 4
        self._limit_bytes = limit_bytes
        self._size_bytes = 0
        self._values: OrderedDict[Hashable, tuple[int, Value]] = OrderedDict()
        self._tasks: dict[Hashable, asyncio.Task[tuple[int, Value]]] = {}

    def get(self, key: Hashable) -> Value | None:
        """Returns the cached value of a key."""
        entry = self._values.get(key)
        if entry is None:
            return None
        self._values.move_to_end(key)
        return entry[1]

    async def make(self, key: Hashable, maker: Callable[[], tuple[int, Value]]) -> Value:
        """Returns the value of a key; the first request for it makes it, in a thread.

        Args:
            key: Identifies the state of the value; a different state needs a different key.
            maker: Returns the value and its size in bytes.

        Raises:
            AcpublishError: The maker raised it.
        """
        value = self.get(key)
        if value is not None:
            return value
        task = self._tasks.get(key)
        if task is None:
            task = asyncio.ensure_future(asyncio.to_thread(maker))
            self._tasks[key] = task
            task.add_done_callback(lambda done: self._keep(key, done))
        # A client that disconnects must not end the reading for the others.
        return (await asyncio.shield(task))[1]

    def _keep(self, key: Hashable, task: asyncio.Task[tuple[int, Value]]) -> None:
        self._tasks.pop(key, None)
        if task.cancelled() or task.exception() is not None:
            return
        size, _ = task.result()
        if size > self.largest_bytes:
            return
        self._values[key] = task.result()
        self._size_bytes += size
        while self._size_bytes > self._limit_bytes:
            _, (dropped, _) = self._values.popitem(last=False)
            self._size_bytes -= dropped


_LIFE_S = 0.05
_MAX_LOCATIONS = 1024


class LocationCache:
    """What the URLs of a catalog lead to.

    Finding out takes several file-system calls, and a fleet requests the same few URLs. Only the
    location is remembered: the state of a file is checked for every response.
    """

    def __init__(self, files: CatalogFiles) -> None:
        """Creates an empty cache.

        Args:
            files: The catalog.
        """
        self._files = files
        self._locations: BoundedDict[bytes, tuple[float, Located]] = BoundedDict(_MAX_LOCATIONS)

    def locate(self, target: bytes) -> Located | None:
        """Does what :meth:`.CatalogFiles.locate` does, from memory if it can.

        A missing file is not remembered, because it may be published at this moment.
        """
        now = time.monotonic()
        entry = self._locations.get(target)
        if entry is not None and now < entry[0]:
            return entry[1]
        location = self._files.locate(target)
        if location is not None:
            self._locations[target] = (now + _LIFE_S, location)
        return location
