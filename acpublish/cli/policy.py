"""``acpublish policy``: how releases go to a channel, in stages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from acpublish.cli import exit_status
from acpublish.cli.common_options import (
    ca_option,
    insecure_http_option,
    settings_for,
    to_option,
    token_option,
)
from acpublish.cli.groups import CommandGroup
from acpublish.cli.ui import facts, json_option, print_json, printable
from acpublish.fleet.policy import DEFAULT_HALT, DEFAULT_SOAK, Policy
from acpublish.policies import read_with, set_with
from acpublish.publishing.options import Destination
from acpublish.release.change_request import Changed
from acpublish.release.durations import in_words, of_seconds
from acpublish.release.text import name_of_person

_Command = Callable[..., Any]
_STAGES = (
    click.option(
        "--stages",
        metavar="STAGES",
        required=True,
        help="Its stages, such as 1,10%,50%,100%: numbers, shares, tag:NAME or group:NAME.",
    ),
    click.option(
        "--soak",
        metavar="TIME",
        default=DEFAULT_SOAK,
        help=f"The least time of each stage: one for all, or one for each.  [{DEFAULT_SOAK}]",
    ),
    click.option(
        "--halt",
        metavar="COUNT,SHARE%",
        default=DEFAULT_HALT,
        help=f"Halt at so many failures, or at such a share of them.  [{DEFAULT_HALT}]",
    ),
    click.option(
        "--on-halt",
        metavar="stop|order-back",
        default="stop",
        help="Whether a halt orders back the devices that got the release.  [stop]",
    ),
    click.option("--at-once", is_flag=True, help="Order them back all at once, not in stages."),
    click.option(
        "--window",
        metavar="FROM-TO",
        help="Offer it only at this time of the day, such as 02:00-05:00.  [always]",
    ),
)
_CHANGING = (
    to_option,
    click.option("--reason", metavar="TEXT", default="", help="Why, shown to everyone."),
    click.option("--by", metavar="TEXT", help="Who does it; for a directory."),
    token_option,
    insecure_http_option,
    ca_option,
    json_option,
)


def policy_options(command: _Command) -> _Command:
    """Adds the options that describe a policy, which :func:`policy_from` reads."""
    return _with(_STAGES, command)


def policy_from(options: dict[str, Any]) -> Policy:
    """Returns the policy that the options of a command describe, and takes them out.

    Raises:
        SettingsError: It is malformed, or could never work.
    """
    words = ("stages", "soak", "halt", "on_halt", "at_once", "window")
    return Policy.parse(**{word: options.pop(word) for word in words})


def _changing_options(command: _Command) -> _Command:
    return _with(_CHANGING, command)


def _with(options: tuple[Callable[[_Command], _Command], ...], command: _Command) -> _Command:
    for option in reversed(options):
        command = option(command)
    return command


@click.group("policy", cls=CommandGroup)
def command() -> None:
    """Handle policies: how releases go to a channel.

    On a channel with a policy, whatever is published or promoted starts a rollout, which a server
    makes: one stage of devices after the other, as long as they come back with the release. Without
    one, a release reaches everybody at once.
    """


@command.command("set")
@click.argument("product")
@click.argument("channel")
@policy_options
@_changing_options
def set_(product: str, channel: str, **options: Any) -> None:
    """Let releases go to a channel in stages.

    A stage is a number of devices of each board, a share of all, tag:NAME or group:NAME. The next
    one begins when its soak is over and its devices have come back with the release. What is on its
    way already keeps its own policy.
    """
    policy = policy_from(options)
    destination, by = _where(options)
    changed = set_with(product, channel, policy, destination, reason=options["reason"], by=by)
    nothing = f"nothing to do: that is the policy of {channel}"
    _report(changed, nothing, f"{product} {channel}: policy set", as_json=options["as_json"])


@command.command("clear")
@click.argument("product")
@click.argument("channel")
@_changing_options
def clear(product: str, channel: str, **options: Any) -> None:
    """Let releases reach everybody on a channel at once again.

    What is on its way already keeps its own policy.
    """
    destination, by = _where(options)
    changed = set_with(product, channel, None, destination, reason=options["reason"], by=by)
    nothing = f"nothing to do: {channel} has no policy"
    _report(changed, nothing, f"{product} {channel}: policy cleared", as_json=options["as_json"])


@command.command("show")
@click.argument("product")
@click.argument("channel")
@to_option
@ca_option
@json_option
def show(product: str, channel: str, to: str | None, ca: str | None, as_json: bool) -> int:
    """Show how releases go to a channel."""
    policy = read_with(product, channel, settings_for({"to": to, "ca": ca}).destination())
    if as_json:
        document = None if policy is None else policy.to_dict()
        print_json({"product": product, "channel": channel, "policy": document})
    elif policy is None:
        click.echo(f"{channel} has no policy: a release reaches everybody at once")
    else:
        facts(_rows(policy))
    return exit_status.OK


def _where(options: dict[str, Any]) -> tuple[Destination, str]:
    """Returns where to change something, and who does."""
    names_of_settings = ("to", "by", "insecure_http", "ca", "token_file")
    settings = settings_for({name: options[name] for name in names_of_settings})
    return settings.destination(), settings.checked("by", name_of_person, "")


def _report(changed: Changed, nothing: str, done: str, *, as_json: bool) -> None:
    if as_json:
        print_json(changed.to_dict())
        return
    for note in changed.notes:
        click.echo(printable(note))
    click.echo(nothing if changed.change is None else f"{done} (change {changed.serial})")


def _rows(policy: Policy) -> dict[str, object]:
    """Returns a policy for a person."""
    document = policy.to_dict()
    soaks = [in_words(of_seconds(seconds)) for seconds in policy.soak_s]
    back = "order its devices back" + (" at once" if policy.at_once else " in stages")
    return {
        "stages": ", ".join(stage.text for stage in policy.stages),
        "soak": soaks[0] if len(set(soaks)) == 1 else ", ".join(soaks),
        "halt": document["halt"].replace(",", " failures, or ")
        + (" failures" if policy.halt_share is None else ""),
        "on halt": back if policy.on_halt == "order-back" else "stop",
        "window": document["window"] or "always",
    }
