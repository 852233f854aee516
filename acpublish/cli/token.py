"""``acpublish token``: create, list, revoke and rotate the tokens of a server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acpublish.cli.common_options import (
    ca_option,
    directory_for,
    insecure_http_option,
    old_directory_option,
    one_catalog,
    remote_server,
    state_of,
    token_option,
)
from acpublish.cli.groups import CommandGroup
from acpublish.cli.ui import json_option, print_json, say, table
from acpublish.release.durations import duration
from acpublish.release.grants import Grant, NewToken, TokenInfo, TokenRequest

if TYPE_CHECKING:
    from acpublish.client.token_requests import RemoteTokens
    from acpublish.server.token_file import TokenStore

_WHERE = (
    click.option(
        "--to",
        metavar="DIR|URL",
        help="The directory that the server serves, or its URL.  [the setting 'to', or the current "
        "directory]",
    ),
    old_directory_option,
    click.option(
        "--state",
        metavar="DIR",
        type=click.Path(path_type=Path),
        help="The folder where the server stores tokens.  [the user's state folder]",
    ),
    token_option,
    insecure_http_option,
    ca_option,
)


@click.group("token", cls=CommandGroup)
def command() -> None:
    """Handle the tokens of a server: who may publish, read and manage.

    The commands change the tokens in the state folder of the server that serves a directory: that
    of --to or the setting to, or else the current one. With a URL, they go to the server over
    HTTP, with a token that has the scope manage. A running server applies each change immediately.
    """


def _with_tokens(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say whose tokens, and passes these as the first argument."""

    @wraps(function)
    def run(
        to: str | None,
        old_to: Path | None,
        state: Path | None,
        token_file: str | None,
        insecure_http: bool,
        ca: str | None,
        **options: Any,
    ) -> Any:
        to = one_catalog(to, None if old_to is None else str(old_to))
        access = {"token_file": token_file, "insecure_http": insecure_http, "ca": ca}
        server = remote_server(to, state, access)
        if server is None:
            return function(_stored(to, state), **options)
        from acpublish.publishing.destinations import open_tokens

        return function(open_tokens(server), **options)

    for option in reversed(_WHERE):
        option(run)
    return run


def _stored(to: str | None, state: Path | None) -> TokenStore:
    from acpublish.server.token_file import TokenStore

    return TokenStore(state or state_of(directory_for(to), None))


@command.command("create")
@click.option(
    "--publish",
    default="",
    metavar="PRODUCT|'PATTERN'",
    help="The products that the token allows to publish and promote, such as 'lamp*'; '*' for all.",
)
@click.option(
    "--channel",
    "channels",
    metavar="C",
    multiple=True,
    help="Allow this channel only. May be repeated.  [all]",
)
@click.option("--read", is_flag=True, help="Allow to read what is not for everyone.")
@click.option("--manage", is_flag=True, help="Allow to withdraw, roll back, delete, handle tokens.")
@click.option("--name", default="", metavar="N", help="What you call the token.")
@click.option(
    "--expires", metavar="DURATION", help="When the token ends: 90s, 15m, 24h, 90d.  [never]"
)
@json_option
@_with_tokens
def create(
    tokens: TokenStore | RemoteTokens,
    publish: str,
    channels: tuple[str, ...],
    read: bool,
    manage: bool,
    name: str,
    expires: str | None,
    as_json: bool,
) -> None:
    """Create a token, print it once, and store only its SHA-256.

    A running server accepts the token immediately. Set it as ACPUBLISH_TOKEN where you publish.
    """
    lifetime = None if expires is None else duration(expires)
    grant = Grant.of(publish, channels, read=read, manage=manage)
    new = tokens.create(TokenRequest(grant=grant, name=name, lifetime=lifetime))
    _show_new(new, as_json, f"token {new.info.id} created; {tokens.place} has only its digest")


@command.command("list")
@json_option
@_with_tokens
def list_tokens(tokens: TokenStore | RemoteTokens, as_json: bool) -> None:
    """List the tokens: what each allows, when it ends, and when it was last used."""
    infos = tokens.all()
    if as_json:
        print_json([info.to_dict() for info in infos])
        return
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    head = ("ID", "NAME", "SCOPES", "CHANNELS", "CREATED", "EXPIRES", "LAST USED")
    table([head, *(_row(info, now) for info in infos)])


@command.command("revoke")
@click.argument("token_id", metavar="ID")
@json_option
@_with_tokens
def revoke(tokens: TokenStore | RemoteTokens, token_id: str, as_json: bool) -> None:
    """Revoke a token, given by its id or its name.

    A running server refuses it from then on, also for uploads that are in progress.
    """
    info = tokens.revoke(token_id)
    if as_json:
        print_json(info.to_dict())
        return
    click.echo(f"token {info.id} revoked: {_allows(info)}")


@command.command("rotate")
@click.argument("token_id", metavar="ID")
@click.option(
    "--grace",
    default="24h",
    show_default=True,
    metavar="DURATION",
    help="How long the old token is still accepted; 0s to end it at once.",
)
@json_option
@_with_tokens
def rotate(tokens: TokenStore | RemoteTokens, token_id: str, grace: str, as_json: bool) -> None:
    """Replace a token by a new one that allows the same and lasts as long, and print that.

    The token to replace is given by its id or its name.
    """
    new = tokens.rotate(token_id, duration(grace))
    old = new.replaces
    until = f"{old.id}, which ends at {old.expires}" if old else token_id
    _show_new(new, as_json, f"token {new.info.id} replaces {until}")


def _show_new(new: NewToken, as_json: bool, note: str) -> None:
    if as_json:
        print_json(new.to_dict())
        return
    click.echo(new.text)
    say(f"acpublish: {note}")


def _row(info: TokenInfo, now: str) -> tuple[str, ...]:
    expires = info.expires or "never"
    if info.expires is not None and info.expires <= now:
        expires = f"{expires} (ended)"
    if info.replaced_by is not None:
        expires = f"{expires} (replaced by {info.replaced_by})"
    used = info.last_used or "never"
    channels = ", ".join(info.channels) or ("all" if _publishes(info) else "-")
    return info.id, info.name or "-", ", ".join(info.scopes), channels, info.created, expires, used


def _publishes(info: TokenInfo) -> bool:
    return any(scope.startswith("publish:") for scope in info.scopes)


def _allows(info: TokenInfo) -> str:
    channels = f" to {', '.join(info.channels)}" if info.channels else ""
    return f"{', '.join(info.scopes)}{channels}"
