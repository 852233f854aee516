"""Acting as another user, which only root can."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

#: A user and groups that exist on no machine.
SERVER = 12345
SHARED_GROUP = 12399

needs_root = pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0, reason="only root can act as another user"
)


@contextlib.contextmanager
def acting_as(uid: int, *groups: int) -> Iterator[None]:
    """Lets this process act as a user with a group of the same number, and further groups."""
    before = os.getgroups()
    os.setgroups(list(groups))
    os.setegid(uid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(before)


@contextlib.contextmanager
def folder_of(uid: int, gid: int | None = None, mode: int = 0o755) -> Iterator[Path]:
    """Makes a folder that belongs to a user, where every user may reach it."""
    folder = Path(tempfile.mkdtemp(prefix="acpublish-"))
    try:
        folder.chmod(0o755)
        owned = folder / "owned"
        owned.mkdir()
        os.chown(owned, uid, uid if gid is None else gid)
        owned.chmod(mode)
        yield owned
    finally:
        shutil.rmtree(folder)
