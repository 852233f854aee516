"""A small disk that really fills up, and really becomes read-only."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bench.report import Unavailable

_FILLER = "filler"


@contextlib.contextmanager
def small_disk_at(path: Path, size: str = "128k") -> Iterator[Path]:
    """Makes a folder, and mounts a small tmpfs there for a while.

    Raises:
        Unavailable: Nothing can be mounted here.
    """
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Unavailable(f"mount cannot be run: {error}") from error
    if done.returncode:
        raise Unavailable(f"a tmpfs cannot be mounted here: {done.stderr.strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=True)


@contextlib.contextmanager
def filled(disk: Path, free_blocks: int) -> Iterator[None]:
    """Fills a disk for a while, so that only some blocks are free."""
    filler = disk / _FILLER
    filler.write_bytes(b"")
    status = os.statvfs(disk)
    filler.write_bytes(b"\xff" * max(0, status.f_bfree - free_blocks) * status.f_frsize)
    try:
        yield
    finally:
        filler.unlink()


@contextlib.contextmanager
def read_only(disk: Path) -> Iterator[None]:
    """Makes a disk read-only for a while."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
