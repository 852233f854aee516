"""What changed between two images, each of which is a file or belongs to a release."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from acpublish.image.comparison import Change, Comparison, compare
from acpublish.release.manifest import Release, ReleaseImage
from acpublish.release.names import ImageKind
from acpublish.release.sizes import Size, build_changes, sizes


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two images.

    Attributes:
        name: What was requested: a path, or ``PRODUCT@VERSION``.
        data: Its bytes.
        release: The release that it belongs to, None for a file.
        image: The image of that release.
        releases: All releases of its product.
    """

    name: str
    data: bytes
    release: Release | None = None
    image: ReleaseImage | None = None
    releases: Sequence[Release] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What changed between two images.

    Attributes:
        old: The old image.
        new: The new image.
        comparison: What differs in their bytes.
        build: What differs in their recorded builds, if both are releases.
        trend: The sizes of the last releases, if one of them is a release.
    """

    old: Side
    new: Side
    comparison: Comparison
    build: tuple[Change, ...] = ()
    trend: tuple[Size, ...] = ()


def difference_of(old: Side, new: Side, kind: ImageKind = "firmware", last: int = 10) -> Difference:
    """Returns what changed between two images.

    Args:
        old: The old one.
        new: The new one.
        kind: Firmware or a filesystem.
        last: The maximum number of releases in the trend.
    """
    build = build_changes(old.image, new.image) if old.image and new.image else ()
    side = new if new.image else old
    trend = sizes(side.releases, side.image.board, kind, last) if side.image else ()
    comparison = compare(old.data, new.data)
    return Difference(old=old, new=new, comparison=comparison, build=build, trend=trend)
