"""What changed between two images, each of them a file or a release of a catalog."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from acpublish.errors import NotFoundError, SettingsError, VerificationError
from acpublish.image.comparison import Change, Comparison, compare
from acpublish.publishing.destinations import open_catalog
from acpublish.publishing.image_files import read_file
from acpublish.publishing.options import Destination
from acpublish.release import names
from acpublish.release.history import Size, build_changes, sizes
from acpublish.release.manifest import Release, ReleaseImage
from acpublish.release.names import ImageKind
from acpublish.release.version import Version

__all__ = ["Difference", "Side", "difference"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two images.

    Attributes:
        name: What was asked for: a path, or ``PRODUCT@VERSION``.
        data: Its bytes.
        release: The release that it belongs to, None for a file.
        image: The image of that release.
        releases: All releases of its product.
    """

    name: str
    data: bytes
    release: Release | None = None
    image: ReleaseImage | None = None
    releases: tuple[Release, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What changed between two images.

    Attributes:
        old: The old one.
        new: The new one.
        comparison: What their bytes tell.
        build: What differs in their recorded builds, where both are releases.
        trend: The sizes of the last releases, where one of them is a release.
    """

    old: Side
    new: Side
    comparison: Comparison
    build: tuple[Change, ...] = ()
    trend: tuple[Size, ...] = ()


def difference(
    old: str,
    new: str,
    destination: Destination | None,
    *,
    board: str | None = None,
    kind: ImageKind = "firmware",
    last: int = 10,
) -> Difference:
    """Finds out what changed between two images.

    Args:
        old: A path, or ``PRODUCT@VERSION``.
        new: Likewise.
        destination: The catalog of the releases; not needed for files.
        board: The board; None where each release has an image for one board only.
        kind: Firmware or a filesystem.
        last: How many releases the trend shows at most.

    Raises:
        AcpublishError: One of them is not there, or cannot be read.
    """
    before = _side(old, destination, board, kind)
    after = _side(new, destination, board, kind)
    build: tuple[Change, ...] = ()
    if before.image and after.image:
        build = build_changes(before.image, after.image)
    held = after if after.image else before
    trend = sizes(held.releases, held.image.board, kind, last) if held.image else ()
    comparison = compare(before.data, after.data)
    return Difference(old=before, new=after, comparison=comparison, build=build, trend=trend)


def _side(name: str, destination: Destination | None, board: str | None, kind: ImageKind) -> Side:
    product, at, version = name.partition("@")
    if not at or Path(name).exists():
        return Side(name=name, data=read_file(Path(name)))
    if destination is None:
        raise SettingsError(
            f"{name} is a release, and no catalog is given",
            hint="Give a directory or a server's address with --to.",
        )
    catalog = open_catalog(destination)
    releases = catalog.releases(names.product(product))
    wanted = Version.parse(version)
    release = next((one for one in releases if one.version == wanted), None)
    if release is None:
        raise NotFoundError(
            f"there is no release {product} {version} in {destination.to}",
            hint=f"See 'acpublish list {destination.to} --path {product}'.",
        )
    image = _image(release, board, kind)
    data = _bytes(destination, product, image)
    return Side(name=name, data=data, release=release, image=image, releases=releases)


def _image(release: Release, board: str | None, kind: ImageKind) -> ReleaseImage:
    held = [image for image in release.images if image.kind == kind]
    fitting = [image for image in held if board in (None, image.board)]
    what = f"{release.product} {release.version}"
    boards = ", ".join(image.board for image in held)
    if not fitting:
        raise NotFoundError(
            f"{what} has no {kind} for {board or 'any board'}",
            hint=f"It has some for {boards}." if boards else "Give another --kind.",
        )
    if len(fitting) > 1:
        raise SettingsError(
            f"{what} has images for several boards", hint=f"Give one with --board: {boards}."
        )
    return fitting[0]


def _bytes(destination: Destination, product: str, image: ReleaseImage) -> bytes:
    if not destination.is_server:
        from acpublish.catalog.directory import DirectoryCatalog

        return DirectoryCatalog(Path(destination.to)).read_object(image.sha256)
    # Loading requests costs 150 ms, which a directory need not pay.
    import tempfile

    from acpublish.client.update_server import UpdateServer

    server = UpdateServer(destination.to)
    with tempfile.TemporaryDirectory() as folder:
        path = server.download(f"{product}/{image.file}", Path(folder) / "image.bin")
        data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != image.sha256:
        raise VerificationError(
            f"{destination.to} sends other bytes for {image.file} than its manifest names",
            hint="Ask whoever runs the server.",
        )
    return data
