"""The safe writers: no reader ever sees a partly written file. And the lock between writers.

Only here, in :mod:`acpublish.ownership` and in :mod:`acpublish.lock_holder` do calls differ between
operating systems. Each writer keeps this order:

1. the content goes to a temporary file, which is flushed to the disk;
2. the temporary file takes its final name, which replaces an older file atomically;
3. the directory is flushed, so that the name survives a power cut.

Whatever fails, the temporary file is removed and an older file stays as it was; only if the last
step fails, which is an error of its own, the new file is there already.

The writers raise ``OSError``. A caller turns it once into one of acpublish's errors, with its own
hint: :func:`as_settings_error` for a single file, :func:`as_catalog_error` for a catalog.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from acpublish import ownership
from acpublish.errors import CatalogError, SettingsError, reason_of
from acpublish.lock_holder import holder_of, open_lock, try_lock

_log = logging.getLogger(__name__)

#: Only Windows distinguishes text from bytes here.
_BINARY: int = getattr(os, "O_BINARY", 0)

#: How long a writer waits for the lock of a directory.
LOCK_WAIT_S = 60.0
_LOCK_POLL_S = 0.05
#: Most publishes take less than this; a wait that is longer is told.
_LOCK_TELL_S = 0.5
_RANDOM_BYTES = 16
#: What to do if a file has its new content, but the disk may not.
UNFLUSHED = (
    "It may have been changed all the same, and a power cut may still undo that: check the file "
    "system it is on, then look at what is there."
)


class UnflushedError(OSError):
    """A file has taken its name, but the name could not be flushed to the disk."""


@contextlib.contextmanager
def as_settings_error(path: Path, *, hint: str) -> Iterator[None]:
    """Turns an error of the operating system into one that names the file and why.

    Args:
        path: The file, for the message.
        hint: What to do next, as a sentence.

    Raises:
        SettingsError: The block raised an ``OSError``, or a ``ValueError`` because of the path.
    """
    try:
        yield
    except (OSError, ValueError) as error:
        problem = f"{path} cannot be written: {reason_of(error)}"
        raise SettingsError(problem, hint=hint) from error


@contextlib.contextmanager
def as_catalog_error(root: Path, doing: str) -> Iterator[None]:
    """Turns an error of the operating system into a catalog error with a hint.

    Args:
        root: The catalog's directory, for the message.
        doing: What failed, as in "cannot publish to the catalog".

    Raises:
        CatalogError: The block raised an ``OSError``.
    """
    try:
        yield
    except OSError as error:
        problem = f"{doing} {root}: {_why(error, root)}"
        raise CatalogError(problem, hint=_hint(error, root)) from error


def _why(error: OSError, root: Path) -> str:
    why, where = reason_of(error), _path_of(error)
    return f"{why} ({where})" if where and where != str(root) else why


def _path_of(error: OSError) -> str | None:
    where = error.filename2 or error.filename
    return where if isinstance(where, str) else None


def _hint(error: OSError, root: Path) -> str:
    if isinstance(error, UnflushedError):
        return UNFLUSHED
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "Free some space on its file system; nothing was changed."
    if error.errno in (errno.EACCES, errno.EPERM):
        return ownership.permission_hint(Path(_path_of(error) or root), root)
    if error.errno == errno.EROFS:
        return "Make it writable for this user, or use another directory."
    if error.errno == errno.ENOENT:
        # A dangling link is in the way of a directory of its name.
        where = shlex.quote(os.path.realpath(root) if root.is_symlink() else str(root))
        return f"Check the path, or mount it. Create a new catalog with: mkdir -p {where}"
    if error.errno in (errno.ENOTDIR, errno.EISDIR, errno.EEXIST):
        return "Use a directory, and move away whatever blocks the path inside it."
    return "Check the file system it is on; nothing was changed."


def write(
    path: Path,
    content: bytes,
    temporary: Path | None = None,
    *,
    mode: int = 0o644,
    durable: bool = True,
) -> None:
    """Writes a whole file; one that exists is replaced.

    Args:
        path: The file.
        content: All of its bytes.
        temporary: A directory on the same file system for the temporary file. This directory and
            that of the file are made if they are missing. Without it the temporary file is written
            next to the file, in a directory that has to exist.
        mode: The permissions of the file, less the user's mask.
        durable: Whether the file survives a power cut; see :func:`incoming`.

    Raises:
        OSError: The file cannot be written.
    """
    if temporary is not None:
        make_directory(temporary)
        make_directory(path.parent)
    with incoming(path, temporary, mode=mode, durable=durable) as file:
        file.write(content)


@contextlib.contextmanager
def incoming(
    path: Path, temporary: Path | None = None, *, mode: int = 0o644, durable: bool = True
) -> Iterator[BinaryIO]:
    """Opens a file that takes its name only when the block ends without an error.

    In the folder of another user it belongs to that user, if possible (acpublish.ownership).

    Args:
        path: The file; one that exists is replaced.
        temporary: An existing directory on the same file system for the temporary file, by default
            that of the file.
        mode: The permissions of the file, less the user's mask.
        durable: Whether file and name are flushed to the disk. Without it a reader still sees the
            old content or the new, but a power cut may leave an empty file: only for a file that
            is simply made again.

    Yields:
        The temporary file, open for writing.

    Raises:
        UnflushedError: The file is written, but its name cannot be flushed.
        OSError: The file cannot be written.
    """
    with _incoming(path, temporary or path.parent, mode, durable=durable) as (file, _):
        yield file


@contextlib.contextmanager
def incoming_part(path: Path, *, mode: int = 0o644) -> Iterator[Path]:
    """Does what :func:`incoming` does for a file that another library writes by its name.

    Args:
        path: The file; one that exists is replaced.
        mode: The permissions of the file, less the user's mask.

    Yields:
        The temporary file.

    Raises:
        UnflushedError: The file is written, but its name cannot be flushed.
        OSError: The file cannot be written.
    """
    with _incoming(path, path.parent, mode, durable=True) as (_, part):
        yield part


@contextlib.contextmanager
def _incoming(
    path: Path, temporary: Path, mode: int, *, durable: bool
) -> Iterator[tuple[BinaryIO, Path]]:
    fresh = temporary / f".{os.urandom(_RANDOM_BYTES).hex()}.part"
    try:
        with _created(fresh, mode) as file:
            ownership.follow(file.fileno(), path.parent, mode)
            yield file, fresh
            file.flush()
            if durable:
                os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        # A second error must not hide the first.
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
    if durable:
        try:
            flush_directory(path.parent)
        except OSError as error:
            reason = error.strerror or str(error)
            raise UnflushedError(error.errno, reason, str(path.parent)) from error


def create(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Writes a file that must not exist yet; an existing one is never replaced.

    The file has its permissions from the beginning, so nobody else can open it in between.

    Args:
        path: The file.
        content: All of its bytes.
        mode: The permissions of the file, less the user's mask.

    Raises:
        FileExistsError: The file exists.
        OSError: The file cannot be written; then it does not exist either.
    """
    file = _created(path, mode)
    try:
        with file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        flush_directory(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        raise


def _created(path: Path, mode: int) -> BinaryIO:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, mode)
    return os.fdopen(descriptor, "wb")


