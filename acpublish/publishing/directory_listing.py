"""Lists a directory of a catalog, whether the catalog is a directory or a server."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acpublish.errors import CatalogError, NotFoundError, TransferError
from acpublish.publishing.options import Destination
from acpublish.release import names
from acpublish.release.manifest import Release

if TYPE_CHECKING:
    # Listing a server does not need these.
    from acpublish.catalog.contents import CatalogFiles, Directory, Entry

#: A little longer than a file must have been left alone (:mod:`acpublish.catalog.loose`).
_SECOND_LOOK_S = 2.1
#: A server is asked about each product on its own; a longer list is of something else.
_MAX_PRODUCTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """What a channel points at for a board."""

    channel: str
    board: str
    kind: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFile:
    """An entry of a directory in a catalog.

    Attributes:
        name: Its name in the directory.
        type: ``bin``, ``directory`` or ``file``.
        size: Bytes.
        modified: In UTC for a directory, by its own clock for a server; None if it does not say.
        signed_with: The ids of the keys that signed it.
        version: The version of its release; None if it belongs to none.
        board: The board that it is for; None likewise.
        kind: ``firmware`` or ``filesystem``; None likewise.
        channels: The channels that point at it.
        points_at: For the folder of a product, what each channel points at.
        rolling: What is on its way to channels in stages: this image, or for the folder of a
            product any.
        state: ``withdrawn``, ``retired`` or ``deleted`` if it is no longer offered, and ``rolling``
            if it has no visible file yet; else None.
        reason: Why it is no longer offered, or not yet.
    """

    name: str
    type: str
    size: int
    modified: datetime | None
    signed_with: tuple[str, ...] = ()
    version: str | None = None
    board: str | None = None
    kind: str | None = None
    channels: tuple[str, ...] = ()
    points_at: tuple[Pointer, ...] = ()
    rolling: tuple[Pointer, ...] = ()
    state: str | None = None
    reason: str | None = None


def list_directory(
    destination: Destination, path: str = ".", *, withdrawn: bool = False
) -> tuple[ListedFile, ...]:
    """Lists a directory of a catalog, of a directory and of a server alike.

    Args:
        destination: A catalog directory or a server.
        path: The directory below the catalog.
        withdrawn: Whether the folder of a product also lists the images that are no longer offered,
            and those that are only on their way.

    Raises:
        CatalogError: The catalog is missing or is not a directory.
        NotFoundError: There is no such directory in the catalog.
        TransferError: The server cannot be reached, refuses, or sends something else.
    """
    lists = _list_server if destination.is_server else _list_local
    return lists(destination, path, withdrawn=withdrawn)


def _list_local(destination: Destination, path: str, *, withdrawn: bool) -> tuple[ListedFile, ...]:
    from acpublish.catalog.contents import CatalogFiles, Directory
    from acpublish.catalog.directory import DirectoryCatalog

    if not os.path.lexists(destination.to):
        raise CatalogError(
            f"there is no folder {destination.to}",
            hint="Check the path. 'acpublish config --show-origin' shows where it was set, if "
            "--to did not name it.",
        )
    catalog = DirectoryCatalog(Path(destination.to))
    files = CatalogFiles(catalog)
    directory = files.locate(os.fsencode(path))
    if not isinstance(directory, Directory):
        raise NotFoundError(
            f"there is no directory {path!r} in the catalog",
            hint="List the whole catalog, without --path.",
        )
    product = directory.product
    entries = [
        ListedFile(
            name=entry.name, type=entry.type, size=entry.size, modified=_time(entry.modified)
        )
        for entry in _entries(files, directory)
    ]
    return _described(entries, product, catalog.releases, withdrawn=withdrawn)


def _entries(files: CatalogFiles, directory: Directory) -> tuple[Entry, ...]:
    entries = files.entries(directory)
    if files.loose.waits:
        # With a clock that is behind, only a second look shows that a file is not being copied.
        time.sleep(_SECOND_LOOK_S)
        entries = files.entries(directory)
    return tuple(files.examined(directory, entry) for entry in entries)


def _time(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, timezone.utc)
    except (ValueError, OverflowError, OSError):
        # A file can have any time, and not every time is one that datetime can show.
        return None


def _list_server(destination: Destination, path: str, *, withdrawn: bool) -> tuple[ListedFile, ...]:
    from acpublish.client.remote import RemoteCatalog
    from acpublish.client.update_server import UpdateServer

    server = RemoteCatalog(destination.to, ca=destination.ca)

    def releases(product: str) -> tuple[Release, ...]:
        # The original server has no releases, and so no versions and no signatures.
        with contextlib.suppress(TransferError):
            return server.releases(product)
        return ()

    entries = [
        ListedFile(name=entry.name, type=entry.type, size=entry.size, modified=entry.modified)
        for entry in UpdateServer(destination.to, ca=destination.ca).catalog(path)
    ]
    product = path.strip("/").removeprefix("./")
    return _described(
        entries, product if names.is_name(product) else None, releases, withdrawn=withdrawn
    )


def _described(
    entries: Sequence[ListedFile],
    product: str | None,
    releases: Callable[[str], tuple[Release, ...]],
    *,
    withdrawn: bool,
) -> tuple[ListedFile, ...]:
    """Adds what the releases say about files, and about the folders of products.

    Args:
        entries: What the directory has.
        product: The product whose folder it is, None if it is not one.
        releases: Returns the releases of a product.
        withdrawn: Whether to add images of the product that are no longer offered.
    """
    if product is not None:
        known = releases(product)
        files = {entry.name for entry in entries}
        return (*_with_releases(entries, known), *(_others(known, files) if withdrawn else ()))
    products = [entry.name for entry in entries if _is_product(entry)][:_MAX_PRODUCTS]
    return tuple(
        _with_pointers(entry, releases(entry.name)) if entry.name in products else entry
        for entry in entries
    )


def _with_pointers(entry: ListedFile, releases: Sequence[Release]) -> ListedFile:
    return replace(entry, points_at=_pointers(releases), rolling=_rolling(releases))


def _is_product(entry: ListedFile) -> bool:
    return entry.type == "directory" and names.is_name(entry.name)


def _with_releases(
    entries: Sequence[ListedFile], releases: Sequence[Release]
) -> tuple[ListedFile, ...]:
    pointers = set(_pointers(releases))
    described: dict[str, dict[str, Any]] = {}
    for release in releases:
        version = str(release.version)
        for image in release.images:
            here = (
                Pointer(channel=channel, board=image.board, kind=image.kind, version=version)
                for channel in sorted(image.channels)
            )
            described[image.file] = {
                "version": version,
                "board": image.board,
                "kind": image.kind,
                "channels": tuple(pointer.channel for pointer in here if pointer in pointers),
                "rolling": _rolling((replace(release, images=(image,)),)),
                "signed_with": tuple(signature.key for signature in image.signatures),
            }
    return tuple(replace(entry, **described.get(entry.name, {})) for entry in entries)


def _others(releases: Sequence[Release], files: Collection[str]) -> Iterator[ListedFile]:
    """Yields the images that are no longer offered, or not yet, the highest version first."""
    for release in sorted(releases, key=lambda release: release.version.precedence, reverse=True):
        for image in release.images:
            coming = image.rolling and image.file not in files
            if image.withdrawn or coming:
                yield ListedFile(
                    name=image.file,
                    type="bin" if image.kind == "firmware" else "file",
                    size=image.size,
                    modified=_published(image.published_at),
                    signed_with=tuple(signature.key for signature in image.signatures),
                    version=str(release.version),
                    board=image.board,
                    kind=image.kind,
                    rolling=_rolling((replace(release, images=(image,)),)),
                    state=image.withdrawn or "rolling",
                    reason=image.withdrawn_reason
                    or (f"on its way to {', '.join(sorted(image.rolling))}" if coming else ""),
                )


def _published(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None


def _pointers(releases: Sequence[Release]) -> tuple[Pointer, ...]:
    """Returns what each channel points at: the image that was last published there."""
    last: dict[tuple[str, str, str], tuple[int, str]] = {}
    for release in releases:
        for image in release.images:
            for channel, order in image.channels.items():
                key = (channel, image.board, image.kind)
                last[key] = max(last.get(key, (-1, "")), (order, str(release.version)))
    return tuple(
        Pointer(channel=channel, board=board, kind=kind, version=version)
        for (channel, board, kind), (_, version) in sorted(last.items())
    )


def _rolling(releases: Sequence[Release]) -> tuple[Pointer, ...]:
    """Returns what is on its way to each channel."""
    return tuple(
        sorted(
            (
                Pointer(
                    channel=channel,
                    board=image.board,
                    kind=image.kind,
                    version=str(release.version),
                )
                for release in releases
                for image in release.images
                for channel in image.rolling
            ),
            key=lambda entry: (entry.channel, entry.board, entry.kind),
        )
    )
