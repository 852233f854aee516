"""The options that make the policy of a rollout, the same in every command that has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from acpublish.fleet.policy import DEFAULT_HALT, DEFAULT_SOAK, DEFAULT_STAGES, Policy

_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
_NAMES = ("stages", "soak", "halt", "on_halt", "at_once", "window")


def policy_options(*, required: bool) -> _Decorator:
    """Returns a decorator that adds the options of a policy, which :func:`policy_from` reads.

    Args:
        required: Whether the stages have to be named.
    """
    options = (
        click.option(
            "--stages",
            metavar="STAGES",
            required=required,
            help="Its stages, such as 1,10%,50%,100%: numbers, shares, tag:NAME or group:NAME.",
        ),
        click.option(
            "--soak",
            metavar="TIME",
            help=f"The least time of each stage: one for all, or one for each.  [{DEFAULT_SOAK}]",
        ),
        click.option(
            "--halt",
            metavar="COUNT,SHARE%",
            help=f"Halt at so many failures, or at such a share of them.  [{DEFAULT_HALT}]",
        ),
        click.option(
            "--on-halt",
            metavar="stop|order-back",
            help="Whether a halt orders back the devices that got the release.  [stop]",
        ),
        click.option("--at-once", is_flag=True, help="Order them back all at once, not in stages."),
        click.option(
            "--window",
            metavar="FROM-TO",
            help="Offer it only at this time of the day, such as 02:00-05:00.  [always]",
        ),
    )

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def policy_from(options: dict[str, Any]) -> Policy | None:
    """Returns the policy that the options of a command describe, and takes them out.

    Args:
        options: The options of the command.

    Returns:
        None if none of them is set.

    Raises:
        SettingsError: It is malformed, or could never work.
    """
    chosen = {name: options.pop(name) for name in _NAMES}
    given = {name: value for name, value in chosen.items() if value}
    return Policy.parse(given.pop("stages", DEFAULT_STAGES), **given) if given else None
