"""``acpublish login-link``: print a link that signs in to the page of a server."""

from __future__ import annotations

from pathlib import Path

import click

from acpublish.cli.common_options import (
    ca_option,
    directory_for,
    insecure_http_option,
    remote_server,
    state_of,
    state_option,
    to_option,
    token_option,
)
from acpublish.cli.ui import json_option, print_json, say


@click.command("login-link")
@to_option
@state_option
@token_option
@insecure_http_option
@ca_option
@json_option
def command(
    to: str | None,
    state: Path | None,
    token_file: str | None,
    insecure_http: bool,
    ca: str | None,
    as_json: bool,
) -> None:
    """Print a link that signs in to the page of a server, with the rights of its own machine.

    The link is for one use within 10 minutes. The server is the one that runs on this machine and
    serves a directory: that of --to or the setting to, or else the current one. With a URL it is
    that server, and a token that has the scope manage is needed.
    """
    access = {"token_file": token_file, "insecure_http": insecure_http, "ca": ca}
    server = remote_server(to, state, access)
    if server is not None:
        from acpublish.publishing.destinations import open_tokens

        tokens = open_tokens(server)
    else:
        from acpublish.control.open_fleet import tokens_of_running

        tokens = tokens_of_running(state or state_of(directory_for(to), None))
    link = tokens.login_link()
    if as_json:
        print_json({"link": link})
        return
    click.echo(link)
    say("acpublish: open it in a browser within 10 minutes; it works once")
