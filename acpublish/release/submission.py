"""What is handed in to be published, and what comes back: the same for a directory and a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from acpublish.errors import SettingsError
from acpublish.release.changes import need_texts
from acpublish.release.coordinates import Coordinates
from acpublish.release.declared import Declared
from acpublish.release.manifest import Compressed, ReleaseSignature
from acpublish.release.names import BoardName, ChannelName, ImageKind, ProductName
from acpublish.release.secrets import SecretRules
from acpublish.release.text import mapping_fault
from acpublish.release.version import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteCoordinates(Coordinates):
    """Coordinates of which only the chip may be unknown."""

    product: ProductName
    version: Version
    board: BoardName
    channel: ChannelName

    @property
    def file(self) -> str:
        """The name of the image's visible file."""
        return visible_name(self.product, self.version, self.board, self.kind)


def visible_name(product: str, version: Version, board: str, kind: ImageKind) -> str:
    """Returns the name of an image's visible file in its product's directory.

    It is never parsed: the manifest says what the file is.
    """
    mark = ".fs" if kind == "filesystem" else ""
    return f"{product}-{version}_{board}{mark}.bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission(CompleteCoordinates):
    """What an image is published as, and what the client says about it.

    Attributes:
        provenance: Where the image comes from; public.
        private: More about that, only for whoever runs the catalog.
        compress: Whether the release should also have a gzip of the image.
        declared: What the client says about the board and the build.
        skipped_checks: The checks that are switched off, each with the reason; public.
        signatures: Who signed the release that it becomes.
        secrets: How to treat secrets in the image; not kept.
        no_downgrade_below: Devices that run it never go back to a lower release.
        requires: What a device must run before it is offered it, such as ``>=1.4.0``.
        by: Who publishes it, as shown to everyone: the id of a token, or a name.
        why: Why, for the history, which everyone can see.

    Raises:
        SettingsError: A value that the manifest needs as a string is not one, is too long, or
            contains what no response could contain.
    """

    provenance: Mapping[str, str] = field(default_factory=dict)
    private: Mapping[str, str] = field(default_factory=dict)
    compress: bool = False
    declared: Declared = field(default_factory=Declared)
    skipped_checks: Mapping[str, str] = field(default_factory=dict)
    signatures: tuple[ReleaseSignature, ...] = ()
    secrets: SecretRules = field(default_factory=SecretRules)
    no_downgrade_below: Version | None = None
    requires: str | None = None
    by: str = ""
    why: str = ""

    def __post_init__(self) -> None:
        """Refuses what could be written into a manifest, but never be read out of it again."""
        _need_strings("chip", {} if self.chip is None else {"chip": self.chip})
        _need_strings("provenance", self.provenance)
        _need_strings("private provenance", self.private)
        _need_strings("skipped checks", self.skipped_checks)
        need_texts(self.by, self.why)


def _need_strings(what: str, mapping: Mapping[Any, Any]) -> None:
    for key, value in mapping.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise SettingsError(
                f"{what}: {key!r} is {value!r}, but both must be strings",
                hint="Use only strings, such as {'commit': 'abc1234'}.",
            )
    fault = mapping_fault(mapping)
    if fault:
        raise SettingsError(f"{what}: {fault}", hint="Use short text on one line.")


class Outcome(str, Enum):
    """What publishing came to; all of these are successes."""

    PUBLISHED = "published"
    ADDED_TO_CHANNEL = "added to channel"
    COMPRESSED = "compressed"
    SIGNED = "signed"
    ALREADY_PUBLISHED = "already published"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the catalog says about a submission that it has accepted.

    Attributes:
        outcome: Whether anything is new.
        file: The visible file below the catalog, with ``/`` between its parts.
        size: Bytes of the image.
        md5: Of the image, lower-case hex.
        sha256: Of the image, lower-case hex.
        url: Where to find it: a URL, or a path for a directory.
        warnings: What the checks found that is not an error.
        compressed: The gzip that the release also has.
        not_checked: The checks that were not run, each with the information that it lacks.
        points_at: The version that the channel now points at for the board: a higher one if an
            older release was published again, which moves nothing, and a lower one if this release
            goes there in stages. None if it is not known.
        rolling: Whether the release is on its way to the channel in stages, which a server makes.
    """

    outcome: Outcome
    file: str
    size: int
    md5: str
    sha256: str
    url: str
    warnings: tuple[str, ...] = ()
    compressed: Compressed | None = None
    not_checked: Mapping[str, str] = field(default_factory=dict)
    points_at: Version | None = None
    rolling: bool = False
