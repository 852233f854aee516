"""Where what must not be public is kept: outside the catalog, one folder per catalog."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from acpublish.errors import SettingsError


def state_dir(catalog: Path, environ: Mapping[str, str]) -> Path:
    """Returns the default state folder of a catalog, by the XDG Base Directory Specification.

    Args:
        catalog: The catalog's directory; every path that leads to it gives the same folder.
        environ: The environment.
    """
    home = environ.get("XDG_STATE_HOME", "")
    # The specification: a relative path is to be ignored.
    base = Path(home) if Path(home).is_absolute() else Path.home() / ".local" / "state"
    name = hashlib.sha256(os.fsencode(os.path.realpath(catalog))).hexdigest()[:16]
    return base / "acpublish" / name


def ensure_private(directory: Path) -> None:
    """Makes a directory that only its owner may enter, unless it is there.

    Raises:
        SettingsError: It cannot be made.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as fault:
        raise SettingsError(
            f"the state folder {directory} cannot be made: {fault.strerror}",
            hint="Give another one with --state.",
        ) from fault
