"""Opens a fleet: over HTTP where a server has it, and from its state folder where none runs."""

from __future__ import annotations

from pathlib import Path

from acpublish.control.fleet_access import Destination, Fleet


def open_fleet(destination: Destination, state: Path | None = None) -> Fleet:
    """Opens the fleet of a server, or of a catalog's directory on this machine.

    Args:
        destination: A server, or a directory.
        state: The state folder, for a directory; by default that of the destination.

    Raises:
        SettingsError: The URL cannot be used, the token must not be sent there, or there is no
            state folder.
        CatalogError: The directory is missing or not a directory.
    """
    raise NotImplementedError
