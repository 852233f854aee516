"""Image answers: whole, in part, or only their head; with the digests of the very bytes sent.

Rules of the wire that devices depend on:

1. An exact Content-Length, one ``x-MD5`` over what is sent, no Transfer-Encoding.
2. 206 only for a Range, and without digests: they would be over other bytes.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path
from typing import BinaryIO

from acpublish.catalog import CatalogFiles
from acpublish.catalog.loose import LARGEST_READ_BYTES, Content, Identity, identity, settled
from acpublish.errors import CatalogError, NotFoundError
from acpublish.image.inflate import inflate
from acpublish.release import Compressed, Release, ReleaseImage
from acpublish.server import answers
from acpublish.server.answers import Headers, Send
from acpublish.server.bodies import CHUNK_BYTES, ByteCache, send_bytes, send_file
from acpublish.server.heads import asked_range, image_headers, part_headers
from acpublish.server.requests import Request
from acpublish.server.served import Served, of_compressed, of_image, of_release


class ImageSender:
    """Knows the files of a catalog, and sends them."""

    def __init__(self, files: CatalogFiles, cache_bytes: int) -> None:
        self._files = files
        self._bytes: ByteCache[bytes] = ByteCache(cache_bytes // 2)
        self._contents: ByteCache[Content] = ByteCache(cache_bytes // 2)
        self._compared: dict[Path, Identity] = {}
        self._served: dict[str, Served] = {}

    def of_release(self, release: Release, image: ReleaseImage) -> Served:
        """Returns what to serve for an image of a release."""
        # One object may have several names, and one name may get other bytes after a withdrawal.
        key = f"{image.file}/{image.sha256}"
        served = self._served.get(key)
        if served is None:
            path = self._files.catalog.object_path(image.sha256)
            served = of_release(release, image, path)
            if len(self._served) > 10_000:
                self._served.clear()
            self._served[key] = served
        return served

    def of_compressed(self, image: ReleaseImage, gzip: Compressed) -> Served:
        """Returns what to serve for the gzip of an image of a release."""
        return of_compressed(image, gzip, self._files.catalog.object_path(gzip.sha256))

    async def of_loose(self, path: Path) -> Served:
        """Returns what to serve for a hand-copied file.

        Raises:
            NotFoundError: It is gone, cannot be read, or is still being copied.
        """
        try:
            status = os.stat(path)
        except OSError as fault:
            raise NotFoundError("the file is gone", hint="Ask again.") from fault
        state = identity(status)
        if status.st_size > LARGEST_READ_BYTES:
            if not settled(status):
                raise NotFoundError("the file is not whole yet", hint="Ask again.")
            headers = image_headers(path.name, status.st_size)
            return Served(
                name=path.name, path=path, size=status.st_size, state=state, headers=headers
            )
        image = self._files.loose.known(path, status)
        if image is None:
            image = (await self._loose_content(path, state)).image
        return of_image(path, state, image)

    async def send(self, request: Request, served: Served, send: Send) -> int:
        """Answers with the file, or the part of it that the client asks for.

        Raises:
            NotFoundError: The file is gone or changed; nothing was sent yet.
            CatalogError: An object is not what was published.
        """
        if served.size == 0 and request.report.updater:
            return await answers.missing(send)
        part = asked_range(request, served.size)
        if part is None:
            status, headers, start, size = 200, served.headers, 0, served.size
        elif part:
            start, size = part
            status, headers = 206, part_headers(start, size, served.size)
        else:
            outside = [(b"content-range", b"bytes */%d" % served.size)]
            return await answers.text(send, 416, "The range lies outside the file.", outside)
        if request.method == "HEAD":
            return await answers.whole(send, status, headers)
        if served.size > self._bytes.largest_bytes:
            if served.inflated is not None:
                raise CatalogError("the gzip is too large to look into", hint="Raise the cache.")
            file = await asyncio.to_thread(self._open, served)
            with file:
                await _start(send, status, headers)
                await send_file(send, file, start, size)
            return status
        body = await self._body(served)
        await _start(send, status, headers)
        await send_bytes(send, body if part is None else body[start : start + size])
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

        return await self._bytes.make((digest, served.inflated), read)

    async def _loose_content(self, path: Path, state: Identity) -> Content:
        def read() -> tuple[int, Content]:
            content = self._files.loose.content(path)
            if content.identity != state:
                raise _changing()
            return len(content.data), content

        return await self._contents.make((path, state), read)

    def _open(self, served: Served) -> BinaryIO:
        """Opens a file that is too large for the cache; an object is compared when it changed."""
        try:
            file = served.path.open("rb")
        except OSError as fault:
            raise NotFoundError("the file is gone", hint="Ask again.") from fault
        now = identity(os.fstat(file.fileno()))
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
        return file


def _compare_inside(data: bytes, sha256: str) -> None:
    """Refuses a gzip of anything but the image: a release's signature names the image alone."""
    inflated = inflate(data)
    if inflated.problems or hashlib.sha256(inflated.data).hexdigest() != sha256:
        raise CatalogError(
            "the gzip does not hold the image that it stands beside",
            hint="Publish that image again.",
        )


def _changing() -> NotFoundError:
    return NotFoundError("the file is being changed", hint="Ask again.")


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


async def _start(send: Send, status: int, headers: Headers) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
