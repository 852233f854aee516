"""What the kernel reports about a process (Linux: proc(5)), and the limit of open files."""

from __future__ import annotations

import re
import resource
from pathlib import Path

from bench.report import Unavailable

_SPARE_FILES = 100


def memory_kb(pid: int) -> float:
    """Returns a process's proportional set size, in kB (1,024 bytes).

    Raises:
        Unavailable: The kernel does not tell.
    """
    return _field(Path(f"/proc/{pid}/smaps_rollup"), "Pss")


def read_bytes(pid: int) -> int:
    """Returns how many bytes a process has read so far, from the disk or its cache.

    Raises:
        Unavailable: The kernel does not tell.
    """
    return int(_field(Path(f"/proc/{pid}/io"), "rchar"))


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
    match = re.search(rf"^{name}:\s*(\d+)", text, re.MULTILINE)
    if match is None:
        raise Unavailable(f"{path} does not contain {name}")
    return float(match[1])
