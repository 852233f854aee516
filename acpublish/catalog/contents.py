"""The files and directories that a catalog shows: release images, and files copied in by hand.

In a product's directory the manifests decide, and nothing else is shown. Elsewhere files are shown
as they are, as the original update server does, except for anything outside the catalog, whatever
:mod:`acpublish.catalog.servable` withholds, and files that are still being copied.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Literal
from urllib.parse import unquote_to_bytes

from acpublish.catalog.beneath import MAX_PARTS, Beneath, Parts, parts_of
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.catalog.loose import LooseFiles
from acpublish.catalog.servable import Use, is_hidden
from acpublish.errors import reason_of
from acpublish.image.model import Kind
from acpublish.release.manifest import Release, ReleaseImage
from acpublish.wire import Family

_log = logging.getLogger(__name__)

EntryType = Literal["bin", "directory", "file"]
#: Each part of a path costs a look at the disk, and each byte some decoding, so deeper and longer
#: paths are not looked up.
_MAX_DEPTH = 32
_MAX_PATH_BYTES = 1024
#: Percent-encoding makes three bytes of one.
_MAX_ENCODED_BYTES = 3 * _MAX_PATH_BYTES
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
        self.loose = LooseFiles(self._open)
        self._root = str(catalog.root)
        self._beneath = Beneath(self._root)
        self._hidden = self._below(os.path.realpath(hidden)) if hidden else None

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
        if len(path) > _MAX_ENCODED_BYTES or path.count(b"/") > _MAX_DEPTH:
            return None
        if len(target) > _MAX_ENCODED_BYTES:
            target = path
        attempts = (target, unquote_to_bytes(target), path, unquote_to_bytes(path))
        for attempt in dict.fromkeys(attempts):
            located = self._find(attempt)
            if located is not None:
                return located
        return None

    def _find(self, target: bytes) -> Located | None:
        if len(target) > _MAX_PATH_BYTES or target.count(b"/") > _MAX_DEPTH:
            return None
        name = os.fsdecode(target).strip("/")
        parts = name.split("/")
        if len(parts) == 2:
            published = self.catalog.find_file(parts[0], parts[1])
            if published is not None:
                return ReleaseFile(release=published[0], image=published[1])
        if len(parts) > MAX_PARTS or is_hidden(set(parts) - {os.curdir, os.pardir}):
            return None
        status: os.stat_result | None
        try:
            below, status = self._beneath.status(name)
        except OSError:
            # The manifests are the truth, so a visible file need not have been made yet.
            below, status = parts_of(os.path.normpath(name)), None
        if not self._may_be_shown(below):
            return None
        return self._at(below, status)

    def _at(self, below: Parts, status: os.stat_result | None) -> Located | None:
        path = Path(self._root, *below)
        owned = bool(below) and self.catalog.owns(below[0])
        if owned:
            published = self.catalog.find_file(*below) if len(below) == 2 else None
            if published is not None:
                return ReleaseFile(release=published[0], image=published[1])
            if len(below) == 1:
                return Directory(path=path, product=below[0])
        if status is None:
            return None
        if stat.S_ISDIR(status.st_mode):
            return Directory(path=path, product=below[0] if owned else None)
        if stat.S_ISREG(status.st_mode) and not owned:
            return LooseFile(path=path)
        return None

    def product_of(self, location: ReleaseFile | LooseFile) -> str:
        """Returns the product that a file belongs to: for a hand-copied one, that of its folder.

        A file system may not distinguish capital letters, so the name of a folder counts in lower
        case. It is empty for a file in the root.
        """
        if isinstance(location, ReleaseFile):
            return location.release.product
        below = self._below(str(location.path)) or ()
        return below[0].lower() if len(below) > 1 else ""

    def open(self, path: Path, *, loose: bool) -> BinaryIO:
        """Opens a file whose location is known.

        Args:
            path: A hand-copied file, or an object.
            loose: Whether it is a hand-copied file.

        Raises:
            OSError: It is gone, or must not be shown.
        """
        return os.fdopen(self._open(path) if loose else self.catalog.open_object(path.name), "rb")

    def _open(self, path: Path) -> int:
        """Opens a hand-copied file; what is opened is judged, whatever its path led to before."""
        name = os.path.relpath(path, self._root).replace(os.sep, "/")
        below, descriptor = self._beneath.open(name)
        if not self._may_be_shown(below) or self.catalog.owns(below[0]):
            os.close(descriptor)
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return descriptor

    def _below(self, real: str) -> Parts | None:
        """Returns the components of a real path below the catalog, None if it is not below it."""
        relative = os.path.relpath(real, self._root)
        if relative == os.curdir:
            return ()
        parts = tuple(relative.split(os.sep))
        return None if parts[0] == os.pardir else parts

    def _may_be_shown(self, below: Parts) -> bool:
        """Returns whether a real path may be shown: it is not the server's state, nor hidden."""
        if self._hidden is not None and below[: len(self._hidden)] == self._hidden:
            return False
        return not is_hidden(below)

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
        if not self.is_unread(directory, entry):
            return entry
        image = self.loose.image(directory.path / entry.name)
        if image is None or image.is_broken or not image.is_application:
            return replace(entry, type="file")
        # Only the ESP8266 accepts gzip (arduino-esp32's HTTPUpdate.cpp requires 0xE9).
        return replace(entry, family="esp8266" if image.kind is Kind.GZIP else image.family)

    @staticmethod
    def is_unread(directory: Directory, entry: Entry) -> bool:
        """Returns whether only the headers of an entry's file have been read."""
        return entry.type == "bin" and directory.product is None

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
        # Those that were withdrawn, and those that are only on their way, are not among them.
        images = [image for _, image in self.catalog.snapshots.product(product).files.values()]
        for image in sorted(images, key=lambda image: image.order, reverse=True):
            yield Entry(
                name=image.file,
                type="bin" if image.kind == "firmware" else "file",
                size=image.size,
                modified=_seconds(image.published_at),
                family=image.family,
            )

    def _of_disk(self, directory: Directory) -> Iterator[Entry]:
        try:
            with self._beneath.scan("/".join(self._below(str(directory.path)) or ())) as scan:
                below, items = scan
                # The path may lead elsewhere by now.
                if not self._may_be_shown(below) or (below and self.catalog.owns(below[0])):
                    return
                folder = os.path.join(self._root, *below)
                for item in items:
                    entry = self._entry(below, folder, item)
                    if entry is not None:
                        yield entry
        except OSError as error:
            where = str(directory.path)
            _log.warning("the directory %a cannot be listed: %s", where, reason_of(error))

    def _entry(self, below: Parts, folder: str, item: os.DirEntry[str]) -> Entry | None:
        name = item.name
        if name.startswith(".") or (*below, name) == self._hidden:
            return None
        path = f"{folder}{os.sep}{name}"
        try:
            name.encode()
            if item.is_symlink():
                target, status = self._beneath.status("/".join((*below, name)))
                if not self._may_be_shown(target):
                    return None
                path = os.path.join(self._root, *target)
            else:
                status = item.stat(follow_symlinks=False)
        except (OSError, UnicodeEncodeError):
            return None
        if stat.S_ISDIR(status.st_mode):
            return Entry(name=name, type="directory", size=0, modified=status.st_mtime)
        return self._file(name, path, status) if stat.S_ISREG(status.st_mode) else None

    def _file(self, name: str, path: str, status: os.stat_result) -> Entry | None:
        glance = self.loose.glance(path, status)
        if glance is None or glance.use not in (Use.IMAGE, Use.TEXT):
            return None
        kind: EntryType = "file"
        family: Family | None = None
        if name.lower().endswith(".bin"):
            outline = glance.outline
            if not outline.complete and not self.loose.settled(path, status):
                return None
            family = outline.family
            # A device cannot flash a file that is cut off and no longer being copied.
            kind = "bin" if outline.kind in _FIRMWARE and not outline.truncated else "file"
        return Entry(
            name=name,
            type=kind,
            size=status.st_size,
            modified=status.st_mtime,
            family=family,
        )


def _seconds(published_at: str) -> float:
    try:
        return datetime.fromisoformat(published_at.replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError):
        return 0.0
