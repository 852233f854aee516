"""Opens files below a directory, so that no symbolic link leads out of it, whenever it was made.

1. A path is walked from the directory's descriptor, component by component, and no component may
   be a link.
2. Where there is one, the path is resolved, must still lead below the directory, and is walked
   again: a resolved path is only a proposal, because a link may be swapped at any moment.
3. What is opened is what is judged: the caller gets its real path, and reads its status from the
   descriptor.

Where the operating system cannot open relative to a descriptor (Windows), the path is resolved
again after the file was opened.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from typing import TypeVar

Parts = tuple[str, ...]
Result = TypeVar("Result")

#: As many links as Linux follows in a path (``path_resolution(7)``).
MAX_LINKS = 40
#: Deeper than any folder of images; walking a path costs time for each component.
MAX_PARTS = 64

_HAS_DIR_FD = {os.open, os.stat} <= os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
# O_PATH (Linux) needs no permission to list a directory, only to enter it.
_DIRECTORY = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
# Without O_NONBLOCK, opening a FIFO would wait for its writer.
_FILE = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | _NO_LINK
#: What opening a link gives: ELOOP, or ENOTDIR if a directory is wanted (EMLINK on FreeBSD).
_LINK_ERRORS = (errno.ELOOP, errno.ENOTDIR, errno.EMLINK)


def parts_of(name: str) -> Parts:
    """Returns the components of a path with ``/`` between them, without empty ones and ``.``."""
    return tuple(part for part in name.split("/") if part not in ("", "."))


class Beneath:
    """Opens what is below a directory; every method raises ``OSError`` for what is not there."""

    def __init__(self, root: str) -> None:
        """Opens below a directory.

        Args:
            root: Its real path. It may be replaced later; each call looks it up again.
        """
        self._root = root

    def status(self, name: str) -> tuple[Parts, os.stat_result]:
        """Returns where a path leads and the status of what is there.

        Args:
            name: A path below the directory, with ``/`` between its components.
        """
        return self._follow(name, self._status)

    def open(self, name: str) -> tuple[Parts, int]:
        """Opens a regular file for reading.

        Args:
            name: A path below the directory, with ``/`` between its components.

        Returns:
            Where the path leads, and the descriptor, which the caller closes.
        """
        return self._follow(name, self._open_file)

    @contextlib.contextmanager
    def scan(self, name: str) -> Iterator[tuple[Parts, Iterator[os.DirEntry[str]]]]:
        """Lists a directory.

        Args:
            name: A path below the directory, with ``/`` between its components.

        Yields:
            Where the path leads, and the entries, whose ``path`` is not to be used.
        """
        if not _HAS_DIR_FD:
            parts, _ = self.status(name)
            with os.scandir(os.path.join(self._root, *parts)) as items:
                yield parts, items
            return
        parts, descriptor = self._follow(name, self._open_directory)
        try:
            with os.scandir(descriptor) as items:
                yield parts, items
        finally:
            os.close(descriptor)

    def _follow(self, name: str, action: Callable[[Parts], Result]) -> tuple[Parts, Result]:
        parts = parts_of(name)
        if len(parts) > MAX_PARTS:
            raise _error(errno.ENAMETOOLONG)
        for _ in range(MAX_LINKS):
            fault = _error(errno.ENOENT)
            if os.pardir not in parts:
                try:
                    return parts, action(parts)
                except ValueError as error:
                    # A NUL, or a character that no file name can have.
                    raise _error(errno.EINVAL) from error
                except OSError as error:
                    if error.errno not in _LINK_ERRORS:
                        raise
                    fault = error
            resolved = self._resolved(parts)
            if resolved == parts:
                raise fault
            parts = resolved
        raise _error(errno.ELOOP)

    def _resolved(self, parts: Parts) -> Parts:
        try:
            real = os.path.realpath(os.path.join(self._root, *parts))
            inside = os.path.commonpath([self._root, real]) == self._root
        except ValueError as error:
            raise _error(errno.EINVAL) from error
        if not inside:
            raise _error(errno.ENOENT)
        below = os.path.relpath(real, self._root)
        return () if below == os.curdir else tuple(below.split(os.sep))

    def _status(self, parts: Parts) -> os.stat_result:
        if not parts:
            return os.stat(self._root)
        if _HAS_DIR_FD:
            with self._parent(parts) as parent:
                status = os.stat(parts[-1], dir_fd=parent, follow_symlinks=False)
        else:
            status = os.lstat(self._checked(parts))
        if stat.S_ISLNK(status.st_mode):
            raise _error(errno.ELOOP)
        return status

    def _open_file(self, parts: Parts) -> int:
        if not parts:
            raise _error(errno.EISDIR)
        if _HAS_DIR_FD:
            with self._parent(parts) as parent:
                descriptor = os.open(parts[-1], _FILE, dir_fd=parent)
        else:
            descriptor = os.open(self._checked(parts), _FILE)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise _error(errno.ENOENT)
            if not _HAS_DIR_FD and not os.path.samestat(status, os.stat(self._checked(parts))):
                raise _error(errno.ELOOP)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _open_directory(self, parts: Parts) -> int:
        flags = os.O_RDONLY | os.O_DIRECTORY
        if not parts:
            return os.open(self._root, flags)
        with self._parent(parts) as parent:
            return os.open(parts[-1], flags | _NO_LINK, dir_fd=parent)

    @contextlib.contextmanager
    def _parent(self, parts: Parts) -> Iterator[int]:
        """Opens the directory of the last component."""
        descriptor = os.open(self._root, _DIRECTORY)
        try:
            for part in parts[:-1]:
                inner = os.open(part, _DIRECTORY | _NO_LINK, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        finally:
            os.close(descriptor)

    def _checked(self, parts: Parts) -> str:
        """Returns a path none of whose components is a link at this moment."""
        if self._resolved(parts) != parts:
            raise _error(errno.ELOOP)
        return os.path.join(self._root, *parts)


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
