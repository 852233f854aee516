"""Writes files to where the user says, completely or not at all.

A path of a user may lead anywhere: to a link, whose file is written in its place, or to a device or
a pipe, which is refused. It must never be replaced by a file.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from acpublish import atomic
from acpublish.errors import SettingsError

_OTHER_FILE = "Use another file with -o."


def write_file(path: Path, content: bytes, *, hint: str = _OTHER_FILE) -> None:
    """Writes a file; an existing one is replaced.

    Args:
        path: The file.
        content: All of its bytes.
        hint: What to do next if it cannot be written.

    Raises:
        SettingsError: It cannot be written.
    """
    with atomic.as_settings_error(path, hint=hint), incoming(path, hint=hint) as file:
        file.write(content)


@contextlib.contextmanager
def incoming(path: Path, *, hint: str = _OTHER_FILE) -> Iterator[BinaryIO]:
    """Opens a file that takes its name only when the block ends without an error.

    Args:
        path: The file; one that exists is replaced.
        hint: What to do next if the path cannot be used.

    Yields:
        The temporary file, open for writing.

    Raises:
        SettingsError: The path is not that of a file.
        OSError: The file cannot be written.
    """
    # The file that a link points to is written, not the link itself.
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise SettingsError(f"{path} is not a regular file", hint=hint)
    if not target.parent.is_dir():
        raise SettingsError(
            f"{path} cannot be written: there is no directory {target.parent}",
            hint=f"Create it first: mkdir -p {target.parent}",
        )
    with atomic.incoming(target, mode=0o666) as file:
        yield file


def write_secret(path: Path, content: bytes) -> None:
    """Writes a file that only its owner can read; an existing one is never replaced.

    Raises:
        SettingsError: It already exists, or cannot be written.
    """
    with atomic.as_settings_error(path, hint=_OTHER_FILE):
        atomic.create(path, content, mode=0o600)