@contextlib.contextmanager
def prepared_link(path: Path, existing: Path, temporary: Path) -> Iterator[Callable[[], None]]:
    """Prepares to make ``path`` another name of ``existing``, or a copy if links fail.

    Everything that needs space or may be refused is done first, so next to nothing can go wrong
    when the name is put in place.

    Args:
        path: The name to make; a file that has the name is replaced atomically.
        existing: A file that is complete already.
        temporary: A directory on the same file system.

    Yields:
        The function that puts the name in place.
    """
    if path.exists() and path.samefile(existing):
        yield lambda: None
        return
    _refuse_blocked(path)
    make_directory(temporary)
    fresh = temporary / f".{os.urandom(_RANDOM_BYTES).hex()}.link"

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
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)


def _refuse_blocked(path: Path) -> None:
    """Raises the error that putting the name in place would raise later."""
    number = 0
    folder = path.parent if path.parent.exists() else path.parent.parent
    if path.is_dir():
        number = errno.EISDIR
    elif path.parent.is_symlink() or not folder.is_dir():
        # A link may lead out of the catalog, and nothing is served from there.
        number, path = errno.ENOTDIR, path.parent if path.parent.is_symlink() else folder
    elif not os.access(folder, os.W_OK | os.X_OK):
        number, path = errno.EACCES, folder
    if number:
        raise OSError(number, os.strerror(number), str(path))


def make_directory(path: Path, *, private: bool = False) -> None:
    """Makes a directory and its missing parents, and flushes each new name.

    Args:
        path: The directory.
        private: Whether what is made is closed to other users.

    Raises:
        OSError: It cannot be made.
    """
    if path.is_dir():
        return
    make_directory(path.parent, private=private)
    _make_one(path, private=private)


def _make_one(path: Path, *, private: bool = False) -> None:
    """Makes a directory in an existing one, which it follows, and flushes its name."""
    try:
        path.mkdir(mode=0o700 if private else 0o777)
        ownership.follow_made(path, private=private)
    except FileExistsError:
        # Another writer may have made it a moment ago, but a file of that name is an error.
        if not path.is_dir():
            number = errno.ENOTDIR
            raise NotADirectoryError(number, os.strerror(number), str(path)) from None
    flush_directory(path.parent)


def clear_leftovers(paths: Iterable[Path], older_than_s: float) -> None:
    """Removes the files that are older: writers that were killed have left them behind."""
    limit = time.time() - older_than_s
    for path in paths:
        # Another user's file cannot be removed. It does no harm, so it stays.
        with contextlib.suppress(OSError):
            if path.is_file() and path.stat().st_mtime <= limit:
                path.unlink()


if sys.platform == "win32":

    def flush_directory(path: Path) -> None:
        """Does nothing: directories cannot be flushed here."""

else:

    def flush_directory(path: Path) -> None:
        """Flushes a directory's entries to the disk."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Holds the lock of a directory; it ends with the process, however that ends.

    The directory is created if it is missing, but its parent is not. A longer wait is logged once,
    as a warning.

    Raises:
        CatalogError: Another writer has held it for a minute.
        OSError: The directory cannot be created or opened.
    """
    if not directory.is_dir():
        _make_one(directory)
    descriptor = open_lock(directory)
    try:
        _wait_for_lock(descriptor, directory)
        yield
    finally:
        os.close(descriptor)


def _wait_for_lock(descriptor: int, directory: Path) -> None:
    begin = time.monotonic()
    told = False
    while not try_lock(descriptor):
        waited_s = time.monotonic() - begin
        if waited_s > LOCK_WAIT_S:
            raise CatalogError(
                f"another process has held the lock of {directory} for {LOCK_WAIT_S:.0f} s"
                f"{holder_of(os.fstat(descriptor))}",
                hint="Wait for it to end, or end it, and try again.",
            )
        if waited_s > _LOCK_TELL_S and not told:
            told = True
            holder = holder_of(os.fstat(descriptor))
            _log.warning("waiting for the lock of %s%s", directory, holder)
        time.sleep(_LOCK_POLL_S)
