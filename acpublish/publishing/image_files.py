"""Reads image files, and writes files to where the user says, completely or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from acpublish.errors import NotAnImageError, SettingsError, reason_of

#: Twice the largest flash chip that the image header knows (``esp_image_format.h``).
_LARGEST_BYTES = 256 * 1024 * 1024
_OTHER_FILE = "Use another file with -o."


def read_file(path: Path) -> bytes:
    """Returns the bytes of an image's file.

    Raises:
        NotAnImageError: It cannot be read, or is larger than any flash chip.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise NotAnImageError(
            f"{path} cannot be read: {reason_of(error)}",
            hint="Use the file of an image, such as PlatformIO's firmware.bin.",
        ) from error
    if len(data) > _LARGEST_BYTES:
        raise NotAnImageError(
            f"{path} is larger than {_LARGEST_BYTES // 2**20} MiB, more than any flash chip holds",
            hint="Use the file of an image, such as PlatformIO's firmware.bin.",
        )
    return data


def write_file(path: Path, content: bytes, *, hint: str = _OTHER_FILE) -> None:
    """Writes a file; an existing one is replaced.

    Args:
        path: The file.
        content: All of its bytes.
        hint: What to do next if it cannot be written.

    Raises:
        SettingsError: It cannot be written.
    """
    # The hook reads images in every build, and loads this only if it writes one.
    from acpublish import atomic

    # The file that a link points to is written, not the link itself.
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise SettingsError(f"{path} is not a regular file", hint=hint)
    if not target.parent.is_dir():
        raise SettingsError(
            f"{path} cannot be written: there is no directory {target.parent}",
            hint=f"Create it first: mkdir -p {target.parent}",
        )
    with atomic.explained(path, hint=hint):
        atomic.write(target, content)


def write_secret(path: Path, content: bytes) -> None:
    """Writes a file that only its owner can read; an existing one is never replaced.

    Raises:
        SettingsError: It already exists, or cannot be written.
    """
    from acpublish import atomic

    with atomic.explained(path, hint=_OTHER_FILE):
        atomic.create(path, content, mode=0o600)
