"""Writing that no reader ever sees half done, and the lock between writers.

The only module with calls that differ between operating systems. Every write goes to a temporary
file, is flushed to the disk and renamed; then the directory is flushed too.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from acpublish.errors import CatalogError, reason_of

LOCK_WAIT_S = 60.0
_LOCK_POLL_S = 0.05


@contextlib.contextmanager
def wrapped(root: Path, doing: str) -> Iterator[None]:
    """Turns an operating system's error into one of the catalog's, with what to do next.

    Args:
        root: The catalog's directory, for the message.
        doing: What was tried, as in "cannot publish to the catalog".
    """
    try:
        yield
    except OSError as fault:
        problem = f"{doing} {root}: {_why(fault, root)}"
        raise CatalogError(problem, hint=_hint(fault, root)) from fault


def _why(fault: OSError, root: Path) -> str:
    why = reason_of(fault)
    where = fault.filename2 or fault.filename
    return f"{why} ({where})" if isinstance(where, str) and where != str(root) else why


def _hint(fault: OSError, root: Path) -> str:
    if fault.errno in (errno.ENOSPC, errno.EDQUOT):
        return "Free some space on its file system; nothing was published."
    if fault.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "Make it writable for this user, or give another directory."
    if fault.errno == errno.ENOENT:
        return f"Make it first: mkdir -p {root}"
    if fault.errno in (errno.ENOTDIR, errno.EISDIR, errno.EEXIST):
        return "Give a directory, and move what is in the way inside it."
    return "Look at the file system it is on; nothing was published."


def write(path: Path, content: bytes, temporary: Path, *, mode: int = 0o644) -> None:
    """Writes a file so that it is there whole or not at all, also after a power cut.

    Args:
        path: The file; its directory is made where it is missing.
        content: All of its bytes.
        temporary: A directory on the same file system.
        mode: The file's permissions, less the user's mask.
    """
    make_directory(temporary)
    make_directory(path.parent)
    fresh = temporary / f"{uuid.uuid4().hex}.part"
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    flush_directory(path.parent)


@contextlib.contextmanager
def prepared_link(path: Path, existing: Path, temporary: Path) -> Iterator[Callable[[], None]]:
    """Prepares to make ``path`` another name of ``existing``; a copy where links fail.

    All that takes space or may be refused is done before, so that next to nothing can go wrong
    when the name is put in place.

    Args:
        path: The name to make; what it names until then is replaced, atomically.
        existing: A file that is whole already.
        temporary: A directory on the same file system.

    Yields:
        What puts the name in place.
    """
    if path.exists() and path.samefile(existing):
        yield lambda: None
        return
    _refuse_what_is_in_the_way(path)
    make_directory(temporary)
    fresh = temporary / f"{uuid.uuid4().hex}.link"

    def put_in_place() -> None:
        make_directory(path.parent)
        fresh.replace(path)
        flush_directory(path.parent)

    try:
        try:
            fresh.hardlink_to(existing)
        except OSError:
            write(fresh, existing.read_bytes(), temporary)
        yield put_in_place
    finally:
        fresh.unlink(missing_ok=True)


def _refuse_what_is_in_the_way(path: Path) -> None:
    fault = 0
    folder = path.parent if path.parent.exists() else path.parent.parent
    if path.is_dir():
        fault = errno.EISDIR
    elif path.parent.is_symlink() or not folder.is_dir():
        # A link may lead out of the catalog, where nothing is served from.
        fault, path = errno.ENOTDIR, path.parent if path.parent.is_symlink() else folder
    elif not os.access(folder, os.W_OK | os.X_OK):
        fault, path = errno.EACCES, folder
    if fault:
        raise OSError(fault, os.strerror(fault), str(path))


def make_directory(path: Path) -> None:
    """Makes a directory, and those above it that are missing, and flushes what was made."""
    if path.is_dir():
        return
    make_directory(path.parent)
    try:
        path.mkdir()
    except FileExistsError:
        # Another writer may have made it a moment ago; a file in its place is in the way.
        if not path.is_dir():
            raise
    flush_directory(path.parent)


def clear_leftovers(paths: Iterable[Path], older_than_s: float) -> None:
    """Removes those files that are older, which writers that were killed have left behind."""
    limit = time.time() - older_than_s
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            if path.is_file() and path.stat().st_mtime <= limit:
                path.unlink()


if sys.platform == "win32":
    import msvcrt

    _BINARY = os.O_BINARY

    def flush_directory(path: Path) -> None:
        """Does nothing: directories cannot be flushed here."""

    def _open_lock(directory: Path) -> int:
        return os.open(directory / "lock", os.O_RDWR | os.O_CREAT)

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    _BINARY = 0

    def flush_directory(path: Path) -> None:
        """Flushes a directory's entries to the disk."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _open_lock(directory: Path) -> int:
        return os.open(directory, os.O_RDONLY)

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextlib.contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Holds the lock of a directory; it ends with the process, however that ends.

    Raises:
        CatalogError: Another writer has held it for a minute.
    """
    make_directory(directory)
    descriptor = _open_lock(directory)
    try:
        deadline = time.monotonic() + LOCK_WAIT_S
        while not _try_lock(descriptor):
            if time.monotonic() > deadline:
                raise CatalogError(
                    f"another process has held the lock of {directory} for {LOCK_WAIT_S:.0f} s",
                    hint="Wait for it to end, or end it, and try again.",
                )
            time.sleep(_LOCK_POLL_S)
        yield
    finally:
        os.close(descriptor)
