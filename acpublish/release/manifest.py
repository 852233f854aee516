"""The manifest: the document that describes one release and its images.

Writing it commits a publish, so reading is strict, an error has the path of the field, and unknown
fields are kept: a newer acpublish may have written them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from acpublish.errors import ManifestError
from acpublish.image.model import ReportedDigests
from acpublish.keys import is_key_id
from acpublish.release import names
from acpublish.release.declared import Declared
from acpublish.release.documents import Fields, loads
from acpublish.release.names import IMAGE_KINDS, BoardName, ImageKind, ProductName
from acpublish.release.version import Version
from acpublish.wire import Family

FORMAT = 1
#: The provenance that says which ESP8266 Arduino core an image was built with.
PROVENANCE_CORE = "core"
#: What may have become of an image that is no longer offered: it may come back, its bytes were
#: cleared away, or they had to go.
State = Literal["withdrawn", "retired", "deleted"]
STATES: tuple[State, ...] = get_args(State)
#: Those whose bytes are gone.
CLEARED: tuple[State, ...] = ("retired", "deleted")
_FAMILIES = get_args(Family)
_MD5 = re.compile(r"[0-9a-f]{32}\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_DIGESTS = {"md5": _MD5, "sha256": _SHA256}
#: DER of two numbers of 256 bits has at most 72 bytes.
_SIGNATURE = re.compile(r"[A-Za-z0-9+/]{1,128}={0,2}\Z")
#: The name of a visible file: one part of a path, with the characters of names and versions, and
#: no longer than file systems allow.
_FILE = re.compile(r"[a-z0-9][a-z0-9._+-]{0,254}\Z")
_FIX = "Restore it from a backup, or remove the file and publish this version again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Compressed:
    """The gzip of an image, which is stored next to it.

    Attributes:
        size: Bytes.
        md5: Lower-case hex; the value of ``x-MD5`` when it is sent.
        sha256: Lower-case hex; also the name of the object that contains the bytes.
    """

    size: int
    md5: str
    sha256: str

    @classmethod
    def of(cls, gzip: bytes) -> Compressed:
        """Describes the bytes of a gzip."""
        return cls(
            size=len(gzip),
            md5=hashlib.md5(gzip, usedforsecurity=False).hexdigest(),
            sha256=hashlib.sha256(gzip).hexdigest(),
        )

    @classmethod
    def from_dict(cls, document: Any, path: str) -> Compressed:
        """Reads the description of a gzip.

        Raises:
            ManifestError: It is not one; ``path`` leads to it.
        """
        fields = document if isinstance(document, dict) else {}
        digests = {name: str(fields.get(name)) for name in _DIGESTS}
        size = fields.get("size")
        if type(size) is not int or not all(
            _DIGESTS[name].match(digests[name]) for name in digests
        ):
            raise ManifestError(
                f"{path} does not describe a gzip",
                hint="Restore it from a backup, or publish this version again with --compress.",
            )
        return cls(size=size, **digests)

    def to_dict(self) -> dict[str, int | str]:
        """Returns it as JSON types."""
        return {"size": self.size, "md5": self.md5, "sha256": self.sha256}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseSignature:
    """One signature of a release's image.

    Attributes:
        key: The id of the key (:class:`acpublish.keys.PublicKey`).
        signature: ECDSA P-256 with SHA-256 over the statement, DER, in base64.
    """

    key: str
    signature: str

    @classmethod
    def of(cls, key: Any, signature: Any) -> ReleaseSignature | None:
        """Returns the signature, None if the strings are malformed."""
        if not isinstance(key, str) or not isinstance(signature, str):
            return None
        if not is_key_id(key) or not _SIGNATURE.match(signature):
            return None
        return cls(key=key, signature=signature)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseImage:
    """One image of a release.

    Attributes:
        board: The board that it is built for.
        kind: Firmware or a filesystem.
        file: The name of its visible file in the product's directory.
        size: Bytes.
        md5: Lower-case hex.
        sha256: Lower-case hex; also the name of the object that contains the bytes.
        unstamped_sha256: The digest with a blank stamp (:class:`acpublish.image.model.Image`).
        published_at: UTC, ISO 8601 with a final ``Z``.
        family: The chip family, None if the image does not say.
        chip: As esptool spells it.
        flash_mode: As in :class:`acpublish.image.model.Image`.
        flash_size: As esptool spells it; None if it is not known, as in older manifests.
        stamped: Whether the image contains product and version.
        running: What devices that run it may report.
        channels: The channels that point at it, each with its number in the product's order of
            publishing; the highest is the newest.
        provenance: Where it comes from.
        compressed: The gzip of the image, if there is one.
        declared: What the client said about the board and the build.
        skipped_checks: The checks that were switched off, each with the reason.
        signatures: Who signed it; they may be invalid.
        secure_version: ESP32: the lowest version that the chip accepts after it (app descriptor);
            None if that is not known.
        no_downgrade_below: Devices that run it never go back to a lower release, because it
            changed what they store; None if they may.
        requires: What a device must run before it is offered this image
            (:mod:`acpublish.release.requires`); None if anything will do.
        rolling: The channels that it is on its way to, in stages, each with the number of that
            change; they point at something else until the rollout is complete.
        left_channels: The channels that have left it for an older release.
        ordered_back: By channel that points at it, the releases whose devices go back to it.
        withdrawn: What became of it if it is no longer offered: ``withdrawn``, ``retired`` or
            ``deleted``.
        withdrawn_reason: Why.
        extra: Fields of a newer format, kept as they were.
    """

    board: BoardName
    kind: ImageKind
    file: str
    size: int
    md5: str
    sha256: str
    unstamped_sha256: str
    published_at: str
    family: Family | None = None
    chip: str | None = None
    flash_mode: str | None = None
    flash_size: str | None = None
    stamped: bool = False
    running: ReportedDigests = field(default_factory=ReportedDigests)
    channels: Mapping[str, int] = field(default_factory=dict)
    provenance: Mapping[str, str] = field(default_factory=dict)
    compressed: Compressed | None = None
    declared: Declared = field(default_factory=Declared)
    skipped_checks: Mapping[str, str] = field(default_factory=dict)
    signatures: tuple[ReleaseSignature, ...] = ()
    secure_version: int | None = None
    no_downgrade_below: str | None = None
    requires: str | None = None
    rolling: Mapping[str, int] = field(default_factory=dict)
    left_channels: tuple[str, ...] = ()
    ordered_back: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    withdrawn: State | None = None
    withdrawn_reason: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stored_bytes(self) -> int:
        """The size of the image and its gzip."""
        return self.size + (self.compressed.size if self.compressed else 0)

    @property
    def order(self) -> int:
        """Its highest number in the order of publishing; 0 if it is on no channel."""
        return max((*self.channels.values(), *self.rolling.values()), default=0)

    @property
    def core(self) -> str | None:
        """The ESP8266 Arduino core that it was built with, None if that is not known."""
        return self.provenance.get(PROVENANCE_CORE)

    @classmethod
    def from_dict(cls, document: Any, path: str) -> ReleaseImage:
        """Reads one image of a manifest.

        Raises:
            ManifestError: A field is missing or of another type; ``path`` leads to it.
        """
        fields = Fields(document, path, _FIX)
        running = Fields(fields.get("running", dict, {}), f"{path}.running", _FIX)
        gzip = fields.get("compressed", dict, None)
        image = cls(
            board=fields.checked("board", names.board),
            kind=fields.one_of("kind", IMAGE_KINDS),
            file=fields.shaped("file", _FILE),
            size=fields.get("size", int),
            md5=fields.shaped("md5", _MD5),
            sha256=fields.shaped("sha256", _SHA256),
            unstamped_sha256=fields.shaped("unstamped_sha256", _SHA256),
            published_at=fields.get("published_at", str),
            family=fields.one_of("family", (*_FAMILIES, None)),
            chip=fields.get("chip", str, None),
            flash_mode=fields.get("flash_mode", str, None),
            flash_size=fields.get("flash_size", str, None),
            stamped=fields.get("stamped", bool, False),
            running=ReportedDigests(
                md5s=running.strings("md5s"),
                sha256s=running.strings("sha256s"),
            ),
            channels=fields.mapping("channels", int),
            provenance=fields.mapping("provenance", str),
            compressed=Compressed.from_dict(gzip, f"{path}.compressed")
            if gzip is not None
            else None,
            declared=Declared.from_dict(fields.get("declared", dict, {}), f"{path}.declared"),
            skipped_checks=fields.mapping("skipped_checks", str),
            signatures=_signatures(fields),
            secure_version=fields.get("secure_version", int, None),
            no_downgrade_below=fields.get("no_downgrade_below", str, None),
            requires=fields.get("requires", str, None),
            rolling=fields.mapping("rolling", int),
            left_channels=fields.strings("left_channels"),
            ordered_back={
                channel: tuple(map(str, versions))
                for channel, versions in fields.mapping("ordered_back", list).items()
            },
            withdrawn=fields.one_of("withdrawn", (*STATES, None)),
            withdrawn_reason=fields.get("withdrawn_reason", str, ""),
        )
        return replace(image, extra=fields.rest())

    def to_dict(self) -> dict[str, Any]:
        """Returns the image as JSON types."""
        return {
            **self.extra,
            **({"compressed": self.compressed.to_dict()} if self.compressed else {}),
            "board": self.board,
            "kind": self.kind,
            "file": self.file,
            "size": self.size,
            "md5": self.md5,
            "sha256": self.sha256,
            "unstamped_sha256": self.unstamped_sha256,
            "published_at": self.published_at,
            "family": self.family,
            "chip": self.chip,
            "flash_mode": self.flash_mode,
            "flash_size": self.flash_size,
            "stamped": self.stamped,
            "running": {"md5s": list(self.running.md5s), "sha256s": list(self.running.sha256s)},
            "channels": dict(self.channels),
            "provenance": dict(self.provenance),
            "declared": self.declared.to_dict(),
            "skipped_checks": dict(self.skipped_checks),
            "signatures": [
                {"key": entry.key, "signature": entry.signature} for entry in self.signatures
            ],
            **{name: value for name, value in self._optional().items() if value},
            **({} if self.secure_version is None else {"secure_version": self.secure_version}),
        }

    def _optional(self) -> dict[str, Any]:
        """Returns the fields that most images do not have, as JSON types."""
        return {
            "no_downgrade_below": self.no_downgrade_below,
            "requires": self.requires,
            "rolling": dict(self.rolling),
            "left_channels": list(self.left_channels),
            "ordered_back": {name: list(versions) for name, versions in self.ordered_back.items()},
            "withdrawn": self.withdrawn,
            "withdrawn_reason": self.withdrawn_reason,
        }

    def bare(self) -> ReleaseImage:
        """Returns what its manifest says: nothing of what changes after it is published."""
        return replace(
            self,
            channels={},
            rolling={},
            left_channels=(),
            ordered_back={},
            withdrawn=None,
            withdrawn_reason="",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Product and version, with one or more images.

    Its manifest never changes, except that images, gzips and signatures are added. Which channels
    point at it, and whether it was withdrawn, is in another document
    (:mod:`acpublish.release.channels`), from which the images here have it.
    """

    product: ProductName
    version: Version
    images: tuple[ReleaseImage, ...]
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, document: Any, path: str = "manifest") -> Release:
        """Reads a release.

        Raises:
            NewerFormatError: A newer acpublish wrote it.
            ManifestError: A field is missing or invalid; the message has its path.
        """
        fields = Fields(document, path, _FIX)
        fields.need_format(FORMAT)
        release = cls(
            product=fields.checked("product", names.product),
            version=fields.checked("version", Version.parse),
            images=tuple(
                ReleaseImage.from_dict(image, f"{path}.images[{number}]")
                for number, image in enumerate(fields.get("images", list))
            ),
        )
        return replace(release, extra=fields.rest())

    @classmethod
    def from_json(cls, text: bytes, path: str = "manifest") -> Release:
        """Reads a release from the bytes of a manifest.

        Raises:
            ManifestError: They are not JSON, or not a release.
        """
        try:
            document = loads(text)
        except (ValueError, RecursionError) as error:
            raise ManifestError(f"{path} is not valid JSON", hint=_FIX) from error
        return cls.from_dict(document, path)

    def to_dict(self) -> dict[str, Any]:
        """Returns the release as JSON types."""
        return {
            **self.extra,
            "format": FORMAT,
            "product": self.product,
            "version": str(self.version),
            "images": [image.to_dict() for image in self.images],
        }

    def to_json(self) -> bytes:
        """Returns the canonical bytes of the manifest."""
        text = json.dumps(self.bare().to_dict(), indent=1, sort_keys=True, ensure_ascii=False)
        # Half a surrogate pair, as in a file name that is not UTF-8, remains an escape of JSON.
        return text.encode("utf-8", "backslashreplace") + b"\n"

    def bare(self) -> Release:
        """Returns what its manifest says: nothing of what changes after it is published."""
        return replace(self, images=tuple(image.bare() for image in self.images))

    def image_for(self, board: str, kind: ImageKind) -> ReleaseImage | None:
        """Returns the image for a board, None if there is none."""
        for image in self.images:
            if image.board == board and image.kind == kind:
                return image
        return None

    def with_image(self, image: ReleaseImage) -> Release:
        """Returns the release with this image added, or instead of the same board's."""
        others = [
            other for other in self.images if (other.board, other.kind) != (image.board, image.kind)
        ]
        images = sorted([*others, image], key=lambda entry: (entry.board, entry.kind))
        return replace(self, images=tuple(images))


def _signatures(fields: Fields) -> tuple[ReleaseSignature, ...]:
    signatures = []
    for item in fields.objects("signatures"):
        signature = ReleaseSignature.of(item.get("key", str), item.get("signature", str))
        if signature is None:
            raise ManifestError(f"{item.path} is malformed", hint=_FIX)
        signatures.append(signature)
    return tuple(signatures)
