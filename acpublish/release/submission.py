"""What is handed in to be published, and what comes back: the same for a directory and a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from acpublish.release.names import BoardName, ChannelName, ProductName
from acpublish.release.version import Version

ImageKind = Literal["firmware", "filesystem"]
IMAGE_KINDS: tuple[ImageKind, ...] = ("firmware", "filesystem")


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """Where an image is to stand in the catalog.

    Attributes:
        product: The product that it belongs to.
        version: Its version.
        board: The board that it is made for.
        kind: Firmware or a filesystem.
        channel: The channel that points at it afterwards.
        chip: The chip that the board is known to have, as esptool spells it; None for not known.
        provenance: Where it comes from; public.
    """

    product: ProductName
    version: Version
    board: BoardName
    channel: ChannelName
    kind: ImageKind = "firmware"
    chip: str | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)


class Outcome(str, Enum):
    """What publishing came to; all of these are successes."""

    PUBLISHED = "published"
    ADDED_TO_CHANNEL = "added to channel"
    ALREADY_PUBLISHED = "already published"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the catalog says of a submission that it holds.

    Attributes:
        outcome: Whether anything is new.
        file: The visible file below the catalog, with ``/`` between its parts.
        size: Bytes of the image.
        md5: Of the image, lower-case hex.
        sha256: Of the image, lower-case hex.
        url: Where to look: an address, or a path for a directory.
        warnings: What the checks found that is no error.
    """

    outcome: Outcome
    file: str
    size: int
    md5: str
    sha256: str
    url: str
    warnings: tuple[str, ...] = ()
