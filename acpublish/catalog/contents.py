"""The files and directories that a catalog shows: release images, and files copied in by hand.

In a product's directory the manifests decide, and nothing else is shown. Elsewhere files are shown
as they are, as the original update server does, except for anything outside the catalog, anything
in ``.acpublish``, and files that are still being copied.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal
from urllib.parse import unquote_to_bytes

from acpublish.catalog import layout
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.catalog.loose import LooseFiles
from acpublish.errors import reason_of
from acpublish.image.model import Kind
from acpublish.release.manifest import Release, ReleaseImage
from acpublish.wire import Family

_log = logging.getLogger(__name__)

EntryType = Literal["bin", "directory", "file"]
#: The kinds that a device can flash as firmware.
_FIRMWARE = frozenset({Kind.APPLICATION, Kind.GZIP, Kind.SIGNED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry of a directory.

    Attributes:
        name: The name of the file or directory.
        type: ``bin`` for firmware that a device can flash, ``directory``, or ``file``.
        size: The size in bytes; 0 for a directory.
        modified: The time of the last change, in seconds since 1970.
        family: The chip family of an image, None if it is not known.
    """

    name: str
    type: EntryType
    size: int
    modified: float
    family: Family | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """A directory: its real path, and the product whose releases it shows, if any."""

    path: Path
    product: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LooseFile:
    """A file that was copied in by hand: its real path."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseFile:
    """The visible file of a release's image."""

    release: Release
    image: ReleaseImage


Located = Directory | LooseFile | ReleaseFile


