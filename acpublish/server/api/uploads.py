"""The places of uploads: how many may be in memory at a time, and which of them gives way.

1. There are :data:`PARALLEL_UPLOADS` places, of which one token has at most
   :data:`UPLOADS_PER_TOKEN`: whoever has the token of one product cannot keep the others from
   publishing.
2. An upload has to receive :data:`STALL_BYTES` every :data:`STALL_S`, otherwise it is stalled. If
   there is no place for a new upload, the one that has been stalled for longest gives way; if none
   is stalled, the new one is refused.
3. An upload that has arrived completely keeps its place until it is published.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any, TypeVar

from acpublish.server.bounds import BusyError

_T = TypeVar("_T")

#: Each upload is in memory until it has been checked: at most 512 MiB with images of 32 MiB, of
#: which one token can cause half.
PARALLEL_UPLOADS = 16
#: Enough for the boards of one product that a pipeline builds in parallel; the client repeats the
#: rest. Half of the places remain for other tokens.
UPLOADS_PER_TOKEN = 8
#: The least progress of an upload: 1 KiB/s. At that rate even a small image of 300 KiB would need
#: the whole time that an upload may take.
STALL_BYTES = 5 * 1024
STALL_S = 5.0

_AGAIN = "Send it again in a moment."


class Upload:
    """One upload that has a place.

    Attributes:
        token: The id of its token.
        progress_at: When it had last received :data:`STALL_BYTES`, or began.
    """

    def __init__(self, token: str) -> None:
        self.token = token
        self.progress_at = time.monotonic()
        self._bytes = 0
        self._reading: asyncio.Task[Any] | None = None
        self._gave_way = False

    async def receive(self, reading: Coroutine[Any, Any, _T]) -> _T:
        """Awaits the body, which may lose its place meanwhile.

        Args:
            reading: Reads the body, and reports each part to :meth:`note_progress`.

        Raises:
            BusyError: The upload was stalled, and had to give way to another one.
        """
        self._reading = task = asyncio.ensure_future(reading)
        try:
            return await task
        except asyncio.CancelledError:
            if not self._gave_way:
                raise
            raise self._stalled() from None
        finally:
            self._reading = None

    def note_progress(self, size: int) -> None:
        """Notes that a part of the body has arrived.

        Args:
            size: Its size, in bytes.

        Raises:
            BusyError: The upload has lost its place.
        """
        # Before Python 3.12, asyncio.wait_for swallows a cancellation if a part arrives with it.
        if self._gave_way:
            raise self._stalled()
        self._bytes += size
        if self._bytes >= STALL_BYTES:
            self._bytes = 0
            self.progress_at = time.monotonic()

    def _stalled(self) -> BusyError:
        return BusyError("the upload stalled, and another one needed its place", hint=_AGAIN)

    def give_way(self) -> bool:
        """Cuts the upload off if it is stalled; returns whether it was."""
        stalled = time.monotonic() - self.progress_at >= STALL_S
        if stalled and self._reading is not None and self._reading.cancel():
            self._gave_way = True
        return self._gave_way


class Uploads:
    """All uploads in progress."""

    def __init__(self) -> None:
        self._uploads: list[Upload] = []

    @contextlib.contextmanager
    def place(self, token: str) -> Iterator[Upload]:
        """Gives an upload a place until the block ends.

        Args:
            token: The id of its token.

        Raises:
            BusyError: There is no place.
        """
        own = [upload for upload in self._uploads if upload.token == token]
        if len(own) >= UPLOADS_PER_TOKEN:
            self._make_room(own, "too many uploads with this token are in progress")
        if len(self._uploads) >= PARALLEL_UPLOADS:
            self._make_room(
                self._uploads, "the server is already handling as many uploads as it can"
            )
        upload = Upload(token)
        self._uploads.append(upload)
        try:
            yield upload
        finally:
            # An upload that gave way has left already.
            if upload in self._uploads:
                self._uploads.remove(upload)

    def _make_room(self, uploads: Sequence[Upload], problem: str) -> None:
        for upload in sorted(uploads, key=lambda upload: upload.progress_at):
            if upload.give_way():
                self._uploads.remove(upload)
                return
        raise BusyError(problem, hint=_AGAIN)
