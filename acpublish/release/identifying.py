"""What an image that comes without its coordinates is: by its stamp, and then by its file's name.

1. What is known otherwise comes first, then the stamp, then the name.
2. A name that can be read in several ways decides only what all of them agree on.
3. The bytes decide the kind, and the name only where they say nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from acpublish.image.gzip import inflate
from acpublish.image.model import Image, Kind
from acpublish.image.reader import read
from acpublish.release import names
from acpublish.release.filenames import Named, NamePattern, narrowed, says_filesystem
from acpublish.release.names import ImageKind
from acpublish.release.version import Version
from acpublish.release.written_versions import version_in

_T = TypeVar("_T")

#: ESP-IDF gives a project without a version "1" (``project.cmake``): a version has two numbers.
_TWO_NUMBERS = re.compile(r"[0-9]+\.[0-9]")
_NOTHING = Named()
_USUAL_NAMES = NamePattern()


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """What is known of an image; each None means not known.

    Attributes:
        product: The product.
        version: The version.
        board: The board, as it is written.
        kind: The kind that it is published as.
        readings: The ways to read its name that fit what is known otherwise; if there are
            several, what they differ in is not known.
    """

    product: str | None = None
    version: Version | None = None
    board: str | None = None
    kind: ImageKind = "firmware"
    readings: tuple[Named, ...] = ()

    @property
    def ambiguous(self) -> bool:
        """Whether its name can be read in several ways."""
        return len(self.readings) > 1


def identified(
    image: Image, name: str, known: Named = _NOTHING, pattern: NamePattern = _USUAL_NAMES
) -> Identified:
    """Finds out what an image is.

    Args:
        image: What its bytes are; for a gzip, those of the image in it.
        name: The name of its file.
        known: What is known otherwise; a version is not.
        pattern: How files are named.
    """
    kind = kind_of(image, name)
    known = Named(
        product=known.product or stamped_product(image),
        version=stamped_version(image),
        board=known.board,
    )
    readings = pattern.read(name, filesystem=kind == "filesystem")
    readings = narrowed(readings or (Named(),), known)
    return Identified(
        product=_agreed([reading.product for reading in readings]),
        version=_agreed([reading.version for reading in readings]),
        board=_agreed([reading.board for reading in readings]),
        kind=kind,
        readings=readings,
    )


def stamped_product(image: Image) -> str | None:
    """Returns the product that an image's stamp says, None if it says none."""
    return names.product_or_none(image.stamp.product if image.stamp else "")


def stamped_version(image: Image) -> Version | None:
    """Returns the version that an image's stamp says, None if it says none."""
    if image.stamp and _TWO_NUMBERS.search(image.stamp.version):
        return version_in(image.stamp.version)
    return None


def kind_of(image: Image, name: str) -> ImageKind:
    """Returns the kind that an image is published as."""
    unknown = image.kind is Kind.UNKNOWN and says_filesystem(name)
    return "filesystem" if unknown or image.kind is Kind.FILESYSTEM else "firmware"


def unpacked(data: bytes) -> bytes:
    """Returns the bytes in a gzip, because devices report their digest; others as they are."""
    if read(data).kind is not Kind.GZIP:
        return data
    inflated = inflate(data)
    return data if inflated.problems else inflated.data


def _agreed(values: Sequence[_T | None]) -> _T | None:
    return values[0] if len(set(values)) == 1 else None
