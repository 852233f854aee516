"""What a catalog shows of its directories: release images, and files copied in by hand.

In a product's directory the manifests decide, and nothing else is there. Elsewhere files are taken
as they are, like the original update server does, but nothing outside the catalog, nothing in
``.acpublish``, and nothing that is still being copied.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal
from urllib.parse import unquote_to_bytes

from acpublish.catalog import layout
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.catalog.loose import LooseFiles
from acpublish.image.model import Kind
from acpublish.release.manifest import Release, ReleaseImage
from acpublish.wire import Family

_log = logging.getLogger(__name__)

EntryType = Literal["bin", "directory", "file"]
#: What a device can flash as firmware.
_FIRMWARE = frozenset({Kind.APPLICATION, Kind.GZIP, Kind.SIGNED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a directory.

    Attributes:
        name: Its name.
        type: ``bin`` for firmware that a device can flash, ``directory``, or ``file``.
        size: Bytes; 0 for a directory.
        modified: Seconds since 1970.
        family: The chip family that an image is known to be for.
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
    """The files and directories of a catalog, by the addresses that clients use."""

    def __init__(self, catalog: DirectoryCatalog, hidden: Path | None = None) -> None:
        """Looks into a catalog.

        Args:
            catalog: The catalog.
            hidden: A directory that must not be seen, should it be inside: the server's state.
        """
        self.catalog = catalog
        self._hidden = os.path.realpath(hidden) if hidden else None
        self.loose = LooseFiles()
        self._root = str(catalog.root)

    def locate(self, target: bytes) -> Located | None:
        """Finds what an address means.

        The address is taken literally first, because ``?``, ``#``, ``%20`` and ``+`` may be
        characters of a file's name; then percent-decoded; then both without what follows ``?``.

        Args:
            target: A path below the catalog, with or without ``/`` around it.

        Returns:
            None for what is not there, or must not be seen.
        """
        tried = set()
        path = target.partition(b"?")[0]
        for attempt in (target, unquote_to_bytes(target), path, unquote_to_bytes(path)):
            if attempt in tried:
                continue
            tried.add(attempt)
            found = self._find(attempt)
            if found is not None:
                return found
        return None

    def _find(self, target: bytes) -> Located | None:
        name = os.fsdecode(target).strip("/")
        parts = name.split("/")
        if len(parts) == 2:
            held = self.catalog.find_file(parts[0], parts[1])
            if held is not None:
                return ReleaseFile(release=held[0], image=held[1])
        real = self._real(name)
        if real is None:
            return None
        product, *rest = os.path.relpath(real, self._root).split(os.sep)
        owned = self.catalog.owns(product)
        held = self.catalog.find_file(product, rest[0]) if owned and len(rest) == 1 else None
        if held is not None:
            return ReleaseFile(release=held[0], image=held[1])
        if owned and not rest:
            # The manifests are the truth, so this holds before the folder is made, too.
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
        """Returns the real path, None where it leads out or into what is hidden."""
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
        """Returns what a directory shows, newest first; one bad entry never hides the others."""
        if directory.product:
            found = self._of_product(directory)
        else:
            entries = {entry.name: entry for entry in self._of_disk(directory)}
            if directory.path == self.catalog.root:
                entries = {**self._of_products(), **entries}
            found = iter(sorted(entries.values(), key=lambda entry: entry.name))
        # Sorting keeps the order of publishing within one second.
        return tuple(sorted(found, key=lambda entry: -entry.modified))

    def _of_products(self) -> dict[str, Entry]:
        """Returns the folders of all products, of which one may not have been made yet."""
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
        except OSError as fault:
            _log.warning("a directory cannot be listed: %s", fault.strerror)

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
            sketch = self.loose.glance(item.path, status)
            if sketch is None:
                return None
            family = sketch.family
            # What is cut off and no longer being copied is nothing that a device can flash.
            kind = "bin" if sketch.kind in _FIRMWARE and not sketch.truncated else "file"
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
