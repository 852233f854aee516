"""How much a command says: ``--quiet`` and ``--verbose``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from acpublish.cli.output import printable

__all__ = ["set_volume", "volume_options"]


def volume_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options ``-q`` and ``-v``."""
    quiet = click.option(
        "--quiet", "-q", is_flag=True, help="Print the last line only, and errors."
    )
    verbose = click.option(
        "--verbose", "-v", is_flag=True, help="Tell each request to a server, on stderr."
    )
    return quiet(verbose(command))


def set_volume(*, quiet: bool, verbose: bool) -> None:
    """Does what the options say, for as long as the command runs.

    Raises:
        click.UsageError: Both are given.
    """
    if quiet and verbose:
        raise click.UsageError("--quiet and --verbose are opposites")
    if verbose:
        from acpublish.client.telling import listen

        end = listen(lambda line: click.echo(f"acpublish: {printable(line)}", err=True))
        click.get_current_context().call_on_close(end)
