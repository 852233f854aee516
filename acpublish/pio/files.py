"""Files of the build directory: replaced whole, so that a build that is killed leaves no half."""

from __future__ import annotations

from pathlib import Path

from acpublish.errors import SettingsError, reason_of

__all__ = ["replace"]


def replace(path: Path, content: bytes) -> None:
    """Writes a file of the build directory; a reader sees the old content or the new.

    It is not flushed to the disk: after a power cut it is built again.

    Raises:
        SettingsError: It cannot be written.
    """
    fresh = path.with_name(f".{path.name}.part")
    try:
        fresh.write_bytes(content)
        fresh.replace(path)
    except OSError as fault:
        raise SettingsError(
            f"{path} cannot be written: {reason_of(fault)}",
            hint="Look at the file system it is on, then build again.",
        ) from fault
