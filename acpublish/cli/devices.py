"""``acpublish devices``: what is known of the devices of the fleet, and what people call them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from acpublish.cli import exit_status
from acpublish.cli.common_options import with_fleet
from acpublish.cli.groups import CommandGroup
from acpublish.cli.times import age_text, in_short, time_text
from acpublish.cli.ui import confirm, facts, json_option, print_json, printable, say, table
from acpublish.release import names
from acpublish.release.durations import duration

if TYPE_CHECKING:
    from acpublish.control.fleet_access import Fleet

_DEVICE = "DEVICE is its id, its MAC address, PRODUCT/MAC, or its name."
_COLUMNS = (
    *("id", "mac", "name", "product", "board", "family", "runs", "claims"),
    *("first_seen", "last_seen", "flags", "tags", "groups"),
)
#: A spreadsheet would run a cell that begins so, and devices can claim any version.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")

device_argument = click.argument("device")
remove_option = click.option("--remove", is_flag=True, help="Remove them instead.")


@click.group("devices", cls=CommandGroup)
def command() -> None:
    """Show the devices that check in, name them, and sort them by tags and groups.

    With --to DIR, the commands work on the state folder of the server on this machine, whether it
    runs or not; with --to URL, they need a token with the scope read, or manage to change anything.
    """


@command.command("list")
@click.option("--product", metavar="P", help="Only devices of this product.")
@click.option("--board", metavar="B", help="Only devices of this board.")
@click.option("--version", metavar="V", help="Only devices that run this version.")
@click.option("--tag", metavar="T", help="Only devices with this tag.")
@click.option("--group", metavar="G", help="Only devices in this group.")
@click.option("--not-seen", metavar="TIME", help="Only devices not seen for so long: 7d.")
@click.option("--stuck", is_flag=True, help="Only devices that something keeps from an update.")
@click.option("--flagged", is_flag=True, help="Only devices with a flag.")
@with_fleet
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
def list_(
    fleet: Fleet, *, as_json: bool, as_csv: bool, not_seen: str | None, **filters: Any
) -> None:
    """List devices: what each runs, when it was last seen, and what is to be known of it."""
    if as_json and as_csv:
        raise click.UsageError("--json and --csv cannot be combined")
    for name, check in (("product", names.product), ("board", names.board)):
        if filters[name] is not None:
            check(filters[name])
    not_seen_s = None if not_seen is None else int(duration(not_seen).total_seconds())
    devices = fleet.devices(not_seen_s=not_seen_s, **filters)
    if as_json:
        print_json({"devices": list(devices)})
    elif as_csv:
        _print_csv(devices)
    else:
        rows = list(devices)
        filtered = not_seen_s is not None or any(filters.values())
        _print_table(rows, none="no device matches" if filtered else "no devices")
        if not rows and not filtered and not fleet.served:
            # Another state folder than that of the server looks the same.
            say("acpublish: a server notes the devices that ask it; check --to and --state")


def _print_csv(devices: Iterable[Mapping[str, Any]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for device in devices:
        writer.writerow([_cell(name, device[name]) for name in _COLUMNS])
    click.echo(text.getvalue(), nl=False)


def _cell(name: str, value: Any) -> str:
    if name in ("first_seen", "last_seen"):
        return time_text(value)
    text = " ".join(value) if isinstance(value, list) else "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULAS) else text


def _print_table(devices: Sequence[Mapping[str, Any]], none: str) -> None:
    if not devices:
        click.echo(none)
        return
    rows = [
        (
            device["id"],
            device["name"],
            device["board"],
            runs_text(device),
            age_text(device["last_seen"]),
            " ".join(device["flags"]),
            " ".join((*device["tags"], *device["groups"])),
        )
        for device in devices
    ]
    headings = ("DEVICE", "NAME", "BOARD", "RUNS", "SEEN", "FLAGS", "TAGS AND GROUPS")
    table([headings, *rows])


def runs_text(device: Mapping[str, Any]) -> str:
    """Returns what a device runs, for a person."""
    if device["runs"]:
        return str(device["runs"])
    return f"unknown, claims {device['claims']}" if device["claims"] else "unknown"


def shown_name(device: Mapping[str, Any]) -> str:
    """Returns what people call a device: its name, or else its id."""
    return str(device["name"] or device["id"])


@command.command("show", help=f"Show all that is known of a device.\n\n{_DEVICE}")
@device_argument
@with_fleet
@json_option
def show(fleet: Fleet, device: str, *, as_json: bool) -> None:
    """Shows a device and its story."""
    document = fleet.device(device)
    if as_json:
        print_json(document)
        return
    facts(_facts(document))
    offers = document["offers"]
    if offers:
        click.echo()
        rows = [
            (
                time_text(offer["at"]),
                f"{offer['version']}{' (filesystem)' if offer['kind'] == 'filesystem' else ''}",
                offer["became"],
                offer["rollout"] or "",
            )
            for offer in reversed(offers)
        ]
        table([("OFFERED", "VERSION", "BECAME", "ROLLOUT"), *rows])


def _facts(device: Mapping[str, Any]) -> dict[str, object]:
    """Returns what is known of a device, by the words that people read."""
    pin = device["pin"]
    going_back = " (also back to it)" if pin and pin["order_back"] else ""
    return {
        "device": device["id"],
        "name": device["name"] or None,
        "note": device["note"] or None,
        "product": device["product"],
        "board": device["board"],
        "channel": device["channel"],
        "chip": device["chip"] or device["family"],
        "address": device["address"],
        "runs": runs_text(device),
        "first seen": _moment(device["first_seen"]),
        "last seen": _moment(device["last_seen"]),
        "longest gap": in_short(max(device["gaps"])) if device["gaps"] else None,
        "tags": " ".join(device["tags"]) or None,
        "groups": " ".join(device["groups"]) or None,
        "flags": " ".join(device["flags"]) or None,
        "pinned to": f"{pin['version']}{going_back}" if pin else None,
        "on hold": "yes" if device["hold"] else None,
        "kept back by": device["obstacle"] or None,
    }


def _moment(seconds: float) -> str:
    return f"{time_text(seconds)}, {age_text(seconds)}"


@command.command("name", help=f"Name a device.\n\n{_DEVICE}")
@device_argument
@click.argument("name", required=False)
@click.option("--clear", is_flag=True, help="Remove its name.")
@with_fleet
@json_option
def name_(fleet: Fleet, device: str, name: str | None, *, clear: bool, as_json: bool) -> None:
    """Names a device, or takes its name away."""
    document = fleet.change(device, name=_text_or_clear("NAME", name, clear))
    line = f"{document['id']} is called {name}" if name else f"{document['id']} has no name"
    _say(document, line, as_json=as_json)


@command.command("note", help=f"Write down something about a device.\n\n{_DEVICE}")
@device_argument
@click.argument("text", required=False)
@click.option("--clear", is_flag=True, help="Remove its note.")
@with_fleet
@json_option
def note(fleet: Fleet, device: str, text: str | None, *, clear: bool, as_json: bool) -> None:
    """Notes something about a device, or removes the note."""
    document = fleet.change(device, note=_text_or_clear("TEXT", text, clear))
    line = f"noted on {shown_name(document)}: {text}" if text else "the note was removed"
    _say(document, line, as_json=as_json)


def _text_or_clear(what: str, text: str | None, clear: bool) -> str:
    if (text is None) is not clear:
        raise click.UsageError(f"Pass either {what} or --clear")
    return text or ""


@command.command("tag", help=f"Give a device tags, which stages of a rollout name.\n\n{_DEVICE}")
@device_argument
@click.argument("tags", metavar="TAG...", nargs=-1, required=True)
@remove_option
@with_fleet
@json_option
def tag(fleet: Fleet, device: str, tags: tuple[str, ...], *, remove: bool, as_json: bool) -> None:
    """Adds tags to a device, or removes them."""
    document = (
        fleet.change(device, remove_tags=tags) if remove else fleet.change(device, add_tags=tags)
    )
    _say(document, _marks_text(document, "tags"), as_json=as_json)


@command.command("group", help=f"Put a device into groups, such as a house.\n\n{_DEVICE}")
@device_argument
@click.argument("groups", metavar="GROUP...", nargs=-1, required=True)
@remove_option
@with_fleet
@json_option
def group(
    fleet: Fleet, device: str, groups: tuple[str, ...], *, remove: bool, as_json: bool
) -> None:
    """Adds a device to groups, or removes it from them."""
    document = (
        fleet.change(device, remove_groups=groups)
        if remove
        else fleet.change(device, add_groups=groups)
    )
    _say(document, _marks_text(document, "groups"), as_json=as_json)


def _marks_text(document: Mapping[str, Any], what: str) -> str:
    return f"{what} of {shown_name(document)}: {', '.join(document[what]) or 'none'}"


@command.command("retry")
@click.argument("device", required=False)
@click.option("--flagged", is_flag=True, help="Retry all devices that failed.")
@with_fleet
@json_option
def retry(fleet: Fleet, device: str | None, *, flagged: bool, as_json: bool) -> None:
    """Offer a release again to a device that failed with it, without waiting.

    DEVICE is its id, its MAC address, PRODUCT/MAC, or its name.
    """
    if (device is None) is not flagged:
        raise click.UsageError("Pass either DEVICE or --flagged")
    documents = fleet.retry_flagged() if device is None else [fleet.retry(device)]
    if as_json:
        print_json({"devices": documents})
        return
    for document in documents:
        # A server of an earlier version does not say whether the device had failed.
        if document.get("retried", True):
            click.echo(printable(f"{shown_name(document)} is offered its release again"))
        else:
            click.echo(printable(f"nothing to do: {shown_name(document)} did not fail"))
    if not documents:
        click.echo("nothing to do: no device failed")


@command.command("forget")
@device_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_fleet
@json_option
def forget(fleet: Fleet, device: str, *, yes: bool, as_json: bool) -> int:
    """Forget a device that is gone, with its name, tags, pin and story.

    One that checks in again is a new device. DEVICE is its id, its MAC address, PRODUCT/MAC, or
    its name.
    """
    document = fleet.device(device)
    if not yes:
        line = f"{shown_name(document)} runs {runs_text(document)}"
        click.echo(printable(f"{line}, seen {age_text(document['last_seen'])}"), err=as_json)
        asked = confirm("Forget it?", shown="this", otherwise="nothing was changed", err=as_json)
        if not asked:
            return exit_status.NO
    forgotten = fleet.forget(document["id"])
    _say(forgotten, f"{shown_name(document)} is forgotten", as_json=as_json)
    return exit_status.OK


def _say(document: Mapping[str, Any], line: str, *, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        click.echo(printable(line))
