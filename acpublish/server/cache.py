"""The bytes of images on their way out: whole files in a bounded cache, shared by all downloads.

A body goes out as one bytes object, which uvloop and asyncio from Python 3.12 on do not copy; the
asyncio of older Pythons copies what the socket does not take, so there it goes out in pieces. A
last empty part makes uvicorn wait until the body has drained.

Where addresses lead, remembered for a moment.

Finding out takes several looks at the disk, and a fleet asks for the same few addresses. What is
remembered is only where to look: a file's state is looked at for each answer.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import BinaryIO, Generic, TypeVar

from acpublish.catalog.files import CatalogFiles, Located
from acpublish.server.http import Send

_log = logging.getLogger(__name__)

#: What asyncio before Python 3.12 may copy for a slow client.
PIECE_BYTES = 32 * 1024
#: How much of a large file is read at once.
CHUNK_BYTES = 256 * 1024

Value = TypeVar("Value")


class ByteCache(Generic[Value]):
    """Values that hold bytes, the least recently used dropped first; each is made once at a time.

    Args:
        limit_bytes: How much all of them may hold. A single one may hold a quarter of it.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.largest_bytes = limit_bytes // 4
        self._limit = limit_bytes
        self._held = 0
        self._values: OrderedDict[Hashable, tuple[int, Value]] = OrderedDict()
        self._making: dict[Hashable, asyncio.Task[tuple[int, Value]]] = {}

    def get(self, key: Hashable) -> Value | None:
        """Returns the value that is held for a key."""
        found = self._values.get(key)
        if found is None:
            return None
        self._values.move_to_end(key)
        return found[1]

    async def make(self, key: Hashable, maker: Callable[[], tuple[int, Value]]) -> Value:
        """Returns the value for a key, made in a thread by the first who asks for it.

        Args:
            key: What stands for the value's state; another state must have another key.
            maker: Returns the value and how many bytes it holds.

        Raises:
            AcpublishError: What the maker raises.
        """
        found = self.get(key)
        if found is not None:
            return found
        task = self._making.get(key)
        if task is None:
            task = asyncio.ensure_future(asyncio.to_thread(maker))
            self._making[key] = task
            task.add_done_callback(lambda done: self._made(key, done))
        # One client that leaves must not end the reading for the others.
        return (await asyncio.shield(task))[1]

    def _made(self, key: Hashable, task: asyncio.Task[tuple[int, Value]]) -> None:
        self._making.pop(key, None)
        if task.cancelled() or task.exception() is not None:
            return
        size, _ = task.result()
        if size > self.largest_bytes:
            return
        self._values[key] = task.result()
        self._held += size
        while self._held > self._limit:
            _, (dropped, _) = self._values.popitem(last=False)
            self._held -= dropped


def copies_writes() -> bool:
    """Tells whether the running loop copies what a socket does not take at once."""
    loop = asyncio.get_running_loop()
    return sys.version_info < (3, 12) and not type(loop).__module__.startswith("uvloop")


async def send_bytes(send: Send, body: bytes) -> None:
    """Sends a whole body, and waits until it has drained."""
    if copies_writes():
        for start in range(0, len(body), PIECE_BYTES):
            await _part(send, body[start : start + PIECE_BYTES])
    else:
        await _part(send, body)
    await _part(send, b"", last=True)


async def send_file(send: Send, file: BinaryIO, start: int, size: int) -> None:
    """Sends a part of a file that is too large for the cache.

    Where the rest cannot be read, the answer is left incomplete, so that uvicorn breaks the
    connection off: the client must not take it for the whole.
    """
    await asyncio.to_thread(file.seek, start)
    while size:
        try:
            chunk = await asyncio.to_thread(file.read, min(CHUNK_BYTES, size))
        except OSError as fault:
            _log.error("a file cannot be read on: %s", fault.strerror)
            return
        if not chunk:
            _log.error("a file got shorter while it was sent")
            return
        size -= len(chunk)
        for offset in range(0, len(chunk), PIECE_BYTES):
            await _part(send, chunk[offset : offset + PIECE_BYTES])
    await _part(send, b"", last=True)


async def _part(send: Send, body: bytes, *, last: bool = False) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": not last})


_LIFE_S = 0.05
_KEPT = 1024


class Places:
    """The places of a catalog, by the addresses that clients use."""

    def __init__(self, files: CatalogFiles) -> None:
        self._files = files
        self._kept: dict[bytes, tuple[float, Located]] = {}

    def locate(self, target: bytes) -> Located | None:
        """Does what :meth:`acpublish.catalog.CatalogFiles.locate` does, sometimes from memory.

        What is not there is not remembered: it may be published at this moment.
        """
        now = time.monotonic()
        kept = self._kept.get(target)
        if kept is not None and now < kept[0]:
            return kept[1]
        found = self._files.locate(target)
        if found is not None:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            self._kept[target] = (now + _LIFE_S, found)
        return found
