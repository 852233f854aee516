"""Reads the files that the user names, none of them further than a limit.

A path may lead to a device that never ends, or to a file of another kind that fills the memory.
"""

from __future__ import annotations

import os
from pathlib import Path

from acpublish.errors import AcpublishError, reading


def expanded(path: str | Path) -> Path:
    """Returns a path with ``~`` replaced by the home directory; an unknown user's ``~`` stays."""
    # Path.expanduser raises a RuntimeError for an unknown user.
    return Path(os.path.expanduser(path))  # noqa: PTH111


def read_bounded(
    path: Path, max_bytes: int, kind: type[AcpublishError], *, hint: str, name: str | None = None
) -> bytes:
    """Returns the bytes of a file.

    Args:
        path: The file.
        max_bytes: The most bytes that it may have.
        kind: The class of the error to raise.
        hint: What to do next, as a sentence.
        name: The file, for the message; None for its path.

    Raises:
        AcpublishError: It cannot be read, or is larger.
    """
    name = name or str(path)
    with reading(name, kind, hint=hint), path.open("rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        limit = f"{max_bytes >> 20} MiB" if max_bytes >= 1 << 20 else f"{max_bytes >> 10} KiB"
        raise kind(f"{name} is larger than {limit}", hint=hint)
    return data
