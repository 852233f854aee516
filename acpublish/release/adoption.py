"""Which release a device runs, according to what it reports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from acpublish.errors import ManifestError
from acpublish.release.manifest import Release
from acpublish.release.version import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """How many devices of a board run a version.

    Attributes:
        board: The board that they request updates for; empty if that is not known.
        version: The release; None for an image that is not in any release.
        count: The number of devices.
        unverified: Whether the version is only what they report after they received it.
        never_updated: Whether they report a version higher than every release, and run an image
            that is in none, so that nothing is ever offered to them.
    """

    board: str
    version: str | None
    count: int
    unverified: bool = False
    never_updated: bool = False

    @classmethod
    def from_dict(cls, document: Any) -> Adoption:
        """Reads it from JSON types.

        Raises:
            ManifestError: The document is something else.
        """
        fields = document if isinstance(document, dict) else {}
        board, version, count = (fields.get(name) for name in ("board", "version", "count"))
        if (
            not isinstance(board, str)
            or not isinstance(count, int)
            or not (version is None or Version.or_none(str(version)))
        ):
            raise ManifestError(
                "the server's list of devices cannot be read",
                hint="Install the version of acpublish that the server has.",
            )
        return cls(
            board=board,
            version=version and str(version),
            count=count,
            unverified=fields.get("unverified") is True,
            never_updated=fields.get("never_updated") is True,
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON types."""
        document = {"board": self.board, "version": self.version, "count": self.count}
        marks = {"unverified": self.unverified, "never_updated": self.never_updated}
        return {**document, **{name: True for name, marked in marks.items() if marked}}


class RunningVersions:
    """Finds the release that a device runs, without searching all releases for each device."""

    def __init__(self, releases: Iterable[Release]) -> None:
        """Prepares to find releases of a product.

        Args:
            releases: Its releases; if several have the same image, the first counts.
        """
        self._by_digest: dict[tuple[str, str], tuple[int, str]] = {}
        self._by_version: dict[tuple[str, Version], str] = {}
        for position, release in enumerate(releases):
            version = str(release.version)
            for image in release.images:
                if image.kind != "firmware":
                    continue
                self._by_version.setdefault((image.board, release.version), version)
                for digest in (*image.running.md5s, *image.running.sha256s):
                    self._by_digest.setdefault((image.board, digest), (position, version))

    def of(self, board: str, md5: str | None, sha256: str | None, claim: str | None) -> str | None:
        """Returns the version that a device runs; None if no release has its image.

        Args:
            board: The board that it requests updates for.
            md5: The MD5 of the image that it reports.
            sha256: The SHA-256 of the image that it reports.
            claim: The version that it reports, which counts only without a digest.
        """
        if md5 or sha256:
            digests = (digest for digest in (md5, sha256) if digest)
            matches = [self._by_digest.get((board, digest)) for digest in digests]
            return min(filter(None, matches), default=(0, None))[1]
        version = Version.or_none(claim)
        return None if version is None else self._by_version.get((board, version))
