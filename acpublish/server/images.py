"""Files as they are served: images of releases, their gzips, and hand-copied files.

Rules of the wire that devices depend on:

1. An exact Content-Length, one ``x-MD5`` over the bytes that are sent, no Transfer-Encoding.
2. 206 only for a Range, and without digests, because they would be over different bytes.
3. An ETag with either, so that the parts of a download are parts of the same file.

Nothing is raised once the first byte of a response has been sent.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from acpublish.bounded import BoundedDict
from acpublish.catalog.contents import CatalogFiles
from acpublish.catalog.loose import LARGEST_READ_BYTES, Content, Identity, identity
from acpublish.catalog.servable import Use
from acpublish.errors import CatalogError, NotFoundError
from acpublish.image.gzip import inflate
from acpublish.release.manifest import Compressed, Release, ReleaseImage
from acpublish.server import http
from acpublish.server.cache import ByteCache
from acpublish.server.http import CHUNK_BYTES, Headers, Request, Send, send_bytes, send_file
from acpublish.server.image_headers import (
    etag,
    head_bytes,
    image_headers,
    part_headers,
    requested_range,
    unmet_condition,
)
from acpublish.server.served import Served, of_compressed, of_image, of_release

_MAX_SERVED = 10_000
_MAX_COMPARED = 10_000


@dataclass(slots=True)
class Transfer:
    """How far a response with a file has got; :meth:`ImageSender.send` fills it in.

    Attributes:
        status: The HTTP status, None before the response has started.
        file_bytes: The size of the file.
        file_sha256: Its SHA-256, None if it is not known.
        sent_bytes: How many bytes of it were sent; at least so many, if the connection broke.
        drained: Whether everything that the response was to carry has left the server.
    """

    status: int | None = None
    file_bytes: int = 0
    file_sha256: str | None = None
    sent_bytes: int = 0
    drained: bool = False


class ImageSender:
    """Describes the files of a catalog, and sends them."""

    def __init__(self, files: CatalogFiles, cache_bytes: int) -> None:
        """Prepares to send.

        Args:
            files: The catalog.
            cache_bytes: How much memory whole files may take.
        """
        self._files = files
        self._objects: ByteCache[bytes] = ByteCache(cache_bytes // 2)
        self._contents: ByteCache[Content] = ByteCache(cache_bytes // 2)
        self._compared: BoundedDict[Path, Identity] = BoundedDict(_MAX_COMPARED)
        self._served: BoundedDict[str, Served] = BoundedDict(_MAX_SERVED)

    def of_release(self, release: Release, image: ReleaseImage) -> Served:
        """Describes an image of a release."""
        # An object may have several names, and a name may get different bytes after a withdrawal.
        key = f"{image.file}/{image.sha256}"
        served = self._served.get(key)
        if served is None:
            served = of_release(release, image, self._files.catalog.object_path(image.sha256))
            self._served[key] = served
        return served

    def of_compressed(self, image: ReleaseImage, gzip: Compressed) -> Served:
        """Describes the gzip of a release's image."""
        return of_compressed(image, gzip, self._files.catalog.object_path(gzip.sha256))

    async def of_loose(self, path: Path) -> Served:
        """Describes a hand-copied file.

        Raises:
            NotFoundError: It is gone, unreadable, or still being copied.
        """
        try:
            status = os.stat(path)
        except OSError as error:
            raise _gone() from error
        state, loose = identity(status), self._files.loose
        # A state that was judged before is that of the same file, whatever the path leads to now.
        glance = loose.seen(str(path), status)
        if glance is None:
            glance = await asyncio.to_thread(loose.glance, str(path), status)
        if glance is None:
            raise _gone()
        if glance.use is Use.WITHHELD:
            raise NotFoundError(
                "the file contains a key, or is not for updates",
                hint="Only images, filesystems and the texts that updates need are served.",
            )
        unmarked = glance.use is Use.UNMARKED
        if status.st_size > LARGEST_READ_BYTES:
            if not loose.settled(str(path), status):
                raise NotFoundError("the file is not complete yet", hint="Request it again.")
            headers = image_headers(path.name, status.st_size)
            return Served(
                name=path.name,
                path=path,
                size=status.st_size,
                state=state,
                unmarked=unmarked,
                headers=headers,
            )
        image = loose.known(path, status)
        if image is None:
            image = (await self._loose_content(path, state)).image
        served = of_image(path, state, image)
        return replace(served, unmarked=True) if unmarked else served

    async def send(self, request: Request, served: Served, send: Send, transfer: Transfer) -> int:
        """Responds with the file, or with the part of it that the client requests.

        Args:
            request: The request.
            served: The file.
            send: The ASGI callable.
            transfer: Filled in while the file is being sent.

        Raises:
            NotFoundError: The file is gone or has changed; nothing has been sent yet.
            CatalogError: An object is not what was published; nothing has been sent yet.
        """
        transfer.file_bytes, transfer.file_sha256 = served.size, served.sha256
        if served.size == 0 and request.report.updater:
            return await http.missing(send)
        unmet = unmet_condition(request, served.sha256)
        if unmet == 412:
            request.note = "it is not the file that the client requires by If-Match"
            return await http.text(send, 412, "The file has changed.")
        if unmet == 304:
            request.note = "the client has it already, by If-None-Match"
            return await http.whole(
                send, 304, [(b"etag", etag(served.sha256))] if served.sha256 else []
            )
        part = requested_range(request, served.size, served.sha256)
        if part is None:
            status, headers, first, size = 200, served.headers, 0, served.size
        elif part:
            first, size = part
            status, headers = 206, part_headers(first, size, served.size, served.sha256)
        else:
            outside = [(b"content-range", b"bytes */%d" % served.size)]
            return await http.text(send, 416, "The range is outside the file.", outside)
        if request.method == "HEAD":
            transfer.status, transfer.drained = status, True
            return await http.whole(send, status, headers)
        if served.size > self._objects.largest_bytes:
            if served.inflated is not None:
                raise CatalogError(
                    "the gzip is too large to read", hint="Publish without --compress."
                )
            file, state = await asyncio.to_thread(self._open, served)
            with file:
                transfer.status = status
                await http.start_response(send, status, headers)
                drained = await send_file(
                    request.connection, send, file, first, size, lambda: _unchanged(file, state)
                )
        else:
            body = await self._body(served)
            transfer.status = status
            await http.start_response(send, status, headers)
            body = body if part is None else body[first : first + size]
            drained = await send_bytes(request.connection, send, body)
        _note_end(transfer, request, headers, size, drained)
        return status

    async def _body(self, served: Served) -> bytes:
        if served.state is not None:
            return (await self._loose_content(served.path, served.state)).data
        digest = served.sha256 or ""

        def read() -> tuple[int, bytes]:
            data = self._files.catalog.read_object(digest)
            if served.inflated is not None:
                _compare_inside(data, served.inflated)
            return len(data), data

        return await self._objects.make((digest, served.inflated), read)

    async def _loose_content(self, path: Path, state: Identity) -> Content:
        def read() -> tuple[int, Content]:
            content = self._files.loose.content(path)
            if content.identity != state:
                raise _changing()
            return len(content.data), content

        return await self._contents.make((path, state), read)

    def _open(self, served: Served) -> tuple[BinaryIO, os.stat_result]:
        """Opens a file that is too large for the cache; a changed object is compared again.

        Returns:
            The file, and its status before anything of it was read.
        """
        try:
            file = self._files.open(served.path, loose=served.state is not None)
        except OSError as error:
            raise _gone() from error
        status = os.fstat(file.fileno())
        now = identity(status)
        try:
            if served.state is None and self._compared.get(served.path) != now:
                if _sha256(file) != served.sha256:
                    raise CatalogError(
                        f"the object {served.sha256} was changed on the disk",
                        hint="Publish that image again.",
                    )
                self._compared[served.path] = now
            elif served.state is not None and now != served.state:
                raise _changing()
        except BaseException:
            file.close()
            raise
        return file, status


