"""Commands that change what is offered: promote, rollback, withdraw, retain and delete.

Each plans the change first. Where devices lose something, it says what, and asks; the change is
then made only if nothing else has changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import click

from acpublish.cli import exit_status
from acpublish.cli.common_options import (
    boards_option,
    by_option,
    ca_option,
    insecure_http_option,
    settings_for,
    to_option,
    token_option,
)
from acpublish.cli.ui import confirm, json_option, print_json, printable
from acpublish.offering import change_with
from acpublish.publishing.options import Destination
from acpublish.publishing.standing import move_text, ordered_text
from acpublish.release import names
from acpublish.release.change_request import Changed, ChangeRequest, RequestedAction
from acpublish.release.durations import duration
from acpublish.release.text import name_of_person
from acpublish.release.version import Version

#: How the last line of an action ends. A promotion also names the channel, and retain the number.
_DONE = {
    "rollback": "rolled back",
    "withdraw": "withdrawn",
    "undo": "no longer withdrawn",
    "delete": "deleted",
}
_NOTHING = {
    "promote": "nothing to do: the channel points at it already",
    "rollback": "nothing to do",
    "withdraw": "nothing to do: it is not offered any more",
    "undo": "nothing to do: it is not withdrawn",
    "retain": "nothing to remove",
    "delete": "nothing to do: it is deleted already",
}


def _options(*, reason: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Returns a decorator that adds the options that all of these commands have."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(
            (
                to_option,
                click.option("--reason", metavar="TEXT", default="", help=reason),
                by_option,
                token_option,
                insecure_http_option,
                ca_option,
                json_option,
            )
        ):
            command = option(command)
        return command

    return decorate


channel_option = click.option("--channel", metavar="C", required=True, help="The channel to move.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command("promote")
@click.argument("product")
@click.argument("version")
@channel_option
@boards_option
@_options(reason="Why, shown to everyone.")
def promote(product: str, version: str, **options: Any) -> int:
    """Let a channel point at a release.

    All boards of the release move, firmware and filesystem alike, or none of them does. A channel
    moves up only: to go back, use rollback.
    """
    return _change(product, "promote", options, version=version, asks=False)


@click.command("rollback")
@click.argument("product")
@click.argument("version", required=False)
@channel_option
@boards_option
@yes_option
@_options(reason="Why, shown to everyone.")
def rollback(product: str, version: str | None, **options: Any) -> int:
    """Let a channel point at an older release, and order its devices back.

    Without VERSION, each board goes back to what the channel pointed at before; again, and it goes
    one further. Devices that are known to run what the channel leaves are offered the older
    release, unless a release in between forbids it.
    """
    return _change(product, "rollback", options, version=version)


@click.command("withdraw")
@click.argument("product")
@click.argument("version")
@boards_option
@click.option("--order-back", is_flag=True, help="Also order its devices back.")
@click.option("--undo", is_flag=True, help="Allow it to be promoted again.")
@yes_option
@_options(reason="Why, shown to everyone; required unless --undo is set.")
def withdraw(product: str, version: str, undo: bool, **options: Any) -> int:
    """Stop offering a release, for good or until --undo.

    Its address answers 404, and lists leave it out. A channel that points at it goes back to what
    it pointed at before. Devices that run it keep it, unless --order-back is set.
    """
    if undo and options["order_back"]:
        raise click.UsageError("--undo and --order-back cannot be combined")
    if undo:
        return _change(product, "undo", options, version=version, asks=False)
    return _change(product, "withdraw", options, version=version)


@click.command("delete")
@click.argument("product")
@click.argument("version")
@yes_option
@_options(reason="Why, shown to everyone; required.")
def delete(product: str, version: str, **options: Any) -> int:
    """Remove the bytes of a release for ever, as for a secret that leaked.

    Its manifest stays, so that its devices are recognised and its version is not used again.
    """
    return _change(product, "delete", options, version=version)


@click.command("retain")
@click.argument("product")
@click.option(
    "--keep",
    metavar="N",
    type=click.IntRange(1),
    required=True,
    help="How many of the newest releases to keep for each board.",
)
@click.option("--channel", metavar="C", help="Only images that were on no other channel.")
@click.option(
    "--older-than",
    metavar="AGE",
    default="90d",
    help="Only images published longer ago, as in 30d or 12h.  [90d]",
)
@click.option("--apply", is_flag=True, help="Remove them; otherwise only the plan is printed.")
@_options(reason="Why, shown to everyone.")
def retain(product: str, keep: int, older_than: str, apply: bool, **options: Any) -> int:
    """Remove the bytes of old releases, of development builds above all.

    Manifests stay, so devices that run such a release are still recognised. What a channel points
    at or pointed at before is kept, and what was withdrawn within 90 days. No list tells which
    devices were switched off, so nothing younger than --older-than is removed.
    """
    age_s = int(duration(older_than).total_seconds())
    return _change(
        product, "retain", options, keep=keep, older_than_s=age_s, asks=False, plan_only=not apply
    )


def _change(
    product: str,
    action: RequestedAction,
    options: dict[str, Any],
    *,
    version: str | None = None,
    asks: bool = True,
    plan_only: bool = False,
    **more: Any,
) -> int:
    """Plans a change, asks if it has to, makes it, and prints what it came to."""
    names_of_settings = ("to", "by", "insecure_http", "ca", "token_file")
    settings = settings_for({name: options[name] for name in names_of_settings})
    destination, as_json = settings.destination(), options["as_json"]
    channel = options.get("channel")
    request = ChangeRequest(
        action=action,
        version=None if version is None else Version.parse(version),
        channel=None if channel is None else names.channel(channel),
        boards=tuple(map(names.board, options.get("boards", ()))),
        why=options["reason"],
        by=settings.checked("by", name_of_person, ""),
        order_back=options.get("order_back", False),
        apply=False,
        **more,
    )
    request.need_reason("with --reason TEXT")
    changed = change_with(product, destination, request)
    shown = False
    if changed.change is not None and not plan_only:
        if asks and not options["yes"]:
            shown = True
            _show(changed, destination, err=as_json)
            if not confirm("Go on?", shown="this", otherwise="nothing was changed", err=as_json):
                if as_json:
                    print_json(changed.to_dict())
                return exit_status.NO
        # What was planned is made only if nothing else has changed.
        request = replace(request, apply=True, serial=changed.serial)
        changed = change_with(product, destination, request)
    if as_json:
        print_json(changed.to_dict())
        return exit_status.OK
    if not shown:
        _show(changed, destination, err=False)
    on_its_way = action == "promote" and changed.change is None and changed.notes
    nothing = "nothing to do" if on_its_way else _NOTHING[action]
    click.echo(_outcome(product, changed) or nothing)
    return exit_status.OK


def _show(changed: Changed, destination: Destination, *, err: bool) -> None:
    """Prints what a change does."""
    for line in (*_lines(changed, destination), *changed.notes):
        click.echo(printable(line), err=err)


def _lines(changed: Changed, destination: Destination) -> Iterator[str]:
    change = changed.change
    yield from map(move_text, change.moves if change else ())
    for place, versions in changed.ordered_back.items():
        yield ordered_text(place, versions)
    if change is not None and change.action in ("rollback", "withdraw", "delete"):
        yield _known(changed, destination)
    for (version, place), size in changed.freed.items():
        yield f"{version} for {place}: {size} bytes"
    if changed.freed:
        yield f"{sum(changed.freed.values())} bytes in all"


def _known(changed: Changed, destination: Destination) -> str:
    if not destination.is_server or changed.devices is None:
        return "how many devices run it is not counted here; 'acpublish devices list' shows them"
    return f"devices that are known to run it: {changed.devices}"


def _outcome(product: str, changed: Changed) -> str:
    """Returns the last line; empty if nothing changes."""
    change = changed.change
    if change is None:
        return ""
    if not changed.applied:
        return "nothing was removed: add --apply to remove this"
    if change.action == "retain":
        images = "1 image" if len(change.places) == 1 else f"{len(change.places)} images"
        return f"{product}: {images} removed (change {change.serial})"
    promoted = f"promoted to {change.channel}" + (", in stages" if change.rolling else "")
    what, done = str(change.version), _DONE.get(change.action, promoted)
    if change.action == "rollback":
        what = f"{change.channel}"
    return f"{product} {what}: {done} (change {change.serial})"
