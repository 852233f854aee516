"""``acpublish token``: create the tokens needed to publish to a server."""

from __future__ import annotations

import os
from pathlib import Path

import click

from acpublish.cli.common_options import directory_option, old_directory_option, one_catalog
from acpublish.cli.groups import CommandGroup
from acpublish.cli.ui import say, warn


@click.group("token", cls=CommandGroup)
def command() -> None:
    """Create the tokens that publishing to a server requires."""


@command.command("create")
@click.option(
    "--publish",
    required=True,
    metavar="PRODUCT|'*'",
    help="The product that the token allows to publish; '*' for every product.",
)
@directory_option
@old_directory_option
@click.option(
    "--state",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The folder where the server stores tokens.  [the user's state folder]",
)
def create(publish: str, to: Path | None, old_to: Path | None, state: Path | None) -> None:
    """Create a token, print it once, and store only its SHA-256.

    A running server accepts the token immediately. Set it as ACPUBLISH_TOKEN where you publish.
    """
    from acpublish.catalog.directory import DirectoryCatalog
    from acpublish.catalog.state import state_dir
    from acpublish.ownership import other_owner
    from acpublish.release import names
    from acpublish.server.tokens import create_token

    if publish != "*":
        publish = names.product(publish)
    if state is None:
        # The state folder depends on the catalog's path, so a mistyped path must be an error.
        root = DirectoryCatalog(one_catalog(to, old_to) or Path()).root
        state = state_dir(root, os.environ)
        owner = other_owner(root)
        if owner is not None:
            warn(
                f"the catalog belongs to {owner}: if the server runs as that user, create tokens "
                "as that user as well, or name its state folder with --state"
            )
    click.echo(create_token(state, publish))
    say(f"acpublish: the server stores its digest in {state}")
