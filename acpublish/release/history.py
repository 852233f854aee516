"""The history of a product: sizes from release to release, and what changed in the builds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from acpublish.image.comparison import Change, changes
from acpublish.release.manifest import Release, ReleaseImage
from acpublish.release.names import ImageKind
from acpublish.release.version import Version

#: The provenance that lists libraries as ``Name 1.2.3, Other 4.5.6``.
_LIBRARIES = "libraries"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The size of one release's image, in bytes."""

    version: Version
    size: int


def sizes(releases: Iterable[Release], board: str, kind: ImageKind, last: int) -> tuple[Size, ...]:
    """Returns the sizes of a board's images in the order of publishing, the newest last.

    Args:
        releases: The product's releases.
        board: The board.
        kind: Firmware or filesystem.
        last: The maximum number of sizes.
    """
    images = [
        (release.version, image)
        for release in releases
        if (image := release.image_for(board, kind)) is not None
    ]
    images.sort(
        key=lambda entry: (entry[1].published_at, min(entry[1].channels.values(), default=0))
    )
    return tuple(Size(version=version, size=image.size) for version, image in images[-last:])


def build_changes(old: ReleaseImage, new: ReleaseImage) -> tuple[Change, ...]:
    """Returns what differs between the builds of two images, as far as that was recorded."""
    changed = changes(_recorded(old), _recorded(new))
    return tuple(sorted(changed, key=lambda change: change.name))


def _recorded(image: ReleaseImage) -> dict[str, str | None]:
    recorded: dict[str, str | None] = {}
    for name, value in image.provenance.items():
        if name != _LIBRARIES:
            recorded[name] = value
            continue
        for entry in filter(None, value.split(", ")):
            library, _, version = entry.rpartition(" ")
            recorded[f"library {library or version}"] = version if library else "yes"
    return recorded
