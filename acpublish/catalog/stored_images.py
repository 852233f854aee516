"""What only the stored bytes of images say: secure versions, and where they ask for updates."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from acpublish.catalog import layout
from acpublish.errors import ImageError
from acpublish.image.reader import read
from acpublish.release import names
from acpublish.release.manifest import CLEARED, Release, ReleaseImage


def channels_asked(root: Path, product: str, image: ReleaseImage) -> frozenset[str]:
    """Returns the channels on which a firmware asks for updates, as far as its bytes say it.

    Args:
        root: The catalog's directory.
        product: The product.
        image: The firmware.
    """
    with contextlib.suppress(OSError):
        data = (layout.objects(root) / image.sha256).read_bytes()
        return names.channels_asked(names.update_paths_in(data), product, image.board)
    return frozenset()


def with_secure_versions(root: Path, releases: Iterable[Release]) -> tuple[Release, ...]:
    """Reads the secure version from the images whose manifests are older than that field.

    Args:
        root: The catalog's directory.
        releases: The releases, as their manifests have them.
    """
    return tuple(
        replace(
            release, images=tuple(_with_secure_version(root, image) for image in release.images)
        )
        for release in releases
    )


def _with_secure_version(root: Path, image: ReleaseImage) -> ReleaseImage:
    known = image.family != "esp32" or image.secure_version is not None
    if known or image.withdrawn in CLEARED:
        return image
    return replace(image, secure_version=_secure_version(root, image))


def _secure_version(root: Path, image: ReleaseImage) -> int | None:
    with contextlib.suppress(OSError, ImageError):
        descriptor = read((layout.objects(root) / image.sha256).read_bytes()).descriptor
        return descriptor.secure_version if descriptor else None
    return None
