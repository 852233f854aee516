"""What is handed in to be published, and what comes back: the same for a directory and a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from acpublish.errors import SettingsError
from acpublish.release.declared import Declared
from acpublish.release.manifest import Compressed, ReleaseSignature
from acpublish.release.names import BoardName, ChannelName, ImageKind, ProductName
from acpublish.release.secrets import SecretRules
from acpublish.release.version import Version


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
        private: More of that, for whoever runs the catalog alone.
        compress: Whether the release shall hold the image as a gzip, too.
        declared: What the client says of the board and the build.
        skipped_checks: The checks that are switched off, each with the reason; public.
        signatures: Who signed the release that it becomes.
        secrets: What is to be done about secrets in the image; not kept.

    Raises:
        SettingsError: Something other than text is where the manifest has to have text.
    """

    product: ProductName
    version: Version
    board: BoardName
    channel: ChannelName
    kind: ImageKind = "firmware"
    chip: str | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)
    private: Mapping[str, str] = field(default_factory=dict)
    compress: bool = False
    declared: Declared = field(default_factory=Declared)
    skipped_checks: Mapping[str, str] = field(default_factory=dict)
    signatures: tuple[ReleaseSignature, ...] = ()
    secrets: SecretRules = field(default_factory=SecretRules)

    def __post_init__(self) -> None:
        """Refuses what could be written into a manifest, but never be read out of it again."""
        _need_texts("chip", {} if self.chip is None else {"chip": self.chip})
        _need_texts("provenance", self.provenance)
        _need_texts("private provenance", self.private)
        _need_texts("skipped checks", self.skipped_checks)

    @property
    def file(self) -> str:
        """The name of the image's visible file."""
        return visible_name(self.product, self.version, self.board, self.kind)


def _need_texts(what: str, given: Mapping[Any, Any]) -> None:
    for key, value in given.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise SettingsError(
                f"{what}: {key!a} is {value!a}, and both have to be texts",
                hint="Give texts only, such as {'commit': 'abc1234'}.",
            )


def visible_name(product: str, version: Version, board: str, kind: ImageKind) -> str:
    """The name of an image's visible file in its product's directory; it is never parsed."""
    mark = ".fs" if kind == "filesystem" else ""
    return f"{product}-{version}_{board}{mark}.bin"


class Outcome(str, Enum):
    """What publishing came to; all of these are successes."""

    PUBLISHED = "published"
    ADDED_TO_CHANNEL = "added to channel"
    COMPRESSED = "compressed"
    SIGNED = "signed"
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
        compressed: The gzip that the release holds, too.
    """

    outcome: Outcome
    file: str
    size: int
    md5: str
    sha256: str
    url: str
    warnings: tuple[str, ...] = ()
    compressed: Compressed | None = None
