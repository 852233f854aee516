"""The server's three larger caches.

- :class:`ByteCache`: whole files in bounded memory, shared by all downloads.
- :class:`AnswerCache`: bodies of lists and documents, made in a few threads.
- :class:`LocationCache`: what a URL leads to, remembered for a moment.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from acpublish.bounded import BoundedDict
from acpublish.catalog.contents import CatalogFiles, Located, LooseFile, ReleaseFile
from acpublish.server.bounds import ANSWERS_BYTES, IN_FLIGHT_FACTOR, BusyError

Value = TypeVar("Value")


class Shared(Generic[Value]):
    """A value that holds bytes, and that lives as long as anyone uses it.

    Attributes:
        value: The value.
        size: How many bytes it holds.
    """

    __slots__ = ("__weakref__", "size", "value")

    def __init__(self, value: Value, size: int) -> None:
        """Takes the value."""
        self.value = value
        self.size = size


class ByteCache(Generic[Value]):
    """Values that hold bytes; the least recently used is dropped first.

    1. Several requests for the same value at the same time wait for one that makes it.
    2. A dropped value that is still being sent is found again, so that no two of it exist, however
       slowly it is read.
    3. The values that exist, dropped or not, are limited. Beyond that a new one is refused, until
       others have been sent: strangers who request many files and read none must not fill the
       memory.
    """

    def __init__(self, limit_bytes: int) -> None:
        """Creates an empty cache.

        Args:
            limit_bytes: The limit of all values that are kept. A single one may take a quarter.
        """
        self.largest_bytes = limit_bytes // 4
        self._limit_bytes = limit_bytes
        self._most_bytes = limit_bytes * IN_FLIGHT_FACTOR
        self._size_bytes = 0
        self._values: OrderedDict[Hashable, Shared[Value]] = OrderedDict()
        self._alive: WeakValueDictionary[Hashable, Shared[Value]] = WeakValueDictionary()
        self._tasks: dict[Hashable, asyncio.Task[Shared[Value]]] = {}
        self._making: dict[Hashable, int] = {}

    def get(self, key: Hashable) -> Shared[Value] | None:
        """Returns the value of a key, if it is in memory."""
        shared = self._values.get(key)
        if shared is None:
            return self._alive.get(key)
        self._values.move_to_end(key)
        return shared

    async def make(
        self, key: Hashable, size: int, maker: Callable[[], tuple[int, Value]]
    ) -> Shared[Value]:
        """Returns the value of a key; the first request for it makes it, in a thread.

        Args:
            key: Identifies the state of the value; a different state needs a different key.
            size: How many bytes it will hold.
            maker: Returns the value and its size in bytes.

        Raises:
            BusyError: Too many values are being sent already.
            AcpublishError: The maker raised it.
        """
        shared = self.get(key)
        if shared is not None:
            return shared
        task = self._tasks.get(key)
        if task is None:
            self._need_room(size)
            task = asyncio.ensure_future(self._make(maker))
            self._tasks[key] = task
            self._making[key] = size
            task.add_done_callback(lambda done: self._keep(key, done))
        # A client that disconnects must not end the reading for the others.
        return await asyncio.shield(task)

    def _need_room(self, size: int) -> None:
        alive = sum(shared.size for shared in self._alive.values())
        if alive + sum(self._making.values()) + size > self._most_bytes:
            raise BusyError("too many different files are being sent", hint="Try again later.")

    async def _make(self, maker: Callable[[], tuple[int, Value]]) -> Shared[Value]:
        size, value = await asyncio.to_thread(maker)
        return Shared(value, size)

    def _keep(self, key: Hashable, task: asyncio.Task[Shared[Value]]) -> None:
        self._tasks.pop(key, None)
        self._making.pop(key, None)
        if task.cancelled() or task.exception() is not None:
            return
        shared = self._alive[key] = task.result()
        if shared.size > self.largest_bytes:
            return
        self._values[key] = shared
        self._size_bytes += shared.size
        while self._size_bytes > self._limit_bytes:
            _, dropped = self._values.popitem(last=False)
            self._size_bytes -= dropped.size


_SHORTEST_LIFE_S = 0.05
_LONGEST_LIFE_S = 2.0
#: Making an answer may take a tenth of the time at most.
_LIFE_PER_COST = 10
#: What an answer takes besides its body, about, with its key.
_OVERHEAD_BYTES = 1024
#: Walking directories must not keep downloads from the threads that they read with.
PARALLEL_ANSWERS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """A body, what it was made from, and until when it may be sent."""

    stamp: object
    until: float
    body: bytes


class AnswerCache:
    """Bodies that take long to make; all requests for one at the same time wait for one thread.

    A body is used again while its stamp stays the same, for at least 50 ms and at most 2 s: what it
    was made from may change without its stamp, and making it must not become a full-time job. The
    body that was used least recently is dropped first.
    """

    def __init__(self, limit_bytes: int = ANSWERS_BYTES) -> None:
        """Creates an empty cache.

        Args:
            limit_bytes: The limit of all bodies together; the latest is kept in any case.
        """
        self._limit_bytes = limit_bytes
        self._size_bytes = 0
        self._answers: OrderedDict[Hashable, _Answer] = OrderedDict()
        self._tasks: dict[Hashable, tuple[object, asyncio.Task[_Answer]]] = {}
        self._threads = asyncio.Semaphore(PARALLEL_ANSWERS)

    def known(self, key: Hashable, stamp: object) -> bytes | None:
        """Returns a body from memory, None if it must be made."""
        answer = self._answers.get(key)
        if answer is None or answer.stamp != stamp or answer.until <= time.monotonic():
            return None
        self._answers.move_to_end(key)
        return answer.body

    async def get(
        self, key: Hashable, stamp: object, maker: Callable[[], bytes], *, lasting: bool = False
    ) -> bytes:
        """Returns a body, from memory if it can.

        Args:
            key: Identifies the body.
            stamp: What the body is made from, as far as that is known without making it.
            maker: Makes the body, in a thread.
            lasting: Whether the body can change only with its stamp.
        """
        body = self.known(key, stamp)
        if body is not None:
            return body
        begun, task = self._tasks.get(key, (None, None))
        if task is None or begun != stamp:
            task = asyncio.ensure_future(self._make(stamp, maker, lasting))
            self._tasks[key] = stamp, task
            task.add_done_callback(lambda done: self._keep(key, done))
        # A client that disconnects must not end the making for the others.
        return (await asyncio.shield(task)).body

    async def run(self, function: Callable[[], Value]) -> Value:
        """Calls a function in one of the few threads."""
        async with self._threads:
            return await asyncio.to_thread(function)

    async def _make(self, stamp: object, maker: Callable[[], bytes], lasting: bool) -> _Answer:
        begin = time.monotonic()
        body = await self.run(maker)
        now = time.monotonic()
        life_s = min(max(_SHORTEST_LIFE_S, _LIFE_PER_COST * (now - begin)), _LONGEST_LIFE_S)
        return _Answer(stamp=stamp, until=math.inf if lasting else now + life_s, body=body)

    def _keep(self, key: Hashable, task: asyncio.Task[_Answer]) -> None:
        if self._tasks.get(key, (None, None))[1] is not task:
            # A later state is being made already.
            return
        del self._tasks[key]
        if task.cancelled() or task.exception() is not None:
            return
        self._drop(key)
        answer = self._answers[key] = task.result()
        self._size_bytes += len(answer.body) + _OVERHEAD_BYTES
        while self._size_bytes > self._limit_bytes and len(self._answers) > 1:
            self._drop(next(iter(self._answers)))

    def _drop(self, key: Hashable) -> None:
        answer = self._answers.pop(key, None)
        if answer is not None:
            self._size_bytes -= len(answer.body) + _OVERHEAD_BYTES


_LIFE_S = 0.05
_MAX_LOCATIONS = 1024
#: A longer target is looked up each time, because targets with any query lead to the same file.
_MAX_TARGET_BYTES = 512


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

    def product_of(self, location: ReleaseFile | LooseFile) -> str:
        """Does what :meth:`.CatalogFiles.product_of` does."""
        return self._files.product_of(location)

    def locate(self, target: bytes) -> Located | None:
        """Does what :meth:`.CatalogFiles.locate` does, from memory if it can.

        A missing file is not remembered, because it may be published at this moment.
        """
        now = time.monotonic()
        entry = self._locations.get(target)
        if entry is not None and now < entry[0]:
            return entry[1]
        location = self._files.locate(target)
        if location is not None and len(target) <= _MAX_TARGET_BYTES:
            self._locations[target] = (now + _LIFE_S, location)
        return location
