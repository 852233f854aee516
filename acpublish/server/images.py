"""Files as they are served: images of releases, their gzips, and hand-copied files.

Rules of the wire that devices depend on:

1. An exact Content-Length, one ``x-MD5`` over the bytes that are sent, no Transfer-Encoding.
2. 206 only for a Range, and without digests, because they would be over different bytes.
3. An ETag with either, so that the parts of a download are parts of the same file.

All downloads of a file share its bytes, also when the cache has dropped them meanwhile. A part is a
view of them, and no copy. Only what is too large for the cache is read anew for each download.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from acpublish.bounded import BoundedDict
from acpublish.catalog.contents import CatalogFiles
from acpublish.catalog.loose import LARGEST_READ_BYTES, Content, Identity, identity
from acpublish.catalog.servable import Use
from acpublish.errors import AcpublishError, CatalogError, NotFoundError
from acpublish.image.gzip import inflate
from acpublish.release.manifest import Compressed, Release, ReleaseImage
from acpublish.server import answer
from acpublish.server.answer import Answer, FileBody, Request, Responding
from acpublish.server.bounds import MAX_LARGE_FILES, BusyError
from acpublish.server.cache import ByteCache, Shared
from acpublish.server.image_headers import (
    etag,
    part_headers,
    requested_range,
    unmet_condition,
)
from acpublish.server.lately import Lately
from acpublish.server.response_head import response_head
from acpublish.server.sending import CHUNK_BYTES
from acpublish.server.served import Served, of_compressed, of_image, of_large, of_release

_log = logging.getLogger(__name__)

_MAX_SERVED = 10_000
_MAX_COMPARED = 10_000


class Images:
    """Describes the files of a catalog, and answers with them."""

    def __init__(self, files: CatalogFiles, cache_bytes: int) -> None:
        """Prepares to answer.

        Args:
            files: The catalog.
            cache_bytes: How much memory whole files may take.
        """
        self._files = files
        self._objects: ByteCache[bytes] = ByteCache(cache_bytes // 2)
        self._contents: ByteCache[Content] = ByteCache(cache_bytes // 2)
        self._compared: BoundedDict[Path, Identity] = BoundedDict(_MAX_COMPARED)
        self._served: BoundedDict[str, Served] = BoundedDict(_MAX_SERVED)
        self._loose: BoundedDict[Path, Served] = BoundedDict(_MAX_SERVED)
        self._state = Lately(_state)
        self._large_files = 0

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

    @staticmethod
    def version(served: Served) -> Answer:
        """Answers with the version of a file, in its header."""
        if served.version is None:
            return answer.text(404, "The version of this file is not known.")
        headers = [(b"x-version", served.version.encode()), (b"content-length", b"0")]
        return Answer(200, response_head(200, headers))

    def known_loose(self, path: Path) -> Served | None:
        """Describes a hand-copied file that was read before, and is still in that state."""
        served = self._loose.get(path)
        if served is None:
            return None
        return served if served.state == self._state(path) else None

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
            return of_large(path, state, status.st_size, unmarked=unmarked)
        image = loose.known(path, status)
        if image is None:
            image = (await self._loose_content(path, state, status.st_size)).value.image
        served = of_image(path, state, image)
        served = replace(served, unmarked=True) if unmarked else served
        if loose.settled(str(path), status):
            self._loose[path] = served
        return served

    def answer(self, request: Request, forms: Sequence[Served]) -> Responding:
        """Answers with a file, or with the part of it that the client requests.

        Args:
            request: The request.
            forms: The forms of the file, the best one first; the first that can be read is sent.

        Raises:
            AcpublishError: As when the answer is awaited.
                NotFoundError: The file is gone or has changed.
                CatalogError: An object is not what was published.
        """
        best = forms[0]
        plain = self._without_body(request, best)
        if plain is not None:
            return plain
        kept = self._in_memory(best)
        return self._first(request, forms) if kept is None else _with_body(request, best, kept)

    async def _first(self, request: Request, forms: Sequence[Served]) -> Answer:
        *compressed, plain = forms
        for served in compressed:
            try:
                return await self._read(request, served)
            except AcpublishError as error:
                # The plain image does as well.
                _log.error("%s is sent uncompressed: %s", plain.name, error)
        return self._without_body(request, plain) or await self._read(request, plain)

    def _without_body(self, request: Request, served: Served) -> Answer | None:
        """Answers what needs no bytes of the file, None if it needs some."""
        if served.size == 0 and request.report.updater:
            return answer.missing()
        unmet = unmet_condition(request, served.sha256)
        if unmet == 412:
            note = "it is not the file that the client requires by If-Match"
            return answer.text(412, "The file has changed.", note=note)
        if unmet == 304:
            tag = [(b"etag", etag(served.sha256))] if served.sha256 else []
            note = "the client has it already, by If-None-Match"
            return Answer(304, response_head(304, tag), note=note)
        part = requested_range(request, served.size, served.sha256)
        if part == ():
            outside = [(b"content-range", b"bytes */%d" % served.size)]
            return answer.text(416, "The range is outside the file.", outside)
        if request.method == "HEAD":
            status, head, _, _ = _part(request, served)
            return Answer(status, head)
        return None

    def _in_memory(self, served: Served) -> tuple[bytes, object] | None:
        if served.size > self._objects.largest_bytes:
            return None
        if served.state is not None:
            content = self._contents.get((served.path, served.state))
            return None if content is None else (content.value.data, content)
        shared = self._objects.get((served.sha256 or "", served.inflated))
        return None if shared is None else (shared.value, shared)

    async def _read(self, request: Request, served: Served) -> Answer:
        if served.size > self._objects.largest_bytes:
            if served.inflated is not None:
                raise CatalogError(
                    "the gzip is too large to read", hint="Publish without --compress."
                )
            return await self._large(request, served)
        if served.state is not None:
            content = await self._loose_content(served.path, served.state, served.size)
            return _with_body(request, served, (content.value.data, content))
        digest = served.sha256 or ""

        def read() -> tuple[int, bytes]:
            data = self._files.catalog.read_object(digest)
            if served.inflated is not None:
                _compare_inside(data, served.inflated)
            return len(data), data

        shared = await self._objects.make((digest, served.inflated), served.size, read)
        return _with_body(request, served, (shared.value, shared))

    async def _large(self, request: Request, served: Served) -> Answer:
        if self._large_files >= MAX_LARGE_FILES:
            raise BusyError(
                f"{MAX_LARGE_FILES} files that are too large for the cache are being sent",
                hint="Try again later.",
            )
        self._large_files += 1
        try:
            file, state = await asyncio.to_thread(self._open, served)
        except BaseException:
            self._close_large()
            raise
        status, head, first, size = _part(request, served)
        body = FileBody(file, first, size, lambda: _unchanged(file, state), self._close_large)
        return Answer(status, head, body)

    def _close_large(self) -> None:
        self._large_files -= 1

    async def _loose_content(self, path: Path, state: Identity, size: int) -> Shared[Content]:
        def read() -> tuple[int, Content]:
            content = self._files.loose.content(path)
            if content.identity != state:
                raise _changing()
            return len(content.data), content

        return await self._contents.make((path, state), size, read)

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


def _state(path: Path) -> Identity | None:
    try:
        return identity(os.stat(path))
    except OSError:
        return None


def _part(request: Request, served: Served) -> tuple[int, bytes, int, int]:
    """Returns the status, the head, and which part of a file is sent."""
    part = requested_range(request, served.size, served.sha256)
    if not part:
        return 200, served.head, 0, served.size
    first, size = part
    headers = part_headers(first, size, served.size, served.sha256)
    return 206, response_head(206, headers), first, size


def _with_body(request: Request, served: Served, kept: tuple[bytes, object]) -> Answer:
    """Answers with bytes that all downloads of the file share."""
    status, head, first, size = _part(request, served)
    data, shared = kept
    body = data if size == len(data) else memoryview(data)[first : first + size]
    return Answer(status, head, body, shared=shared)


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
