"""What a command was given: its options, and the settings that stand in for missing ones.

The type of arguments and options that are paths.

How much a command says: ``--quiet`` and ``--verbose``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from acpublish.cli.ui import printable, warn
from acpublish.settings.layers import flags
from acpublish.settings.names import LISTS
from acpublish.settings.values import Settings, command_settings

__all__ = [
    "ANY_PATH",
    "environment_option",
    "insecure_http_option",
    "repeated",
    "set_volume",
    "settings_for",
    "token_option",
    "volume_options",
]

environment_option = click.option(
    "--environment",
    "-e",
    "project_environment",
    metavar="ENV",
    help="The environment of platformio.ini whose options count.",
)
insecure_http_option = click.option(
    "--insecure-http",
    is_flag=True,
    help="Send the token over plain http to another machine, too.",
)
#: There is no option for the token itself, which others would see in the list of processes.
token_option = click.option(
    "--token-file", metavar="FILE", help="The file that holds the token; - for standard input."
)


def repeated(skip_checks: Sequence[str], accept_secrets: Sequence[str]) -> dict[str, str | None]:
    """Returns the options that may be given more than once, as the texts of their settings."""
    return {
        "skip_checks": LISTS["skip_checks"].join(skip_checks) or None,
        "accept_secrets": LISTS["accept_secrets"].join(accept_secrets) or None,
    }


def settings_for(
    given: Mapping[str, str | None],
    project_environment: str | None = None,
    *,
    defaults: bool = False,
    without: Collection[str] = (),
) -> Settings:
    """Returns the settings of a command, and says what of them is not used.

    Args:
        given: Its options, by the names of the settings.
        project_environment: The environment of platformio.ini that it was told.
        defaults: Whether a PlatformIO project also tells product and board by its name and board.
        without: Settings that the project's and the user's files do not decide.
    """
    settings = command_settings(
        flags(given),
        os.environ,
        Path(),
        project_environment=project_environment,
        defaults=defaults,
        without=without,
    )
    for warning in settings.warnings():
        warn(warning)
    return settings


#: Whoever opens a path says what is wrong with it; click would call that a wrong usage.
ANY_PATH = click.Path(path_type=Path, readable=False)


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
        from acpublish.publishing.destinations import trace_requests

        end = trace_requests(lambda line: click.echo(f"acpublish: {printable(line)}", err=True))
        click.get_current_context().call_on_close(end)
