"""``acpublish policy``: how releases go to a channel, in stages."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import click

from acpublish.cli import exit_status
from acpublish.cli.common_options import (
    by_option,
    ca_option,
    fleet_of,
    insecure_http_option,
    settings_for,
    state_option,
    to_option,
    token_option,
    with_state,
)
from acpublish.cli.groups import CommandGroup
from acpublish.cli.policy_options import policy_from, policy_options
from acpublish.cli.ui import facts, json_option, print_json, printable, warn
from acpublish.errors import AcpublishError
from acpublish.fleet.describing import unknown_mark
from acpublish.fleet.policy import Policy
from acpublish.policies import read_with, set_with
from acpublish.publishing.options import Destination
from acpublish.release.change_request import Changed
from acpublish.release.text import name_of_person

_Command = Callable[..., Any]
#: Among the tags or groups of so many devices, the one that was meant is looked for.
_COMPARED = 10_000
_CHANGING = (
    to_option,
    state_option,
    click.option("--reason", metavar="TEXT", default="", help="Why, shown to everyone."),
    by_option,
    token_option,
    insecure_http_option,
    ca_option,
    json_option,
)


def _changing_options(command: _Command) -> _Command:
    for option in reversed(_CHANGING):
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
@policy_options(required=True)
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
    _warn_of_unknown_marks(product, policy, destination, options["state"])


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
@state_option
@ca_option
@json_option
def show(
    product: str,
    channel: str,
    to: str | None,
    state: Path | None,
    ca: str | None,
    as_json: bool,
) -> int:
    """Show how releases go to a channel."""
    destination = with_state(settings_for({"to": to, "ca": ca}).destination(), state)
    policy = read_with(product, channel, destination)
    if as_json:
        document = None if policy is None else policy.to_dict()
        print_json({"product": product, "channel": channel, "policy": document})
    elif policy is None:
        click.echo(f"{channel} has no policy: a release reaches everybody at once")
    else:
        facts(policy.in_words())
    return exit_status.OK


def _warn_of_unknown_marks(
    product: str, policy: Policy | None, destination: Destination, state: Path | None
) -> None:
    """Warns of each stage for a tag or group that no device has, if the fleet can be asked."""
    stages = [] if policy is None else [stage for stage in policy.stages if stage.name]
    if not stages:
        return
    try:
        fleet = fleet_of(destination, state)
        for stage in stages:
            tag, group = (stage.name, None) if stage.kind == "tag" else (None, stage.name)
            if next(iter(fleet.devices(product=product, tag=tag, group=group)), None) is None:
                devices = islice(fleet.devices(product=product), _COMPARED)
                known = {name for device in devices for name in device[f"{stage.kind}s"]}
                warn(f"the stage {stage.text} reaches nobody yet: {unknown_mark(stage, known)}")
    except AcpublishError:
        # The policy is set, even if the store cannot be read now.
        return


def _where(options: dict[str, Any]) -> tuple[Destination, str]:
    """Returns where to change something, and who does."""
    names_of_settings = ("to", "by", "insecure_http", "ca", "token_file")
    settings = settings_for({name: options[name] for name in names_of_settings})
    destination = with_state(settings.destination(), options["state"])
    return destination, settings.checked("by", name_of_person, "")


def _report(changed: Changed, nothing: str, done: str, *, as_json: bool) -> None:
    if as_json:
        print_json(changed.to_dict())
        return
    for note in changed.notes:
        click.echo(printable(note))
    click.echo(nothing if changed.change is None else f"{done} (change {changed.serial})")
