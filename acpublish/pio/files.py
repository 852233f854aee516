"""Files of the build directory: replaced whole, so that a build that is killed leaves no half."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["read_record", "replace", "write_record"]

#: Below the build directory: what the last publish on a build was of.
_RECORD = "acpublish.json"


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


def read_record(directory: Path) -> dict[str, Any]:
    """Returns what was last published on a build; empty where that is not known."""
    try:
        found = json.loads((directory / _RECORD).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_record(directory: Path, record: dict[str, Any]) -> None:
    """Records what was published on a build.

    Raises:
        SettingsError: It cannot be written.
    """
    replace(directory / _RECORD, (json.dumps(record, indent=2) + "\n").encode())
