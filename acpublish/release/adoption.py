"""Which release a device runs, by what it says of itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from acpublish.errors import ManifestError
from acpublish.release.decision import runs
from acpublish.release.manifest import Release
from acpublish.release.version import Version
from acpublish.wire import Report

__all__ = ["Adoption", "running_version"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """How many devices run one thing.

    Attributes:
        board: The board that they asked for; empty where that is not known.
        version: The release; None for an image that is in none.
        count: The devices.
    """

    board: str
    version: str | None
    count: int

    @classmethod
    def from_dict(cls, document: Any) -> Adoption:
        """Reads it out of JSON types.

        Raises:
            ManifestError: It is something else.
        """
        found = document if isinstance(document, dict) else {}
        board, version, count = (found.get(name) for name in ("board", "version", "count"))
        if (
            not isinstance(board, str)
            or not isinstance(count, int)
            or not (version is None or Version.or_none(str(version)))
        ):
            raise ManifestError(
                "what the server says of its devices cannot be read",
                hint="Use the acpublish that the server has.",
            )
        return cls(board=board, version=version and str(version), count=count)

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON types."""
        return {"board": self.board, "version": self.version, "count": self.count}


def running_version(report: Report, releases: Iterable[Release], board: str) -> str | None:
    """Returns the version that a device runs; None where no release has its image.

    Args:
        report: What the device says of itself.
        releases: The releases of the product that it asked about.
        board: The board that it asked for.
    """
    for release in releases:
        image = release.image_for(board, "firmware")
        if image is not None and runs(report, image.running, str(release.version)):
            return str(release.version)
    return None
