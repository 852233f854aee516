"""Opens a fleet: over HTTP where a server has it, and from its state folder where none runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.client.fleet_client import FleetClient
from acpublish.client.retry import Patience
from acpublish.client.token_requests import RemoteTokens
from acpublish.control.fleet_access import Destination, Fleet
from acpublish.control.running_file import RunningServer, read_running
from acpublish.errors import SettingsError, TransferError, UnreachableError

if TYPE_CHECKING:
    from acpublish.control.local_fleet import LocalFleet

#: A server on this machine answers at once, or not at all.
_ANSWERS_S = 5.0


def open_fleet(destination: Destination, state: Path | None = None, *, by: str = "") -> Fleet:
    """Opens the fleet of a server, or of a catalog's directory on this machine.

    Args:
        destination: A server, or a directory.
        state: The state folder, for a directory; by default that of the destination.
        by: Who changes something, for a directory; a server notes whose token it was.

    Raises:
        SettingsError: The URL cannot be used, the token must not be sent there, or there is no
            state folder.
        CatalogError: The directory is missing or not a directory.
        StoreError: A server may be running, and only another user can reach it.
        MissingExtraError: The store needs a package that is not installed.
    """
    if destination.is_server:
        return FleetClient(
            destination.to,
            destination.token,
            insecure_http=destination.insecure_http,
            ca=destination.ca,
        )
    folder = state or destination.state
    if folder is None:
        raise SettingsError(
            f"the state folder of {destination.to} is not known", hint="Name it with --state."
        )
    catalog = DirectoryCatalog(Path(destination.to), folder)
    server = read_running(folder)
    return (_answering(server) if server else None) or _local(catalog, folder, by)


def _answering(server: RunningServer) -> FleetClient | None:
    """Returns the client of a server, None if it does not run any more."""
    here, once = (server.url, server.token), Patience(attempts=1)
    try:
        client = FleetClient.on_this_machine(*here, timeout_s=_ANSWERS_S, patience=once)
        client.need_server()
    except (TransferError, SettingsError):
        # Something else may have its port by now. If it does run, it has the store's lock.
        return None
    return FleetClient.on_this_machine(*here)


def tokens_of_running(state: Path) -> RemoteTokens:
    """Returns the tokens of the server that runs with a state folder on this machine.

    Raises:
        StoreError: Only another user can reach it.
        UnreachableError: None runs.
    """
    server = read_running(state)
    if server is None:
        raise UnreachableError(
            f"no server runs with the state folder {state}",
            hint="Start one with acpublish serve, in its catalog's directory, or name its state "
            "folder with --state.",
        )
    return RemoteTokens.on_this_machine(server.url, server.token)


def _local(catalog: DirectoryCatalog, state: Path, by: str) -> LocalFleet:
    # The database takes long to load, and a client of a server does not need it.
    from acpublish.control.local_fleet import LocalFleet

    return LocalFleet(catalog, state, by=by)
