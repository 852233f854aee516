"""The lock of a catalog: who holds it may change the catalog, and only the one that was opened.

A catalog may be on a disk that is unmounted while a server runs, or by a reboot of its machine. A
publish into the mount point would be acknowledged, and be gone as soon as the disk is back. So the
catalog's directory is never created, and its identity is compared. Another directory in its place
is accepted if it is a catalog: the same disk may get another device number, and someone may restore
a backup.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from acpublish import atomic
from acpublish.catalog import layout
from acpublish.errors import CatalogError


class CatalogLock:
    """The lock of one catalog directory."""

    def __init__(self, root: Path) -> None:
        """Remembers which directory it is.

        Args:
            root: The catalog's directory.

        Raises:
            OSError: It is missing.
        """
        self._root = root
        self._hidden = root / layout.HIDDEN
        self._identity = _identity(root)

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

    def need_catalog(self) -> None:
        """Refuses a directory that is not there, or that is not the catalog that was opened.

        Raises:
            CatalogError: It is not.
            OSError: The directory cannot be read.
        """
        try:
            identity = _identity(self._root)
        except FileNotFoundError:
            raise self._gone("it was unmounted, moved or removed") from _stale()
        if identity == self._identity:
            return
        if not self._hidden.is_dir():
            raise self._gone(
                "it was unmounted or replaced, and an empty directory is in its place"
            ) from _stale()
        self._identity = identity

    def _gone(self, why: str) -> CatalogError:
        return CatalogError(
            f"the catalog {self._root} is gone: {why}",
            hint="Mount it again or put it back, then publish again. To begin a new catalog there, "
            "restart the server.",
        )


def _stale() -> OSError:
    """Returns the cause of the error, from which a server's response follows."""
    return OSError(errno.ESTALE, os.strerror(errno.ESTALE))


def _identity(root: Path) -> tuple[int, int]:
    status = root.stat()
    return status.st_dev, status.st_ino
