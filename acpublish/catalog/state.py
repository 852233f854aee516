"""The state folder: what must not be public, outside the catalog, one folder for each catalog.

It has the server's tokens (``acpublish.server.token_file``), the private part of the provenance
(``acpublish.catalog.private_provenance``), and who published or changed something
(``acpublish.catalog.product_changes``). Each build loads this module, so it imports little.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from acpublish.errors import SettingsError, reason_of

#: What the state folder has, besides the fleet's store, that no later command could make again: the
#: tokens, the credentials of devices, the webhooks, and who made which change.
BESIDE_STORE = ("tokens.json", "device-access.json", "webhooks.json", "changes")


def state_dir(catalog: Path, environ: Mapping[str, str]) -> Path:
    """Returns the default state folder of a catalog, by the XDG Base Directory Specification.

    Args:
        catalog: The catalog's directory; every path that leads to it gives the same folder.
        environ: The environment.

    Raises:
        SettingsError: The user has no home directory.
    """
    home = environ.get("XDG_STATE_HOME", "")
    # The specification says to ignore a relative path.
    base = Path(home) if Path(home).is_absolute() else _home() / ".local" / "state"
    name = hashlib.sha256(os.fsencode(os.path.realpath(catalog))).hexdigest()[:16]
    return base / "acpublish" / name


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:
        raise SettingsError(
            "this user has no home directory, so there is no place for the state folder",
            hint="Set XDG_STATE_HOME, or HOME, to a folder that only this user may enter.",
        ) from error


def ensure_private(directory: Path) -> None:
    """Creates a directory that only its owner may enter; an existing one stays as it is.

    It belongs to whom the folder around it belongs, if possible (acpublish.ownership).

    Raises:
        SettingsError: It cannot be created.
    """
    # The hook imports this module in every build, but only a publish writes.
    from acpublish import atomic

    try:
        atomic.make_directory(directory, private=True)
    except OSError as error:
        raise SettingsError(
            f"the state folder {directory} cannot be created: {reason_of(error)}",
            hint="Use another one with --state.",
        ) from error
