"""Takes images that arrive over HTTP, and publishes them: the same for the API and for the pages.

The limits are those of all who publish together: places of uploads, and publishes at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import RequestError
from acpublish.release.candidate import Candidate
from acpublish.release.submission import Receipt, Submission
from acpublish.server.api.uploads import Upload, Uploads

_T = TypeVar("_T")

#: One upload may take this long in all, and pause this long.
UPLOAD_DEADLINE_S = 300.0
UPLOAD_PAUSE_S = 30.0
#: The catalog has one writer at a time anyway; a second publish can run its checks meanwhile.
PARALLEL_PUBLISHES = 2
#: How long a refused client may go on sending before it is cut off.
DRAIN_S = 10.0


class Publisher:
    """Publishes to a catalog.

    Attributes:
        catalog: Where releases go.
        upload_bytes: The size of the largest image that is accepted.
        uploads: The places of uploads.
    """

    def __init__(self, catalog: DirectoryCatalog, upload_bytes: int) -> None:
        """Prepares to publish.

        Args:
            catalog: Where releases go.
            upload_bytes: The size of the largest image that is accepted.
        """
        self.catalog = catalog
        self.upload_bytes = upload_bytes
        self.uploads = Uploads()
        self._threads = asyncio.Semaphore(PARALLEL_PUBLISHES)

    async def parts(self, request: Request, upload: Upload) -> AsyncIterator[bytes]:
        """Yields the body of a request as it arrives.

        Args:
            request: The request.
            upload: Its place.

        Raises:
            RequestError: It takes too long, or the client has gone.
            BusyError: The upload has lost its place.
        """
        stream = request.stream()
        clock = asyncio.get_running_loop().time
        end = clock() + UPLOAD_DEADLINE_S
        try:
            while True:
                # A limit for each part is not enough: a client may send a byte now and then.
                wait_s = min(UPLOAD_PAUSE_S, end - clock())
                part = await asyncio.wait_for(anext(stream), wait_s)
                upload.note_progress(len(part))
                yield part
        except StopAsyncIteration:
            return
        except asyncio.TimeoutError as error:
            raise RequestError("the upload took too long", hint="Send it again.") from error
        except ClientDisconnect as error:
            raise RequestError("the client disconnected", hint="Send it again.") from error

    async def drop_body(self, request: Request) -> None:
        """Reads what a refused client is still sending, and keeps none of it in memory.

        Many clients read the response only once they have sent everything.
        """
        if "expect" in request.headers:
            return

        async def read() -> None:
            dropped = 0
            async for part in request.stream():
                dropped += len(part)
                if dropped > self.upload_bytes:
                    return

        # A stream that was read to its end has nothing more.
        with contextlib.suppress(asyncio.TimeoutError, ClientDisconnect, RuntimeError):
            await asyncio.wait_for(read(), DRAIN_S)

    async def run(self, work: Callable[[], _T]) -> _T:
        """Runs what takes time in proportion to an image, in a thread; few at a time."""
        async with self._threads:
            return await asyncio.to_thread(work)

    async def publish(
        self,
        candidate: Callable[[], Candidate],
        submission: Submission,
        check: Callable[[], object],
    ) -> Receipt:
        """Publishes an image.

        Args:
            candidate: Returns the image; called in a thread.
            submission: What it is published as.
            check: Called last, before anything is written: the token may have been revoked, or
                have expired, since the upload began.

        Raises:
            AcpublishError: It is refused, and nothing is published.
        """
        return await self.run(
            lambda: self.catalog.put(candidate(), submission, before_commit=check)
        )
