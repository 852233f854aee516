"""Which release a device runs, according to what it reports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from acpublish.errors import ManifestError
from acpublish.release.decision import runs
from acpublish.release.manifest import Release
from acpublish.release.version import Version
from acpublish.wire import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """How many devices of a board run a version.

    Attributes:
        board: The board that they request updates for; empty if that is not known.
        version: The release; None for an image that is not in any release.
        count: The number of devices.
    """

    board: str
    version: str | None
    count: int

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
        return cls(board=board, version=version and str(version), count=count)

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON types."""
        return {"board": self.board, "version": self.version, "count": self.count}


def running_version(report: Report, releases: Iterable[Release], board: str) -> str | None:
    """Returns the version that a device runs; None if no release has its image.

    Args:
        report: What the device says about itself.
        releases: The releases of the product that it requests updates for.
        board: The board that it requests updates for.
    """
    for release in releases:
        image = release.image_for(board, "firmware")
        if image is not None and runs(report, image.running, str(release.version)):
            return str(release.version)
    return None
