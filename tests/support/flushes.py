"""Records in which order code flushes and renames: what a power cut would leave depends on it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest


def recorded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Returns the list to which each flush and each rename of this process is added from now on.

    The entries are ``flush file``, ``flush directory NAME`` and ``rename to NAME``.
    """
    calls: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def flushing(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            directory = Path(f"/proc/self/fd/{descriptor}").readlink()
            calls.append(f"flush directory {directory.name}")
        else:
            calls.append("flush file")
        fsync(descriptor)

    def replacing(source: Path, target: Path) -> Path:
        calls.append(f"rename to {target.name}")
        return replace(source, target)

    monkeypatch.setattr(os, "fsync", flushing)
    monkeypatch.setattr(Path, "replace", replacing)
    return calls