def _unchanged(file: BinaryIO, before: os.stat_result) -> bool:
    """Returns whether nobody has written to a file since.

    Another link to it, or one link less, also changes its change time, but not its bytes.
    """
    now = os.fstat(file.fileno())
    linked = now.st_nlink != before.st_nlink
    return (
        now.st_size == before.st_size
        and now.st_mtime_ns == before.st_mtime_ns
        and (linked or now.st_ctime_ns == before.st_ctime_ns)
    )


def _compare_inside(data: bytes, sha256: str) -> None:
    """Refuses a gzip of anything but the image: a release's signature covers only the image."""
    inflated = inflate(data)
    if inflated.problems or hashlib.sha256(inflated.data).hexdigest() != sha256:
        raise CatalogError(
            "the gzip does not contain the image that it belongs to",
            hint="Publish that image again.",
        )


def _gone() -> NotFoundError:
    return NotFoundError("the file is gone", hint="Request it again.")


def _changing() -> NotFoundError:
    return NotFoundError("the file is being changed", hint="Request it again.")


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def _note_end(
    transfer: Transfer, request: Request, headers: Headers, size: int, drained: bool
) -> None:
    transfer.drained = drained
    if drained:
        transfer.sent_bytes = size
    elif request.connection is not None and request.connection.acknowledged_bytes is not None:
        # A device uses each connection for one request, so this was the only head.
        arrived = request.connection.acknowledged_bytes - head_bytes(headers)
        transfer.sent_bytes = min(max(arrived, 0), size)
