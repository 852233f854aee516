"""A file that arrives: it is there whole under its name, or not at all."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from acpublish.errors import SettingsError, reason_of


@contextlib.contextmanager
def incoming(path: Path) -> Iterator[BinaryIO]:
    """Opens a file for writing that takes its name only when the block ends without an error.

    Args:
        path: The file; one that exists is replaced.

    Raises:
        SettingsError: It cannot be written.
    """
    fresh = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with _wrapped(path):
            file = fresh.open("xb")
        with file:
            yield file
            with _wrapped(path):
                file.flush()
                os.fsync(file.fileno())
        with _wrapped(path):
            fresh.replace(path)
            _flush_directory(path.parent)
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)


def write(file: BinaryIO, part: bytes, path: Path) -> None:
    """Writes a part of an incoming file.

    Raises:
        SettingsError: It cannot be written, as on a full disk.
    """
    with _wrapped(path):
        file.write(part)


@contextlib.contextmanager
def _wrapped(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        why = reason_of(fault)
        raise SettingsError(
            f"{path} cannot be written: {why}", hint="Give a file in a directory you can write to."
        ) from fault


def _flush_directory(directory: Path) -> None:
    # Only where directories can be opened; elsewhere the system flushes names by itself.
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
