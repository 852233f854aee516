"""What the kernel reports about a process (Linux: proc(5)), and the limit of open files."""

from __future__ import annotations

import os
import re
import resource
from pathlib import Path

from bench.report import Unavailable

_SPARE_FILES = 100
#: What the server keeps free of its limit (acpublish.server.bounds), and the checks meanwhile.
_SPARE_CONNECTIONS = 400


def memory_kb(pid: int) -> float:
    """Returns a process's proportional set size, in kB (1,024 bytes).

    Raises:
        Unavailable: The kernel does not tell.
    """
    return _field(Path(f"/proc/{pid}/smaps_rollup"), "Pss")


def resident_kb(pid: int) -> float:
    """Returns the memory that a process has, as ``top`` shows it, in kB (1,024 bytes).

    Raises:
        Unavailable: The kernel does not tell.
    """
    return _field(Path(f"/proc/{pid}/smaps_rollup"), "Rss")


def socket_kb() -> float:
    """Returns the memory of all TCP sockets of this machine, in kB (1,024 bytes).

    Raises:
        Unavailable: The kernel does not tell.
    """
    pages = _field(Path("/proc/net/sockstat"), "TCP: .*? mem")
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


def read_bytes(pid: int) -> int:
    """Returns how many bytes a process has read so far, from the disk or its cache.

    Raises:
        Unavailable: The kernel does not tell.
    """
    return int(_field(Path(f"/proc/{pid}/io"), "rchar"))


def cpu_s(pid: int) -> float:
    """Returns the seconds of CPU that a process and its children have used so far.

    Raises:
        Unavailable: The kernel does not tell.
    """
    try:
        # What is before the last parenthesis is the program's name, which may contain anything.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError as error:
        raise Unavailable(f"/proc/{pid} cannot be read") from error
    # proc(5): utime and stime are the fields 14 and 15, and the third is the first one here.
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(cpu_s(int(child)) for child in children)


def most_open_files(count: int) -> int:
    """Returns how many of ``count`` connections the limit of open files allows a process."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return count if hard == resource.RLIM_INFINITY else min(count, hard - _SPARE_CONNECTIONS)


def allow_open_files(count: int) -> None:
    """Raises this process's limit of open files, which the processes that it starts inherit.

    Raises:
        Unavailable: So many are not allowed.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + _SPARE_FILES
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise Unavailable(
            f"{wanted} open files are needed, but only {hard} are allowed (ulimit -Hn)"
        )
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _field(path: Path, name: str) -> float:
    try:
        text = path.read_text()
    except OSError as error:
        raise Unavailable(f"{path} cannot be read") from error
    match = re.search(rf"^{name}:?\s*(\d+)", text, re.MULTILINE)
    if match is None:
        raise Unavailable(f"{path} does not contain {name}")
    return float(match[1])
