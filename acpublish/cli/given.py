"""What a command was given: its options, and the settings that stand in for missing ones."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import click

from acpublish.cli.output import warn
from acpublish.settings import Settings, command_settings, flags
from acpublish.settings.names import LISTS

__all__ = [
    "environment_option",
    "insecure_http_option",
    "repeated",
    "settings_for",
    "token_option",
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
