"""The lock of a catalog: who holds it may change the catalog, and only the one that was opened.

A catalog may be on a disk that is unmounted while a server runs, or by a reboot of its machine. A
publish into the mount point would be acknowledged, and be gone as soon as the disk is back. So the
catalog's directory is never created, and its identity is compared. Another directory in its place
is accepted if it is a catalog: the same disk may get another device number, and someone may restore
a backup.

A process that starts while the disk is not mounted sees a directory like that of a new catalog. So
the state folder remembers that there was a catalog at this path (``catalog.json``).
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from acpublish import atomic
from acpublish.catalog import layout
from acpublish.catalog.state import ensure_private
from acpublish.errors import AcpublishError, CatalogError
from acpublish.input_files import read_own

_log = logging.getLogger(__name__)

#: The file in the state folder that remembers the catalog.
_RECORD = "catalog.json"
_FORMAT = 1


class CatalogLock:
    """The lock of one catalog directory."""

    def __init__(self, root: Path, state: Path | None = None) -> None:
        """Remembers which directory it is.

        Args:
            root: The catalog's directory, a real path.
            state: The state folder of the catalog; None if there is none.

        Raises:
            OSError: It is missing.
        """
        self._root = root
        self._hidden = root / layout.HIDDEN
        self._identity = _identity(root)
        self._record = None if state is None else state / _RECORD
        self._document = {"format": _FORMAT, "catalog": str(root)}

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Holds the lock, and compares the catalog before and after the change.

        Raises:
            CatalogError: The catalog is not there, or another writer has held it for too long.
            OSError: The directory cannot be read or written.
        """
        self.need_catalog()
        with atomic.exclusive(self._hidden):
            self.need_catalog()
            yield
            # Whatever was written to a directory that is gone must not be acknowledged.
            self.need_catalog()
            self._remember()

    def need_catalog(self) -> None:
        """Refuses a directory that is not there, or that is not the catalog that was there before.

        Raises:
            CatalogError: It is not, or the disk of its objects is not there.
            OSError: The directory cannot be read.
        """
        try:
            identity = _identity(self._root)
        except FileNotFoundError:
            raise self._gone("it was unmounted, moved or removed") from _stale()
        if not self._hidden.is_dir() and (identity != self._identity or self._is_remembered()):
            raise self._gone(
                "it was unmounted or replaced, and an empty directory is in its place"
            ) from _stale()
        self._need_objects()
        self._identity = identity

    def _need_objects(self) -> None:
        """Refuses an empty folder of objects that is a link: the disk it is on is not mounted."""
        objects = layout.objects(self._root)
        if not objects.is_symlink() or any(objects.glob("*")):
            return
        if any(layout.manifests(self._root).glob("*/*.json")):
            raise CatalogError(
                f"the objects of the catalog {self._root} are gone: {objects} leads to an empty "
                "folder",
                hint=f"Mount {os.path.realpath(objects)} again, then publish again.",
            ) from _stale()

    def _gone(self, why: str) -> CatalogError:
        return CatalogError(
            f"the catalog {self._root} is gone: {why}",
            hint="Mount it again or put it back, then publish again. To begin a new catalog there: "
            f"mkdir -p {shlex.quote(str(self._hidden))}",
        )

    def _is_remembered(self) -> bool:
        """Returns whether there was a catalog at this path, as far as the state folder knows."""
        # Whatever cannot be read is not known.
        with contextlib.suppress(OSError, ValueError, RecursionError):
            return self._record is not None and self._document == json.loads(read_own(self._record))
        return False

    def _remember(self) -> None:
        if self._record is None or self._is_remembered():
            return
        try:
            ensure_private(self._record.parent)
            atomic.write(self._record, json.dumps(self._document).encode() + b"\n", mode=0o600)
        except (OSError, AcpublishError) as error:
            # The change itself was made.
            _log.info("the state folder does not remember the catalog: %s", error)


def _stale() -> OSError:
    """Returns the cause of the error, from which a server's response follows."""
    return OSError(errno.ESTALE, os.strerror(errno.ESTALE))


def _identity(root: Path) -> tuple[int, int]:
    status = root.stat()
    return status.st_dev, status.st_ino
