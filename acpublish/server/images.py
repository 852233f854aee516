"""What an answer with a file needs, made of a release's image, its gzip, or a hand-copied file.

Image answers: whole, in part, or only their head; with the digests of the very bytes sent.

Rules of the wire that devices depend on:

1. An exact Content-Length, one ``x-MD5`` over what is sent, no Transfer-Encoding.
2. 206 only for a Range, and without digests: they would be over other bytes.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from acpublish.catalog.files import CatalogFiles
from acpublish.catalog.loose import LARGEST_READ_BYTES, Content, Identity, identity, settled
from acpublish.errors import CatalogError, NotFoundError
from acpublish.image.gzip import inflate
from acpublish.image.model import Image, Integrity, Kind, ReportedDigests
from acpublish.image.stamp_record import fits
from acpublish.release.manifest import Compressed, Release, ReleaseImage
from acpublish.release.names import ImageKind
from acpublish.server import http
from acpublish.server.cache import CHUNK_BYTES, ByteCache, send_bytes, send_file
from acpublish.server.http import Headers, Request, Send
from acpublish.server.image_headers import asked_range, image_headers, part_headers
from acpublish.wire import Family

__all__ = ["Served", "of_compressed", "of_image", "of_release"]

_FIRMWARE = (Kind.APPLICATION, Kind.GZIP, Kind.SIGNED)
_RUINOUS = (Kind.MERGED, Kind.BOOTLOADER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """All that an answer with a file needs, apart from its bytes.

    Attributes:
        name: The file's name.
        path: Where its bytes are.
        state: The state of a hand-copied file; None for an object, which never changes.
        size: Bytes.
        md5: Of the whole file; None where it was too large to look into.
        sha256: Likewise.
        family: The chip family that it is for.
        kind: Firmware or a filesystem, None for neither or not known.
        version: The version that it has, by its manifest or stamp.
        running: What devices that run it may report.
        flashable: False for what would ruin a device.
        inflated: What a gzip has to inflate to, SHA-256; None for all else.
        headers: The headers of a whole answer.
    """

    name: str
    path: Path
    size: int
    state: Identity | None = None
    md5: str | None = None
    sha256: str | None = None
    family: Family | None = None
    kind: ImageKind | None = None
    version: str | None = None
    running: ReportedDigests = field(default_factory=ReportedDigests)
    flashable: bool = True
    inflated: str | None = None
    headers: Headers = field(default_factory=list)


def of_release(release: Release, image: ReleaseImage, path: Path) -> Served:
    """Returns what to serve for an image of a release, whose bytes are at ``path``."""
    return Served(
        name=image.file,
        path=path,
        size=image.size,
        md5=image.md5,
        sha256=image.sha256,
        family=image.family,
        kind=image.kind,
        version=str(release.version),
        running=image.running,
        headers=image_headers(image.file, image.size, image.md5, image.sha256),
    )


def of_compressed(image: ReleaseImage, gzip: Compressed, path: Path) -> Served:
    """Returns what to serve for the gzip of an image of a release."""
    name = f"{image.file}.gz"
    return Served(
        name=name,
        path=path,
        size=gzip.size,
        md5=gzip.md5,
        sha256=gzip.sha256,
        inflated=image.sha256,
        headers=image_headers(name, gzip.size, gzip.md5, gzip.sha256),
    )


def of_image(path: Path, state: Identity, image: Image) -> Served:
    """Returns what to serve for a hand-copied file."""
    kind: ImageKind | None = None
    if image.kind in _FIRMWARE:
        kind = "firmware"
    elif image.kind is Kind.FILESYSTEM:
        kind = "filesystem"
    return Served(
        name=path.name,
        path=path,
        size=image.size,
        state=state,
        md5=image.md5,
        sha256=image.sha256,
        # Only the ESP8266 takes gzip (image-format: HTTPUpdate.cpp wants 0xE9).
        family="esp8266" if image.kind is Kind.GZIP else image.family,
        kind=kind,
        # It goes into a header, and is whatever stands in the file.
        version=image.stamp.version if image.stamp and fits(image.stamp.version) else None,
        running=image.running,
        flashable=image.kind not in _RUINOUS and not _broken(image),
        headers=image_headers(path.name, image.size, image.md5, image.sha256),
    )


def _broken(image: Image) -> bool:
    """Tells whether a device that flashes it would hold less than the image, or other bytes.

    The MD5 that goes with the bytes holds for those of a truncated file, too. Bytes that follow a
    sound image do no harm.
    """
    sums = (image.checksum, image.crc, image.digest)
    sound = image.checksum is Integrity.VALID and Integrity.INVALID not in sums
    return image.damaged and not sound


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
            return await http.missing(send)
        part = asked_range(request, served.size)
        if part is None:
            status, headers, start, size = 200, served.headers, 0, served.size
        elif part:
            start, size = part
            status, headers = 206, part_headers(start, size, served.size)
        else:
            outside = [(b"content-range", b"bytes */%d" % served.size)]
            return await http.text(send, 416, "The range lies outside the file.", outside)
        if request.method == "HEAD":
            return await http.whole(send, status, headers)
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
