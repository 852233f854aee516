"""Who holds a lock, for messages."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


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
    return f", which process {number} ({program}) holds" if program else ""
