"""The options that make the policy of a rollout, the same in every command that has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from acpublish.fleet.policy import DEFAULT_HALT, DEFAULT_SOAK, DEFAULT_STAGES, Policy

_OPTIONS = (
    click.option(
        "--stages",
        metavar="LIST",
        help=f"Numbers, shares, tag:NAME or group:NAME, which rise.  [{DEFAULT_STAGES}]",
    ),
    click.option(
        "--soak",
        metavar="TIME",
        help=f"The least time of all stages, or of each: 1h,24h,0s.  [{DEFAULT_SOAK}]",
    ),
    click.option(
        "--halt",
        metavar="N,SHARE",
        help=f"The failures that halt the rollout.  [{DEFAULT_HALT}]",
    ),
    click.option(
        "--on-halt",
        metavar="WHAT",
        help="stop, or order-back for devices that got the release.  [stop]",
    ),
    click.option("--at-once", is_flag=True, help="Order all of them back at the same time."),
    click.option(
        "--window", metavar="FROM-TO", help="The part of the day in which to offer it: 02:00-05:00."
    ),
)


def policy_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options of a policy to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def policy_of(*, stages: str | None, **options: str | bool | None) -> Policy:
    """Returns the policy that options make, with the defaults for those that are missing.

    Args:
        stages: The option ``--stages``.
        options: The other options, by the names of :meth:`Policy.parse`.

    Raises:
        SettingsError: One of them is malformed, or the policy could never work.
    """
    given: dict[str, Any] = {name: value for name, value in options.items() if value}
    return Policy.parse(stages or DEFAULT_STAGES, **given)
