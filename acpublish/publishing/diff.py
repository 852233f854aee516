"""What changed between two images, each of which is a file or a release of a catalog."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from acpublish.errors import NotFoundError, SettingsError, VerificationError
from acpublish.publishing.destinations import open_catalog
from acpublish.publishing.image_files import read_file
from acpublish.publishing.options import Destination
from acpublish.release import names
from acpublish.release.differences import Difference, Side, difference_of
from acpublish.release.manifest import Release, ReleaseImage
from acpublish.release.names import ImageKind
from acpublish.release.version import Version


def difference(
    old: str,
    new: str,
    destination: Destination | None,
    *,
    board: str | None = None,
    kind: ImageKind = "firmware",
    last: int = 10,
) -> Difference:
    """Returns what changed between two images.

    Args:
        old: A path, or ``PRODUCT@VERSION``.
        new: The same.
        destination: The catalog of the releases; not needed for files.
        board: The board; None if each release has an image for only one board.
        kind: Firmware or a filesystem.
        last: The maximum number of releases in the trend.

    Raises:
        AcpublishError: One of them does not exist, or cannot be read.
    """
    before = _side(old, destination, board, kind)
    after = _side(new, destination, board, kind)
    return difference_of(before, after, kind, last)


def _side(name: str, destination: Destination | None, board: str | None, kind: ImageKind) -> Side:
    product, at, version = name.partition("@")
    if not at or os.path.exists(name):  # noqa: PTH110 - it never raises an error
        return Side(name=name, data=read_file(Path(name)))
    if destination is None:
        raise SettingsError(
            f"{name} is a release, but no catalog is given",
            hint="Pass a directory or a server's URL with --to.",
        )
    catalog = open_catalog(destination)
    releases = catalog.releases(names.product(product))
    wanted = Version.parse(version)
    release = next((release for release in releases if release.version == wanted), None)
    if release is None:
        raise NotFoundError(
            f"there is no release {product} {version} in {destination.to}",
            hint=f"See 'acpublish list --to {destination.to} --path {product}'.",
        )
    image = _image(release, board, kind)
    data = _bytes(destination, product, image)
    return Side(name=name, data=data, release=release, image=image, releases=releases)


def _image(release: Release, board: str | None, kind: ImageKind) -> ReleaseImage:
    images = [image for image in release.images if image.kind == kind]
    matching = [image for image in images if board in (None, image.board)]
    what = f"{release.product} {release.version}"
    boards = ", ".join(image.board for image in images)
    if not matching:
        raise NotFoundError(
            f"{what} has no {kind} for {board or 'any board'}",
            hint=f"Choose one with --board: {boards}." if boards else "Use another --kind.",
        )
    if len(matching) > 1:
        raise SettingsError(
            f"{what} has images for several boards", hint=f"Choose one with --board: {boards}."
        )
    return matching[0]


def _bytes(destination: Destination, product: str, image: ReleaseImage) -> bytes:
    if not destination.is_server:
        from acpublish.catalog.directory import DirectoryCatalog

        return DirectoryCatalog(Path(destination.to)).read_object(image.sha256)
    # Loading requests takes 150 ms, which a directory can do without.
    import tempfile

    from acpublish.client.update_server import UpdateServer

    server = UpdateServer(destination.to, ca=destination.ca)
    with tempfile.TemporaryDirectory() as folder:
        path = server.download(f"{product}/{image.file}", Path(folder) / "image.bin")
        data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != image.sha256:
        raise VerificationError(
            f"{destination.to} sent bytes for {image.file} that do not match its manifest",
            hint="Ask whoever runs the server to publish that image again.",
        )
    return data
