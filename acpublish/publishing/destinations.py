"""Where releases are published: a directory or a server, opened in the same way."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from acpublish.errors import AuthenticationError
from acpublish.publishing.options import Destination

if TYPE_CHECKING:
    # Each build loads this module and does not need these.
    from acpublish.catalog.directory import DirectoryCatalog
    from acpublish.catalog.rehearsal import Catalog
    from acpublish.client.remote import RemoteCatalog
    from acpublish.client.token_requests import RemoteTokens
    from acpublish.release.adoption import Adoption
    from acpublish.release.change_request import Changed, ChangeRequest
    from acpublish.release.channel_rows import ChannelRow
    from acpublish.release.channels import Change, Policy
    from acpublish.release.names import ChannelName

#: Takes the bytes of an image sent so far, and the bytes in all.
Sent = Callable[[int, int], None]


class Changes(Protocol):
    """What the products of a catalog offer, and how that is changed."""

    def make(self, product: str, request: ChangeRequest) -> Changed:
        """Makes a change, or only plans it."""
        ...

    def rows(self, product: str) -> tuple[ChannelRow, ...]:
        """Returns what the channels of a product point at, and pointed at before."""
        ...

    def policies(self, product: str) -> Mapping[str, Policy]:
        """Returns the policies of a product's channels, by channel."""
        ...

    def set_policy(
        self, product: str, channel: ChannelName, policy: Policy | None, *, why: str, by: str
    ) -> Changed:
        """Sets the policy of a channel, which is already checked, or takes it away with None."""
        ...

    def history(self, product: str) -> tuple[Change, ...]:
        """Returns every change of a product, the oldest first."""
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
        publishing: Whether something is to be published, or a dry run of that.
        sent: Called with how many bytes of an image were sent to a server, and how many there are.

    Raises:
        AuthenticationError: There is no token to publish to the server with.
        CatalogError: The directory is missing or not a directory, or its catalog is gone.
        SettingsError: The URL cannot be used, or the token must not be sent there.
    """
    if destination.is_server:
        return _server(destination, publishing=publishing, sent=sent)
    return _directory(destination, publishing=publishing)


def _server(
    destination: Destination, *, publishing: bool, sent: Sent | None = None
) -> RemoteCatalog:
    # Loading requests takes 150 ms, which a publish to a directory can do without.
    from acpublish.client.remote import RemoteCatalog

    server = RemoteCatalog(
        destination.to,
        token=destination.token,
        insecure_http=destination.insecure_http,
        ca=destination.ca,
        sent=sent,
    )
    if publishing:
        server.need_token()
    return server


def _directory(destination: Destination, *, publishing: bool) -> DirectoryCatalog:
    from acpublish.catalog.directory import DirectoryCatalog

    catalog = DirectoryCatalog(Path(destination.to), destination.state)
    if publishing:
        catalog.need_present()
    return catalog


def open_changes(destination: Destination, *, changing: bool = False) -> Changes:
    """Opens what a directory or a server offers, to show or to change it.

    Args:
        destination: A directory or a server.
        changing: Whether something is to be changed; otherwise no token is sent.

    Raises:
        CatalogError: The directory is missing or not a directory, or its catalog is gone.
        SettingsError: The URL cannot be used, or the token must not be sent there.
    """
    if destination.is_server:
        # A server shows it to everyone.
        return _server(
            destination if changing else replace(destination, token=None), publishing=False
        ).changes
    return _directory(destination, publishing=changing).changes


def refuse_unusable(destination: Destination, *, publishing: bool) -> None:
    """Refuses, before a build, a destination that nothing could be published to after it.

    Nothing is sent.

    Args:
        destination: A directory or a server.
        publishing: Whether something is to be published.

    Raises:
        AuthenticationError: There is no token to publish to the server with.
        CatalogError: The directory is missing or not a directory.
    """
    # Opening it takes longer than a build with nothing to do should take.
    if destination.is_server:
        unusable = publishing and not destination.token
    else:
        unusable = not os.path.isdir(destination.to)  # noqa: PTH112 - it never raises an error
    if unusable:
        open_catalog(destination, publishing=publishing)


def try_token(destination: Destination, product: str) -> None:
    """Asks a server whether the token may publish a product; nothing is published.

    Args:
        destination: A server.
        product: The product.

    Raises:
        AuthenticationError: There is no token, or it does not allow this.
        TransferError: The server cannot be reached, refuses, or responds with something else.
    """
    from acpublish.client.remote import RemoteCatalog
    from acpublish.client.retry import Patience

    RemoteCatalog(
        destination.to,
        token=destination.token,
        insecure_http=destination.insecure_http,
        patience=Patience(attempts=1),
    ).try_token(product)


def running_devices(destination: Destination, product: str) -> tuple[Adoption, ...]:
    """Returns what a product's devices run; nothing for a directory, which devices cannot ask.

    Raises:
        AuthenticationError: The server does not show this to everyone, nor to this token.
        TransferError: The server cannot be reached, refuses, or responds with something else.
        ManifestError: Its response cannot be read.
    """
    if not destination.is_server:
        return ()
    # Most servers tell it to everyone, and then the token need not be sent.
    try:
        return _server(replace(destination, token=None), publishing=False).running(product)
    except AuthenticationError:
        if destination.token is None:
            raise
    return _server(destination, publishing=False).running(product)


def products_of(destination: Destination) -> tuple[str, ...]:
    """Returns the names of the products of a catalog, sorted.

    Raises:
        CatalogError: The directory is missing or not a directory.
        TransferError: The server cannot be reached, refuses, or responds with something else.
    """
    if destination.is_server:
        return _server(replace(destination, token=None), publishing=False).products()
    return _directory(destination, publishing=False).products()


def open_tokens(destination: Destination) -> RemoteTokens:
    """Opens the tokens of a server.

    Raises:
        SettingsError: The URL cannot be used, or the token must not be sent there.
    """
    from acpublish.client.token_requests import RemoteTokens

    return RemoteTokens(
        destination.to,
        destination.token,
        insecure_http=destination.insecure_http,
        ca=destination.ca,
    )


def trace_requests(listener: Callable[[str], None]) -> Callable[[], None]:
    """Passes a line on each request to a server to a listener; no line contains a secret.

    Args:
        listener: Takes a line.

    Returns:
        A function that ends this.
    """
    from acpublish.client.tracing import listen

    return listen(listener)
