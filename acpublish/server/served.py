"""What a response with a file needs of it, except its bytes: name, digests, kind and headers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from acpublish.catalog.loose import Identity
from acpublish.image.model import Image, Kind, ReportedDigests
from acpublish.image.stamp_record import fits
from acpublish.release.manifest import Compressed, Release, ReleaseImage
from acpublish.release.names import ImageKind
from acpublish.server.image_headers import image_headers
from acpublish.server.response_head import response_head
from acpublish.wire import Family

_NOT_FIRMWARE = (Kind.UNKNOWN, Kind.FILESYSTEM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """All that a response with a file needs, except its bytes.

    Attributes:
        name: The file's name.
        path: Where its bytes are.
        state: The state of a hand-copied file; None for an object, which never changes.
        size: The file's size, in bytes.
        md5: The MD5 of the whole file; None if it is too large to read.
        sha256: Likewise.
        family: The chip family that it is for.
        kind: Firmware or a filesystem; None if it is neither, or not known.
        version: Its version, from the manifest or the stamp.
        running: What devices that run it may report.
        flashable: False if flashing it would ruin a device.
        flash_size: The flash size in the image's header, as esptool spells it.
        compressed: Whether a hand-copied file is a gzip of an image.
        unmarked: Whether it may be a filesystem, but has no mark: only who asks for one gets it.
        inflated: The SHA-256 that a gzip must inflate to; None for anything else.
        head: The head of a response with the whole file (:class:`~acpublish.server.answer.Answer`).
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
    flash_size: str | None = None
    compressed: bool = False
    unmarked: bool = False
    inflated: str | None = None
    head: bytes = b""


def of_release(release: Release, image: ReleaseImage, path: Path) -> Served:
    """Describes the image of a release whose bytes are at ``path``."""
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
        flash_size=image.flash_size,
        head=_head(image.file, image.size, image.md5, image.sha256),
    )


def of_compressed(image: ReleaseImage, gzip: Compressed, path: Path) -> Served:
    """Describes the gzip of a release's image."""
    name = f"{image.file}.gz"
    return Served(
        name=name,
        path=path,
        size=gzip.size,
        md5=gzip.md5,
        sha256=gzip.sha256,
        inflated=image.sha256,
        head=_head(name, gzip.size, gzip.md5, gzip.sha256),
    )


def of_image(path: Path, state: Identity, image: Image) -> Served:
    """Describes a hand-copied file."""
    kind: ImageKind | None = None
    if image.kind is Kind.FILESYSTEM:
        kind = "filesystem"
    elif image.kind is not Kind.UNKNOWN:
        kind = "firmware"
    return Served(
        name=path.name,
        path=path,
        size=image.size,
        state=state,
        md5=image.md5,
        sha256=image.sha256,
        # Only the ESP8266 accepts gzip (arduino-esp32's HTTPUpdate.cpp requires 0xE9).
        family="esp8266" if image.kind is Kind.GZIP else image.family,
        kind=kind,
        # It goes into a header, and a file may contain anything.
        version=image.stamp.version if image.stamp and fits(image.stamp.version) else None,
        running=image.running,
        flashable=_flashable(image) and not image.is_broken,
        flash_size=image.flash_size,
        compressed=image.compressed,
        head=_head(path.name, image.size, image.md5, image.sha256),
    )


def of_large(path: Path, state: Identity, size: int, *, unmarked: bool) -> Served:
    """Describes a hand-copied file that is too large to read."""
    return Served(
        name=path.name,
        path=path,
        size=size,
        state=state,
        unmarked=unmarked,
        head=_head(path.name, size),
    )


def _head(name: str, size: int, md5: str | None = None, sha256: str | None = None) -> bytes:
    return response_head(200, image_headers(name, size, md5, sha256))


def _flashable(image: Image) -> bool:
    """Returns whether flashing the file cannot ruin a device, as a bootloader or a part would.

    Nothing is known of a file of an unknown kind, so the device decides.
    """
    return image.is_application or image.kind in _NOT_FIRMWARE
