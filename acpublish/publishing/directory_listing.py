"""Lists a directory of a catalog, whether the catalog is a directory or a server."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from acpublish.errors import NotFoundError, TransferError
from acpublish.publishing.options import Destination
from acpublish.release import names
from acpublish.release.manifest import Release

if TYPE_CHECKING:
    # Listing a server does not need these.
    from acpublish.catalog.contents import CatalogFiles, Directory, Entry

#: A little longer than a file must have been left alone (:mod:`acpublish.catalog.loose`).
_SECOND_LOOK_S = 2.1


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFile:
    """An entry of a directory in a catalog.

    Attributes:
        name: Its name in the directory.
        type: ``bin``, ``directory`` or ``file``.
        size: Bytes.
        modified: In UTC for a directory, by its own clock for a server; None if it does not say.
        signed_with: The ids of the keys that signed it.
    """

    name: str
    type: str
    size: int
    modified: datetime | None
    signed_with: tuple[str, ...] = ()


def list_directory(destination: Destination, path: str = ".") -> tuple[ListedFile, ...]:
    """Lists a directory of a catalog, of a directory and of a server alike.

    Args:
        destination: A catalog directory or a server.
        path: The directory below the catalog.

    Raises:
        CatalogError: The catalog is missing or is not a directory.
        NotFoundError: There is no such directory in the catalog.
        TransferError: The server cannot be reached, refuses, or sends something else.
    """
    return (_list_server if destination.is_server else _list_local)(destination, path)


def _list_local(destination: Destination, path: str) -> tuple[ListedFile, ...]:
    from acpublish.catalog.contents import CatalogFiles, Directory
    from acpublish.catalog.directory import DirectoryCatalog

    catalog = DirectoryCatalog(Path(destination.to))
    files = CatalogFiles(catalog)
    directory = files.locate(os.fsencode(path))
    if not isinstance(directory, Directory):
        raise NotFoundError(
            f"there is no directory {path!r} in the catalog",
            hint="List the whole catalog, without --path.",
        )
    keys = _signed_with(catalog.releases(directory.product) if directory.product else ())
    return tuple(
        ListedFile(
            name=entry.name,
            type=entry.type,
            size=entry.size,
            modified=_time(entry.modified),
            signed_with=keys.get(entry.name, ()),
        )
        for entry in _entries(files, directory)
    )


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


def _list_server(destination: Destination, path: str) -> tuple[ListedFile, ...]:
    from acpublish.client.remote import RemoteCatalog
    from acpublish.client.update_server import UpdateServer

    entries = UpdateServer(destination.to).catalog(path)
    keys: dict[str, tuple[str, ...]] = {}
    if names.is_name(path):
        # The original server has no releases, and so no signatures.
        with contextlib.suppress(TransferError):
            keys = _signed_with(RemoteCatalog(destination.to).releases(path))
    return tuple(
        ListedFile(
            name=entry.name,
            type=entry.type,
            size=entry.size,
            modified=entry.modified,
            signed_with=keys.get(entry.name, ()),
        )
        for entry in entries
    )


def _signed_with(releases: Iterable[Release]) -> dict[str, tuple[str, ...]]:
    """Returns the ids of the keys that signed each visible file."""
    return {
        image.file: tuple(signature.key for signature in image.signatures)
        for release in releases
        for image in release.images
    }
