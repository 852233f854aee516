"""What an answer with a file needs, made of a release's image, its gzip, or a hand-copied file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from acpublish.catalog.loose import Identity
from acpublish.image import Image, Integrity, Kind, RunningDigests, fits
from acpublish.release import Compressed, ImageKind, Release, ReleaseImage
from acpublish.server.answers import Headers
from acpublish.server.heads import image_headers
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
    running: RunningDigests = field(default_factory=RunningDigests)
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
