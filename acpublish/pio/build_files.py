"""Files of the build directory: replaced whole, so a killed build leaves no partial file."""

from __future__ import annotations

from pathlib import Path


def replace(path: Path, content: bytes) -> None:
    """Writes a file of the build directory; a reader sees the old content or the new.

    Raises:
        SettingsError: It cannot be written.
    """
    # Only a run that writes loads this.
    from acpublish import atomic

    with atomic.explained(path, hint="Check the file system it is on, then build again."):
        # Flushing would make each build wait for the disk; after a power cut it is built again.
        atomic.write(path, content, mode=0o666, durable=False)
