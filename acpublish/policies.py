"""The Python API for the policies of channels: how releases go there in stages.

Every function takes the path of a catalog directory or the URL of a server, in the same way. What
is public is named in :mod:`acpublish`.
"""

from __future__ import annotations

from pathlib import Path

from acpublish.fleet.policy import DEFAULT_HALT, DEFAULT_SOAK, Policy
from acpublish.publishing.destinations import open_changes
from acpublish.publishing.options import Destination
from acpublish.release import changes, names
from acpublish.release.change_request import Changed
from acpublish.settings import arguments

_Path = str | Path


def set_policy(
    product: str,
    channel: str,
    *,
    to: _Path,
    stages: str,
    soak: str = DEFAULT_SOAK,
    halt: str = DEFAULT_HALT,
    on_halt: str = "stop",
    at_once: bool = False,
    window: str | None = None,
    reason: str = "",
    by: str = "",
    token: str | None = None,
    insecure_http: bool = False,
    ca: _Path | None = None,
) -> Changed:
    """Sets how releases go to a channel: in stages, whatever publishes or promotes them.

    What is on its way there already keeps its own policy.

    Args:
        product: The product.
        channel: The channel.
        to: A directory, or the http(s) URL of a server.
        stages: The stages, such as ``1,10%,50%,100%``: a number of devices of each board, a share,
            ``tag:NAME`` or ``group:NAME``.
        soak: The least time that each stage lasts, such as ``24h``; one for all stages, or one for
            each.
        halt: The failures that halt it, such as ``3,5%``: a number, and a share of the devices that
            were judged.
        on_halt: ``stop``, or ``order-back`` to order back the devices that got the release.
        at_once: Whether those go back all at once; otherwise in stages, as they came.
        window: When devices are offered it, in the server's time, such as ``02:00-05:00``; None for
            always.
        reason: Why, shown to everyone.
        by: Who sets it, for a directory.
        token: A token of the server with the scope ``manage``.
        insecure_http: Send the token to another machine over plain http.
        ca: The file of the only CAs to trust for the server's TLS.

    Raises:
        SettingsError: The policy is malformed, or could never work.
        NotFoundError: There is no such product.
        AcpublishError: The catalog cannot be changed; nothing was.

    Example:
        >>> import acpublish
        >>> changed = acpublish.set_policy("lamp", "stable", to="catalog", stages="1,10%,100%")
        >>> changed.change.action
        'policy'
    """
    policy = Policy.parse(
        stages, soak=soak, halt=halt, on_halt=on_halt, at_once=at_once, window=window
    )
    destination = arguments.destination(to, token, ca, insecure_http=insecure_http)
    return set_with(product, channel, policy, destination, reason=reason, by=by)


def clear_policy(
    product: str,
    channel: str,
    *,
    to: _Path,
    reason: str = "",
    by: str = "",
    token: str | None = None,
    insecure_http: bool = False,
    ca: _Path | None = None,
) -> Changed:
    """Takes the policy of a channel away: from then on, a release reaches everybody at once.

    What is on its way there already keeps its own policy.

    Args:
        product: The product.
        channel: The channel.
        to: A directory, or the http(s) URL of a server.
        reason: Why, shown to everyone.
        by: Who does it, for a directory.
        token: A token of the server with the scope ``manage``.
        insecure_http: Send the token to another machine over plain http.
        ca: The file of the only CAs to trust for the server's TLS.

    Raises:
        NotFoundError: There is no such product.
        AcpublishError: The catalog cannot be changed; nothing was.

    Example:
        >>> import acpublish
        >>> acpublish.clear_policy("lamp", "stable", to="catalog").applied
        True
    """
    destination = arguments.destination(to, token, ca, insecure_http=insecure_http)
    return set_with(product, channel, None, destination, reason=reason, by=by)


def policy_of(
    product: str, channel: str, *, to: _Path, token: str | None = None, ca: _Path | None = None
) -> Policy | None:
    """Returns how releases go to a channel; None if they reach everybody at once.

    Args:
        product: The product.
        channel: The channel.
        to: A directory, or the http(s) URL of a server.
        token: A token of the server; not needed for this.
        ca: The file of the only CAs to trust for the server's TLS.

    Raises:
        NotFoundError: There is no such product.
        SettingsError: A newer acpublish set a policy that this one cannot read.
        AcpublishError: The catalog cannot be read.

    Example:
        >>> import acpublish
        >>> policy = acpublish.policy_of("lamp", "stable", to="catalog")
        >>> [stage.text for stage in policy.stages]
        ['1', '10%', '100%']
    """
    destination = arguments.destination(to, token, ca, insecure_http=False)
    return read_with(product, channel, destination)


def set_with(
    product: str,
    channel: str,
    policy: Policy | None,
    destination: Destination,
    *,
    reason: str,
    by: str,
) -> Changed:
    """Sets a policy that is already checked, or takes it away with None; see :func:`set_policy`.

    Raises:
        SettingsError: A text is not valid; nothing was sent.
        AcpublishError: The catalog cannot be changed; nothing was.
    """
    changes.need_texts(by, reason)
    document = None if policy is None else policy.to_dict()
    opened = open_changes(destination, changing=True)
    return opened.set_policy(
        names.product(product), names.channel(channel), document, why=reason, by=by
    )


def read_with(product: str, channel: str, destination: Destination) -> Policy | None:
    """Reads the policy of a channel; see :func:`policy_of`."""
    policies = open_changes(destination).policies(names.product(product))
    document = policies.get(names.channel(channel))
    return None if document is None else Policy.from_dict(document)
