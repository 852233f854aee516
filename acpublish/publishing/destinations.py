"""Where releases are put: a directory or a server, opened alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from acpublish.publishing.options import Destination

if TYPE_CHECKING:
    # Each build loads this module, and does not need them.
    from acpublish.keys import PublicKey
    from acpublish.release.adoption import Adoption
    from acpublish.release.manifest import Release
    from acpublish.release.submission import Receipt, Submission

__all__ = [
    "Catalog",
    "Sent",
    "open_catalog",
    "refuse_unusable",
    "running_devices",
    "trace_requests",
]

#: Takes the bytes of an image sent so far, and the bytes in all.
Sent = Callable[[int, int], None]


class Catalog(Protocol):
    """Where releases are put: a directory or a server."""

    def releases(self, product: str) -> tuple[Release, ...]:
        """Returns a product's releases."""
        ...

    def trusted_keys(self, product: str) -> tuple[PublicKey, ...]:
        """Returns the keys of which one has to sign the product's releases; maybe none."""
        ...

    def url_of(self, file: str) -> str:
        """Returns where to look for a file, given its path below the catalog."""
        ...

    def request_for(self, submission: Submission) -> str | None:
        """Returns method and address of what sends an image; None where nothing is sent."""
        ...

    def put(self, data: bytes, submission: Submission) -> Receipt:
        """Publishes an image, or says why not."""
        ...


def open_catalog(
    destination: Destination,
    *,
    publishing: bool = False,
    sent: Sent | None = None,
) -> Catalog:
    """Opens where to publish.

    Args:
        destination: A directory or a server.
        publishing: Whether something is to be put there, if only for a try.
        sent: Told how much of an image was sent to a server, and of how much.

    Raises:
        AuthenticationError: A server has no token to be published with.
        CatalogError: The directory is missing or no directory.
        SettingsError: The address cannot be used, or the token must not go there.
    """
    if destination.is_server:
        # Loading requests costs 150 ms, which a publish to a directory need not pay.
        from acpublish.client.remote import RemoteCatalog

        server = RemoteCatalog(
            destination.to,
            token=destination.token,
            insecure_http=destination.insecure_http,
            sent=sent,
        )
        if publishing:
            server.need_token()
        return server
    from acpublish.catalog.directory import DirectoryCatalog

    return DirectoryCatalog(Path(destination.to), destination.state)


def refuse_unusable(destination: Destination, *, publishing: bool) -> None:
    """Refuses before a build what could not be published to after it; nothing is sent.

    Args:
        destination: A directory or a server.
        publishing: Whether something is to be put there.

    Raises:
        AuthenticationError: A server has no token to be published with.
        CatalogError: The directory is missing or no directory.
    """
    # Opening it costs more than a build with nothing to do should pay.
    if destination.is_server:
        unusable = publishing and not destination.token
    else:
        unusable = not Path(destination.to).is_dir()
    if unusable:
        open_catalog(destination, publishing=publishing)


def running_devices(destination: Destination, product: str) -> tuple[Adoption, ...]:
    """Returns what a product's devices run; none for a directory, as devices ask a server.

    Raises:
        TransferError: The server cannot be reached, refuses, or answers something else.
        ManifestError: What it says of them cannot be read.
    """
    if not destination.is_server:
        return ()
    from acpublish.client.remote import RemoteCatalog

    server = RemoteCatalog(destination.to, insecure_http=destination.insecure_http)
    return server.running(product)


def trace_requests(listener: Callable[[str], None]) -> Callable[[], None]:
    """Passes a line on each request to a server to a listener; no line contains a secret.

    Args:
        listener: Takes a line.

    Returns:
        A function that ends this.
    """
    from acpublish.client.tracing import listen

    return listen(listener)
