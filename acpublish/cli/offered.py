"""Commands that show what is offered: channels, history and status."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from acpublish.cli.common_options import (
    ca_option,
    fleet_of,
    insecure_http_option,
    settings_for,
    state_option,
    to_option,
    token_option,
)
from acpublish.cli.ui import json_option, print_json, printable, table, warn
from acpublish.control.fleet_state import STORE_FILE
from acpublish.control.running_file import read_running
from acpublish.errors import AcpublishError
from acpublish.fleet.policy import in_short
from acpublish.publishing.destinations import open_changes, products_of
from acpublish.publishing.options import Destination
from acpublish.publishing.overview import running_line
from acpublish.publishing.standing import (
    Standing,
    change_text,
    row_lines,
    standing_of,
)
from acpublish.release import names
from acpublish.release.channel_document import change_to_dict
from acpublish.release.channels import Change

_WATCH_S = 2.0
_SHOWN_RELEASES = 5


@click.command("channels")
@click.argument("product")
@to_option
@ca_option
@json_option
def channels(product: str, to: str | None, ca: str | None, as_json: bool) -> None:
    """Show what each channel points at for each board.

    For each, it also shows since when, by whom and why, and what it pointed at before.
    """
    rows = open_changes(_destination(to=to, ca=ca)).rows(names.product(product))
    if as_json:
        print_json({"product": product, "channels": [row.to_dict() for row in rows]})
        return
    table(row_lines(rows))


@click.command("history")
@click.argument("product")
@to_option
@ca_option
@json_option
def history(product: str, to: str | None, ca: str | None, as_json: bool) -> None:
    """Show who changed what of a product, and when, the oldest change first."""
    changes = open_changes(_destination(to=to, ca=ca)).history(names.product(product))
    if as_json:
        print_json({"product": product, "history": [change_to_dict(line) for line in changes]})
        return
    table([_change_row(change) for change in changes], right=frozenset({0}))


def _change_row(change: Change) -> tuple[str, ...]:
    author, version = change.author, str(change.version or "")
    who = f"by {author.by}" if author.by else ""
    what = change_text(change, in_short(change.policy) if change.policy else "")
    return str(change.serial), author.at, change.action, version, what, who, author.why


@click.command("status")
@click.argument("product", required=False)
@to_option
@state_option
@token_option
@insecure_http_option
@ca_option
@click.option("--watch", is_flag=True, help="Show it again every two seconds.")
@json_option
def status(
    product: str | None, state: Path | None, watch: bool, as_json: bool, **options: Any
) -> None:
    """Show the channels, newest releases and devices, and what needs attention.

    Without PRODUCT, this shows every product. A server knows what devices run, and once it has a
    token with the scope read, it shows that only to such a token; for a directory, its state folder
    has it. Ctrl-C ends --watch.
    """
    if watch and as_json:
        raise click.UsageError("--watch and --json cannot be combined")
    destination = _destination(**options)
    while True:
        products = [names.product(product)] if product else products_of(destination)
        fleet = _fleet_status(destination, state)
        standings = [standing_of(destination, name, fleet) for name in products]
        if as_json:
            print_json([standing.to_dict() for standing in standings])
        else:
            if watch:
                click.clear()
            for standing in standings:
                _print(standing)
            if not standings:
                click.echo("nothing is published yet")
        if not watch:
            return
        time.sleep(_WATCH_S)


def _fleet_status(destination: Destination, state: Path | None) -> Mapping[str, Any] | None:
    """Returns what the fleet of a directory runs; None if nothing is known, or for a server."""
    folder = state or destination.state
    if destination.is_server or folder is None:
        return None
    try:
        if not folder.joinpath(*STORE_FILE).exists() and read_running(folder) is None:
            return None
        return fleet_of(destination, folder).status()
    except AcpublishError as error:
        warn(f"what devices run is not shown: {error.problem}")
        return None


def _print(standing: Standing) -> None:
    click.echo(printable(standing.product))
    table([("", *row) for row in row_lines(standing.rows)])
    newest = ", ".join(str(release.version) for release in standing.newest[:_SHOWN_RELEASES])
    click.echo(f"  newest: {newest or 'nothing'}")
    if standing.running is None:
        click.echo("  what devices run is shown to a token with the scope read")
    elif standing.running:
        click.echo(printable(f"  {running_line(standing.running)}"))
    for line in standing.attention:
        warn(f"{standing.product}: {line}")


def _destination(**options: Any) -> Destination:
    return settings_for(options).destination()
