"""The manifest: the document that describes one release and its images.

Its bytes are the commit of a publish, so reading is strict, names the place of a fault, and keeps
fields that it does not know: a newer acpublish may have written them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, get_args

from acpublish.errors import AcpublishError, ManifestError
from acpublish.image.model import ReportedDigests
from acpublish.keys import is_key_id
from acpublish.release import names
from acpublish.release.declared import Declared
from acpublish.release.names import IMAGE_KINDS, BoardName, ImageKind, ProductName
from acpublish.release.version import Version
from acpublish.wire import Family

FORMAT = 1
#: Where the provenance says which ESP8266 Arduino core an image was built with.
PROVENANCE_CORE = "core"
_FAMILIES = get_args(Family)
_MD5 = re.compile(r"[0-9a-f]{32}\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_DIGESTS = {"md5": _MD5, "sha256": _SHA256}
#: DER of two numbers of 256 bits has at most 72 bytes.
_SIGNATURE = re.compile(r"[A-Za-z0-9+/]{1,128}={0,2}\Z")
#: The name of a visible file: one part of a path, in the characters of names and versions.
_FILE = re.compile(r"[a-z0-9][a-z0-9._+-]*\Z")
_MEND = "Restore it from a backup, or publish this version again after removing the file."


@dataclass(frozen=True, slots=True, kw_only=True)
class Compressed:
    """The gzip of an image, which stands beside it.

    Attributes:
        size: Bytes.
        md5: Lower-case hex; what ``x-MD5`` says when it is sent.
        sha256: Lower-case hex; also the name of the object that holds the bytes.
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
            ManifestError: It is none; ``path`` leads to it.
        """
        found = document if isinstance(document, dict) else {}
        digests = {name: str(found.get(name)) for name in _DIGESTS}
        size = found.get("size")
        if type(size) is not int or not all(
            _DIGESTS[name].match(digests[name]) for name in digests
        ):
            raise ManifestError(
                f"{path} describes no gzip",
                hint="Restore it from a backup, or publish this version again, compressed.",
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
        """Returns the signature, None where the texts are not of the right form."""
        if not isinstance(key, str) or not isinstance(signature, str):
            return None
        if not is_key_id(key) or not _SIGNATURE.match(signature):
            return None
        return cls(key=key, signature=signature)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseImage:
    """One image of a release.

    Attributes:
        board: The board that it is made for.
        kind: Firmware or a filesystem.
        file: The name of its visible file in the product's directory.
        size: Bytes.
        md5: Lower-case hex.
        sha256: Lower-case hex; also the name of the object that holds the bytes.
        unstamped_sha256: The digest with a blank stamp (:class:`acpublish.image.Image`).
        published_at: UTC, ISO 8601 with a final ``Z``.
        family: The chip family, None where the image does not tell.
        chip: As esptool spells it.
        flash_mode: As :class:`acpublish.image.Image` has it.
        stamped: Whether product and version stand in the image.
        running: What devices that run it may report.
        channels: The channels that point at it, each with its place in the product's order of
            publishing; the highest is the newest.
        provenance: Where it comes from.
        compressed: The gzip of the image, where there is one.
        declared: What the client said of the board and the build.
        skipped_checks: The checks that were switched off, each with the reason.
        signatures: Who signed it; whether they hold is another question.
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
    stamped: bool = False
    running: ReportedDigests = field(default_factory=ReportedDigests)
    channels: Mapping[str, int] = field(default_factory=dict)
    provenance: Mapping[str, str] = field(default_factory=dict)
    compressed: Compressed | None = None
    declared: Declared = field(default_factory=Declared)
    skipped_checks: Mapping[str, str] = field(default_factory=dict)
    signatures: tuple[ReleaseSignature, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def core(self) -> str | None:
        """The ESP8266 Arduino core that it was built with, None where that is not known."""
        return self.provenance.get(PROVENANCE_CORE)

    @classmethod
    def from_dict(cls, document: Any, path: str) -> ReleaseImage:
        """Reads one image of a manifest.

        Raises:
            ManifestError: A field is missing or of another type; ``path`` leads to it.
        """
        take = _Fields(document, path)
        running = _Fields(take.get("running", dict, {}), f"{path}.running")
        gzip = take.get("compressed", dict, None)
        image = cls(
            board=_named(names.board, take.get("board", str), f"{path}.board"),
            kind=take.one_of("kind", IMAGE_KINDS),
            file=take.shaped("file", _FILE),
            size=take.get("size", int),
            md5=take.shaped("md5", _MD5),
            sha256=take.shaped("sha256", _SHA256),
            unstamped_sha256=take.shaped("unstamped_sha256", _SHA256),
            published_at=take.get("published_at", str),
            family=take.one_of("family", (*_FAMILIES, None)),
            chip=take.get("chip", str, None),
            flash_mode=take.get("flash_mode", str, None),
            stamped=take.get("stamped", bool, False),
            running=ReportedDigests(
                md5s=running.texts("md5s"),
                sha256s=running.texts("sha256s"),
            ),
            channels=take.mapping("channels", int),
            provenance=take.mapping("provenance", str),
            compressed=Compressed.from_dict(gzip, f"{path}.compressed")
            if gzip is not None
            else None,
            declared=Declared.from_dict(take.get("declared", dict, {}), f"{path}.declared"),
            skipped_checks=take.mapping("skipped_checks", str),
            signatures=take.signatures("signatures"),
        )
        return replace(image, extra=take.rest())

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
            "stamped": self.stamped,
            "running": {"md5s": list(self.running.md5s), "sha256s": list(self.running.sha256s)},
            "channels": dict(self.channels),
            "provenance": dict(self.provenance),
            "declared": self.declared.to_dict(),
            "skipped_checks": dict(self.skipped_checks),
            "signatures": [{"key": one.key, "signature": one.signature} for one in self.signatures],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Product and version, with one or more images; immutable but for its channels."""

    product: ProductName
    version: Version
    images: tuple[ReleaseImage, ...]
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, document: Any, path: str = "manifest") -> Release:
        """Reads a release.

        Raises:
            ManifestError: A field is missing or wrong; the message leads to it.
        """
        take = _Fields(document, path)
        if take.get("format", int) > FORMAT:
            raise ManifestError(
                f"{path}.format is newer than {FORMAT}, which this acpublish reads",
                hint="Install a newer acpublish.",
            )
        release = cls(
            product=_named(names.product, take.get("product", str), f"{path}.product"),
            version=_named(Version.parse, take.get("version", str), f"{path}.version"),
            images=tuple(
                ReleaseImage.from_dict(image, f"{path}.images[{number}]")
                for number, image in enumerate(take.get("images", list))
            ),
        )
        return replace(release, extra=take.rest())

    @classmethod
    def from_json(cls, text: bytes, path: str = "manifest") -> Release:
        """Reads a release out of the bytes of a manifest.

        Raises:
            ManifestError: They are no JSON, or no release.
        """
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as fault:
            raise ManifestError(f"{path} is no JSON", hint=_MEND) from fault
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
        text = json.dumps(self.to_dict(), indent=1, sort_keys=True, ensure_ascii=False)
        # Half a surrogate pair, as in a file name that is no UTF-8, then stays JSON's own escape.
        return text.encode("utf-8", "backslashreplace") + b"\n"

    def image_for(self, board: str, kind: ImageKind) -> ReleaseImage | None:
        """Returns the image for a board, None where there is none."""
        for image in self.images:
            if image.board == board and image.kind == kind:
                return image
        return None

    def with_image(self, image: ReleaseImage) -> Release:
        """Returns the release with this image added, or in the place of the same board's."""
        others = [
            other for other in self.images if (other.board, other.kind) != (image.board, image.kind)
        ]
        images = sorted([*others, image], key=lambda one: (one.board, one.kind))
        return replace(self, images=tuple(images))


class _Fields:
    """Takes typed fields out of a JSON object; a fault names the path that leads to it."""

    def __init__(self, document: Any, path: str) -> None:
        if not isinstance(document, dict):
            raise ManifestError(f"{path} is no object", hint=_MEND)
        self._document = document
        self._path = path
        self._taken = {"format"}

    def get(self, key: str, kind: type, *default: Any) -> Any:
        self._taken.add(key)
        value = self._document.get(key, *default) if default else self._document.get(key)
        if default and value is default[0]:
            return value
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ManifestError(f"{self._path}.{key} is no {kind.__name__}", hint=_MEND)
        return value

    def one_of(self, key: str, allowed: tuple[Any, ...]) -> Any:
        self._taken.add(key)
        value = self._document.get(key)
        if value not in allowed:
            raise ManifestError(f"{self._path}.{key} is none of {allowed}", hint=_MEND)
        return value

    def shaped(self, key: str, shape: re.Pattern[str]) -> str:
        """Takes a text that becomes a part of a path, or a header."""
        text: str = self.get(key, str)
        if not shape.match(text):
            raise ManifestError(f"{self._path}.{key} is not of the right form", hint=_MEND)
        return text

    def texts(self, key: str) -> tuple[str, ...]:
        values = self.get(key, list, [])
        if not all(isinstance(value, str) for value in values):
            raise ManifestError(f"{self._path}.{key} holds something other than text", hint=_MEND)
        return tuple(values)

    def mapping(self, key: str, kind: type) -> dict[str, Any]:
        values = self.get(key, dict, {})
        if not all(type(value) is kind for value in values.values()):
            raise ManifestError(
                f"{self._path}.{key} holds something other than {kind.__name__}", hint=_MEND
            )
        return dict(values)

    def signatures(self, key: str) -> tuple[ReleaseSignature, ...]:
        found = []
        for number, item in enumerate(self.get(key, list, [])):
            take = _Fields(item, f"{self._path}.{key}[{number}]")
            one = ReleaseSignature.of(take.get("key", str), take.get("signature", str))
            if one is None:
                raise ManifestError(
                    f"{self._path}.{key}[{number}] is not of the right form", hint=_MEND
                )
            found.append(one)
        return tuple(found)

    def rest(self) -> dict[str, Any]:
        return {key: value for key, value in self._document.items() if key not in self._taken}


def _named(check: Any, text: str, path: str) -> Any:
    try:
        return check(text)
    except AcpublishError as fault:
        raise ManifestError(f"{path}: {fault.problem}", hint=_MEND) from fault
