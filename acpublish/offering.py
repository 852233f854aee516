"""The Python API for what is offered: channels that move, and releases that are taken back.

Every function takes the path of a catalog directory or the URL of a server, in the same way. What
is public is named in :mod:`acpublish`. Who changes something is the id of the token for a server,
and ``by`` for a directory; it is shown to everyone, as is the reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from acpublish.publishing.destinations import open_changes
from acpublish.publishing.options import Destination
from acpublish.release import names
from acpublish.release.change_request import Changed, ChangeRequest, RequestedAction
from acpublish.release.channel_rows import ChannelRow
from acpublish.release.channels import Change
from acpublish.release.retention import LEAST_AGE
from acpublish.release.version import Version
from acpublish.settings import arguments

_Path = str | Path
_Version = str | Version


def promote(
    product: str,
    version: _Version,
    *,
    to: _Path,
    channel: str,
    boards: Iterable[str] = (),
    reason: str = "",
    by: str = "",
    token: str | None = None,
    insecure_http: bool = False,
    ca: _Path | None = None,
) -> Changed:
    """Lets a channel point at a release, firmware and filesystem alike.

    Args:
        product: The product.
        version: The release.
        to: A directory, or the http(s) URL of a server.
        channel: The channel.
        boards: The boards to move; all of the release's if empty.
        reason: Why, shown to everyone.
        by: Who promotes it, for a directory.
        token: A token of the server that may publish the product to the channel.
        insecure_http: Send the token to another machine over plain http.
        ca: The file of the only CAs to trust for the server's TLS.

    Returns:
        What moved.

    Raises:
        NotFoundError: There is no such product or release, or no image for a board.
        ConflictError: The release was taken back, or is lower than what the channel points at.
        AcpublishError: The catalog cannot be changed; nothing was.

    Example:
        >>> import acpublish
        >>> changed = acpublish.promote("lamp", "1.2.3", to="catalog", channel="beta")
        >>> [str(move.after) for move in changed.change.moves]
        ['1.2.3']
    """
    destination = arguments.destination(to, token, ca, insecure_http=insecure_http)
    return _changed(
        product, destination, "promote", boards=boards, version=version, channel=channel,
        why=reason, by=by,
    )  # fmt: skip


def rollback(
    product: str,
    version: _Version | None = None,
    *,
    to: _Path,
    channel: str,
    boards: Iterable[str] = (),
    reason: str = "",
    by: str = "",
    token: str | None = None,
    insecure_http: bool = False,
    ca: _Path | None = None,
) -> Changed:
    """Lets a channel point at an older release, and orders the devices back that it can.

    Devices that are known by their digest to run what the channel leaves are offered the older
    release, unless a release in between forbids it, or its secure version is lower.

    Args:
        product: The product.
        version: The release; by default what the channel pointed at before.
        to: A directory, or the http(s) URL of a server.
        channel: The channel.
        boards: The boards to move; all of the channel's if empty.
        reason: Why, shown to everyone.
        by: Who goes back, for a directory.
        token: A token of the server with the scope ``manage``.
        insecure_http: Send the token to another machine over plain http.
        ca: The file of the only CAs to trust for the server's TLS.

    Returns:
        What moved, what stays and why, and which releases' devices are ordered back.

    Raises:
        NotFoundError: There is no such product, release or channel, or no such board on it.
        ConflictError: There is nothing to go back to.
        AcpublishError: The catalog cannot be changed; nothing was.

    Example:
        >>> import acpublish
        >>> changed = acpublish.rollback("lamp", to="catalog", channel="stable", reason="it hangs")
        >>> [str(move.after) for move in changed.change.moves]
        ['1.2.2']
    """
    destination = arguments.destination(to, token, ca, insecure_http=insecure_http)
    return _changed(
        product, destination, "rollback", boards=boards, version=version, channel=channel,
        why=reason, by=by,
    )  # fmt: skip


def withdraw(
    product: str,
    version: _Version,
    *,
    to: _Path,
    reason: str = "",
    boards: Iterable[str] = (),
    order_back: bool = False,
    undo: bool = False,
    by: str = "",
    token: str | None = None,
    insecure_http: bool = False,
    ca: _Path | None = None,
) -> Changed:
    """Stops offering a release, or undoes that.

    A channel that points at it goes back to what it pointed at before. Its bytes stay, for whoever
    may read them, and its version is never given to other bytes.

    Args:
        product: The product.
        version: The release.
        to: A directory, or the http(s) URL of a server.
        reason: Why, shown to everyone.
        boards: The boards whose images are withdrawn; all if empty.
        order_back: Whether devices that run it are ordered back, as by :func:`rollback`.
        undo: Whether to offer it again; no channel points at it until it is promoted.
        by: Who withdraws it, for a directory.
        token: A token of the server with the scope ``manage``.
        insecure_http: Send the token to another machine over plain http.
        ca: The file of the only CAs to trust for the server's TLS.

    Raises:
        NotFoundError: There is no such product or release, or no image for a board.
        ConflictError: Its bytes are gone, so that it cannot be undone.
        AcpublishError: The catalog cannot be changed; nothing was.

    Example:
        >>> import acpublish
        >>> changed = acpublish.withdraw("lamp", "1.2.3", to="catalog", reason="it hangs")
        >>> [str(move.after) for move in changed.change.moves]
        ['1.2.2']
    """
    destination = arguments.destination(to, token, ca, insecure_http=insecure_http)
    return _changed(
        product, destination, "undo" if undo else "withdraw", boards=boards, version=version,
        why=reason, by=by, order_back=order_back,
    )  # fmt: skip


def delete(
    product: str,
    version: _Version,
    *,
    to: _Path,
    reason: str,
    by: str = "",
    token: str | None = None,
    insecure_http: bool = False,
    ca: _Path | None = None,
) -> Changed:
    """Removes the bytes of a release at once, as for a secret that leaked.

    Its manifest stays, so that its devices are recognised and its version is not used again.

    Args:
        product: The product.
        version: The release.
        to: A directory, or the http(s) URL of a server.
        reason: Why, shown to everyone.
        by: Who deletes it, for a directory.
        token: A token of the server with the scope ``manage``.
        insecure_http: Send the token to another machine over plain http.
        ca: The file of the only CAs to trust for the server's TLS.

    Raises:
        NotFoundError: There is no such product or release.
        AcpublishError: The catalog cannot be changed; nothing was.

    Example:
        >>> import acpublish
        >>> changed = acpublish.delete("lamp", "1.2.3", to="catalog", reason="it has a password")
        >>> changed.applied
        True
    """
    destination = arguments.destination(to, token, ca, insecure_http=insecure_http)
    return _changed(product, destination, "delete", version=version, why=reason, by=by)


def retain(
    product: str,
    *,
    to: _Path,
    keep: int,
    channel: str | None = None,
    older_than: timedelta = LEAST_AGE,
    apply: bool = False,
    by: str = "",
    token: str | None = None,
    insecure_http: bool = False,
    ca: _Path | None = None,
) -> Changed:
    """Removes the bytes of old releases, or only plans that.

    What a channel points at or pointed at before is kept, and what was withdrawn within 90 days.

    Args:
        product: The product.
        to: A directory, or the http(s) URL of a server.
        keep: How many of the newest releases to keep for each board and kind.
        channel: Only images that were on no other channel.
        older_than: Only images that were published longer ago.
        apply: Whether to remove them.
        by: Who does it, for a directory.
        token: A token of the server with the scope ``manage``.
        insecure_http: Send the token to another machine over plain http.
        ca: The file of the only CAs to trust for the server's TLS.

    Returns:
        What was removed, or would be, and how many bytes that frees.

    Raises:
        NotFoundError: There is no such product.
        AcpublishError: The catalog cannot be changed; nothing was.

    Example:
        >>> import acpublish
        >>> plan = acpublish.retain("lamp", to="catalog", keep=5)
        >>> plan.applied
        False
    """
    destination = arguments.destination(to, token, ca, insecure_http=insecure_http)
    age_s = int(older_than.total_seconds())
    return _changed(
        product, destination, "retain", channel=channel, keep=keep, older_than_s=age_s,
        apply=apply, by=by,
    )  # fmt: skip


def channels(
    product: str, *, to: _Path, token: str | None = None, ca: _Path | None = None
) -> tuple[ChannelRow, ...]:
    """Returns what each channel points at for each board, and what it pointed at before.

    Args:
        product: The product.
        to: A directory, or the http(s) URL of a server.
        token: A token of the server; not needed for this.
        ca: The file of the only CAs to trust for the server's TLS.

    Raises:
        NotFoundError: There is no such product.
        AcpublishError: The catalog cannot be read.

    Example:
        >>> import acpublish
        >>> [str(row.current.version) for row in acpublish.channels("lamp", to="catalog")]
        ['1.2.3']
    """
    destination = arguments.destination(to, token, ca, insecure_http=False)
    return open_changes(destination).rows(names.product(product))


def history(
    product: str, *, to: _Path, token: str | None = None, ca: _Path | None = None
) -> tuple[Change, ...]:
    """Returns every change of a product, the oldest first.

    Args:
        product: The product.
        to: A directory, or the http(s) URL of a server.
        token: A token of the server; not needed for this.
        ca: The file of the only CAs to trust for the server's TLS.

    Raises:
        NotFoundError: There is no such product.
        AcpublishError: The catalog cannot be read.

    Example:
        >>> import acpublish
        >>> [change.action for change in acpublish.history("lamp", to="catalog")]
        ['publish', 'publish']
    """
    destination = arguments.destination(to, token, ca, insecure_http=False)
    return open_changes(destination).history(names.product(product))


def change_with(product: str, destination: Destination, request: ChangeRequest) -> Changed:
    """Makes a change, or only plans it.

    Raises:
        SettingsError: The reason is missing, or a text is not valid; nothing was sent.
        AcpublishError: The change cannot be made; nothing was changed.
    """
    request.author(datetime.now(timezone.utc))
    return open_changes(destination, changing=True).make(names.product(product), request)


def _changed(
    product: str,
    destination: Destination,
    action: RequestedAction,
    *,
    boards: Iterable[str] = (),
    version: _Version | None = None,
    channel: str | None = None,
    **more: Any,
) -> Changed:
    request = ChangeRequest(
        action=action,
        version=None if version is None else Version.parse(str(version)),
        channel=None if channel is None else names.channel(channel),
        # A string is an iterable as well, of its characters.
        boards=tuple(map(names.board, (boards,) if isinstance(boards, str) else boards)),
        **more,
    )
    request.need_reason("with reason='…'")
    return change_with(product, destination, request)
