"""``acpublish token``: the tokens that publishing to a server asks for."""

from __future__ import annotations

import os
from pathlib import Path

import click


@click.group(
    "token",
    no_args_is_help=False,
    short_help="Make the tokens that publishing to a server asks for.",
)
def command() -> None:
    """Make the tokens that publishing to a server asks for."""


@command.command("create")
@click.option(
    "--publish",
    required=True,
    metavar="PRODUCT|'*'",
    help="The product that the token may publish; '*' for every product.",
)
@click.option(
    "--catalog",
    "-d",
    default=".",
    type=click.Path(path_type=Path),
    help="The directory that the server serves.  [the current one]",
)
@click.option(
    "--state",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where the server keeps its tokens.  [the user's state folder]",
)
def create(publish: str, catalog: Path, state: Path | None) -> None:
    """Make a token, print it once, and keep only its SHA-256.

    A server that runs already knows the token at once. Give it to whoever publishes as
    ACPUBLISH_TOKEN.
    """
    from acpublish.catalog.directory import DirectoryCatalog
    from acpublish.catalog.state import state_dir
    from acpublish.release import names
    from acpublish.server.tokens import create_token

    if publish != "*":
        publish = names.product(publish)
    if state is None:
        # The folder is found by the catalog's path: a token for a mistyped one would be for nobody.
        state = state_dir(DirectoryCatalog(catalog).root, os.environ)
    click.echo(create_token(state, publish))
    click.echo(f"acpublish: the server keeps its digest in {state}", err=True)
