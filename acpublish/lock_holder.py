"""The locks of directories, which end with the process, and who holds one, for messages."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def open_lock(directory: Path) -> int:
        """Opens what :func:`try_lock` locks."""
        return os.open(directory / "lock", os.O_RDWR | os.O_CREAT)

    def try_lock(descriptor: int) -> bool:
        """Takes a lock, if no other process has it; it ends when the descriptor is closed."""
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def open_lock(directory: Path) -> int:
        """Opens what :func:`try_lock` locks."""
        return os.open(directory, os.O_RDONLY)

    def try_lock(descriptor: int) -> bool:
        """Takes a lock, if no other process has it; it ends when the descriptor is closed."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def hold(directory: Path) -> int | None:
    """Takes the lock of a directory without waiting.

    Returns:
        The descriptor that holds it until it is closed; None if another process has the lock.

    Raises:
        OSError: The directory cannot be opened.
    """
    descriptor = open_lock(directory)
    if try_lock(descriptor):
        return descriptor
    os.close(descriptor)
    return None


def holder_of(status: os.stat_result) -> str:
    """Returns a phrase that says who holds the lock of a file, empty if the system does not tell.

    Only the number and the name of the program are told, because its arguments may be secret. The
    format of ``/proc/locks`` is that of ``proc_locks(5)``.
    """
    lines: list[list[str]] = []
    with contextlib.suppress(OSError, ValueError):
        lines = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    inode = str(status.st_ino)
    locks = [words for words in lines if words[1:2] == ["FLOCK"] and words[5].endswith(f":{inode}")]
    # Some file systems (btrfs, overlayfs) have another device number there.
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
    exact = [words for words in locks if words[5] == f"{device}:{inode}"]
    holders = {words[4] for words in exact or locks}
    if len(holders) != 1:
        return ""
    number = holders.pop()
    program = ""
    # A process of another container has the number 0 or none.
    with contextlib.suppress(OSError, ValueError):
        program = Path(f"/proc/{number}/comm").read_text().strip()
    return f": process {number} ({program}) has it" if program else ""