class CatalogFiles:
    """The files and directories of a catalog, by the request targets that clients use."""

    def __init__(self, catalog: DirectoryCatalog, hidden: Path | None = None) -> None:
        """Opens the files of a catalog.

        Args:
            catalog: The catalog.
            hidden: A directory that is never shown, even if it is inside: the server's state.
        """
        self.catalog = catalog
        self._hidden = os.path.realpath(hidden) if hidden else None
        self.loose = LooseFiles()
        self._root = str(catalog.root)

    def locate(self, target: bytes) -> Located | None:
        """Finds the file or directory of a request target.

        The target is taken literally first, because ``?``, ``#``, ``%20`` and ``+`` may be part of
        a file's name; then percent-decoded; then both again without the part after ``?``.

        Args:
            target: A path below the catalog, with or without ``/`` around it.

        Returns:
            The file or directory, None if it does not exist or must not be shown.
        """
        path = target.partition(b"?")[0]
        attempts = (target, unquote_to_bytes(target), path, unquote_to_bytes(path))
        for attempt in dict.fromkeys(attempts):
            located = self._find(attempt)
            if located is not None:
                return located
        return None

    def _find(self, target: bytes) -> Located | None:
        name = os.fsdecode(target).strip("/")
        parts = name.split("/")
        if len(parts) == 2:
            published = self.catalog.find_file(parts[0], parts[1])
            if published is not None:
                return ReleaseFile(release=published[0], image=published[1])
        real = self._real(name)
        if real is None:
            return None
        product, *rest = os.path.relpath(real, self._root).split(os.sep)
        owned = self.catalog.owns(product)
        published = self.catalog.find_file(product, rest[0]) if owned and len(rest) == 1 else None
        if published is not None:
            return ReleaseFile(release=published[0], image=published[1])
        if owned and not rest:
            # The manifests are the truth, so the folder need not have been made yet.
            return Directory(path=Path(real), product=product)
        try:
            mode = os.stat(real).st_mode
        except (OSError, ValueError):
            return None
        if stat.S_ISDIR(mode):
            return Directory(path=Path(real), product=product if owned else None)
        if stat.S_ISREG(mode) and not owned:
            return LooseFile(path=Path(real))
        return None

    def _real(self, name: str) -> str | None:
        """Returns the real path, None if it leads out of the catalog or into a hidden directory."""
        try:
            real = os.path.realpath(os.path.join(self._root, name))
            inside = os.path.commonpath([self._root, real]) == self._root
        except (OSError, ValueError):
            return None
        if not inside:
            return None
        if self._hidden and os.path.commonpath([self._hidden, real]) == self._hidden:
            return None
        below = os.path.relpath(real, self._root).lower().split(os.sep)
        return None if layout.HIDDEN in below else real

    def entries(self, directory: Directory) -> tuple[Entry, ...]:
        """Returns the entries of a directory, newest first; a bad entry never hides the others."""
        if directory.product:
            entries = list(self._of_product(directory))
        else:
            by_name = {entry.name: entry for entry in self._of_disk(directory)}
            if directory.path == self.catalog.root:
                by_name = {**self._of_products(), **by_name}
            entries = sorted(by_name.values(), key=lambda entry: entry.name)
        # Sorting keeps the order of publishing within one second.
        return tuple(sorted(entries, key=lambda entry: -entry.modified))

    def examined(self, directory: Directory, entry: Entry) -> Entry:
        """Reads a hand-copied file that looks like firmware: a damaged one is only a file."""
        image = self.loose.image(directory.path / entry.name)
        if image is None or image.is_broken or not image.is_application:
            return replace(entry, type="file")
        # Only the ESP8266 accepts gzip (arduino-esp32's HTTPUpdate.cpp requires 0xE9).
        return replace(entry, family="esp8266" if image.kind is Kind.GZIP else image.family)

    def _of_products(self) -> dict[str, Entry]:
        """Returns the folders of all products, even those that have not been made yet."""
        return {
            product: Entry(name=product, type="directory", size=0, modified=0.0)
            for product in self.catalog.products()
        }

    def _of_product(self, directory: Directory) -> Iterator[Entry]:
        product = directory.product or ""
        if directory.path != self.catalog.root / product:
            return
        images = [image for release in self.catalog.releases(product) for image in release.images]
        for image in sorted(images, key=_order, reverse=True):
            yield Entry(
                name=image.file,
                type="bin" if image.kind == "firmware" else "file",
                size=image.size,
                modified=_seconds(image.published_at),
                family=image.family,
            )

    def _of_disk(self, directory: Directory) -> Iterator[Entry]:
        try:
            with os.scandir(directory.path) as scan:
                for item in scan:
                    entry = self._entry(item)
                    if entry is not None:
                        yield entry
        except OSError as error:
            _log.warning("a directory cannot be listed: %s", reason_of(error))

    def _entry(self, item: os.DirEntry[str]) -> Entry | None:
        try:
            item.name.encode()
            if item.is_symlink() and self._real(item.path) is None:
                return None
            status = item.stat()
        except (OSError, UnicodeEncodeError):
            return None
        if item.name.lower() == layout.HIDDEN or item.path == self._hidden:
            return None
        if stat.S_ISDIR(status.st_mode):
            return Entry(name=item.name, type="directory", size=0, modified=status.st_mtime)
        if not stat.S_ISREG(status.st_mode):
            return None
        return self._file(item, status)

    def _file(self, item: os.DirEntry[str], status: os.stat_result) -> Entry | None:
        kind: EntryType = "file"
        family: Family | None = None
        if item.name.lower().endswith(".bin"):
            outline = self.loose.outline(item.path, status)
            if outline is None:
                return None
            family = outline.family
            # A device cannot flash a file that is cut off and no longer being copied.
            kind = "bin" if outline.kind in _FIRMWARE and not outline.truncated else "file"
        return Entry(
            name=item.name,
            type=kind,
            size=status.st_size,
            modified=status.st_mtime,
            family=family,
        )


def _order(image: ReleaseImage) -> int:
    return max(image.channels.values(), default=0)


def _seconds(published_at: str) -> float:
    try:
        return datetime.fromisoformat(published_at.replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError):
        return 0.0
