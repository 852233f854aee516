"""Commands that show what is offered: channels, history, explain and status."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import click

from acpublish.cli.common_options import (
    ca_option,
    insecure_http_option,
    settings_for,
    to_option,
    token_option,
)
from acpublish.cli.ui import json_option, print_json, printable, table, warn
from acpublish.errors import NotFoundError, SettingsError
from acpublish.publishing.destinations import open_catalog, open_changes, products_of
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
from acpublish.release.decision import Decision, choose, decide_update
from acpublish.release.manifest import Release
from acpublish.release.names import IMAGE_KINDS, ImageKind
from acpublish.release.running import is_known
from acpublish.wire import Family, Mode, Report

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
    what = change_text(change)
    return str(change.serial), author.at, change.action, version, what, who, author.why


@click.command("explain")
@click.argument("product")
@click.option("--board", metavar="B", required=True, help="The board that the device asks for.")
@click.option("--channel", metavar="C", default=names.STABLE, help="Its channel.  [stable]")
@click.option("--md5", metavar="HEX", help="The MD5 of the sketch that it runs.")
@click.option("--sha256", metavar="HEX", help="The SHA-256 of the sketch that it runs.")
@click.option("--version", metavar="V", help="The version that it reports.")
@click.option("--kind", type=click.Choice(IMAGE_KINDS), help="What it asks for.  [firmware]")
@click.option("--filesystem", is_flag=True, help="The same as --kind filesystem.")
@click.option("--chip", type=click.Choice(["esp8266", "esp32"]), help="Its family.")
@click.option("--free-space", type=click.IntRange(0), help="The space for an update, in bytes.")
@click.option("--flash-size", type=click.IntRange(0), help="The size of its flash, in bytes.")
@to_option
@ca_option
@json_option
def explain(
    product: str,
    board: str,
    channel: str,
    kind: ImageKind | None,
    filesystem: bool,
    to: str | None,
    ca: str | None,
    as_json: bool,
    **device: Any,
) -> None:
    """Show what a device would get, and why.

    What a single device has received before is known to the server alone, and not considered.
    """
    if filesystem and kind == "firmware":
        raise click.UsageError("--filesystem and --kind firmware cannot be combined")
    kind = "filesystem" if filesystem else kind or "firmware"
    product, board, channel = names.product(product), names.board(board), names.channel(channel)
    # A server shows releases to everyone.
    destination = replace(_destination(to=to, ca=ca), token=None)
    releases = open_catalog(destination).releases(product)
    if not releases:
        raise NotFoundError(
            f"{product} has no release that may be offered",
            hint="See 'acpublish list' for what there is.",
        )
    report = Report(
        family=device["chip"] or _family_of(releases, board),
        updater=True,
        mode=Mode.FILESYSTEM if kind == "filesystem" else Mode.SKETCH,
        version=device["version"],
        sketch_md5=_digest(device["md5"], 32),
        sketch_sha256=_digest(device["sha256"], 64),
        free_space=device["free_space"],
        chip_size=device["flash_size"],
    )
    target = choose(releases, board, channel, kind)
    decision = decide_update(report, releases, target, board=board, channel=channel)
    has_digest = report.sketch_md5 or report.sketch_sha256
    known = is_known(report, releases) if has_digest else None
    if as_json:
        print_json({**_decision(decision), "known": known})
        return
    if known is False:
        warn(
            f"no release of {product} has this digest; stamping changes it, so use that of the "
            "image that was published"
        )
    if target is None:
        warn(f"{product} {_missing(releases, board, channel, kind)}")
    version = f" {decision.release.version}" if decision.release else ""
    click.echo(printable(f"{decision.verdict.value}{version}: {decision.reason}"))


def _missing(releases: Sequence[Release], board: str, channel: str, kind: ImageKind) -> str:
    """Returns what a product does not have, and what it has instead."""
    images = [image for release in releases for image in release.images]
    boards = sorted({image.board for image in images})
    if board not in boards:
        return f"has no board {board}; its boards are: {', '.join(boards)}"
    channels = {
        name
        for image in images
        if image.board == board and image.kind == kind and not image.withdrawn
        for name in image.channels
    }
    what = f"has no {kind} for {board} on"
    if not channels:
        return f"{what} any channel"
    return f"{what} {channel}, but on: {', '.join(sorted(channels))}"


def _family_of(releases: Iterable[Release], board: str) -> Family | None:
    """Returns the family that a device of a board has; None if no image says."""
    families = (
        image.family for release in releases for image in release.images if image.board == board
    )
    return next(filter(None, families), None)


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "verdict": decision.verdict.value,
        "rule": decision.rule.value,
        "reason": decision.reason,
        "version": str(decision.release.version) if decision.release else None,
        "file": decision.image.file if decision.image else None,
        "compressed": decision.compressed is not None,
    }


def _digest(text: str | None, length: int) -> str | None:
    if text is None:
        return None
    digest = text.strip().lower()
    if len(digest) != length or not set(digest) <= set("0123456789abcdef"):
        raise SettingsError(
            f"{text[:80]!a} is not a digest of {length} hex digits",
            hint="Copy it from the log of the server, or from 'acpublish inspect'.",
        )
    return digest


@click.command("status")
@click.argument("product", required=False)
@to_option
@token_option
@insecure_http_option
@ca_option
@click.option("--watch", is_flag=True, help="Show it again every two seconds.")
@json_option
def status(product: str | None, watch: bool, as_json: bool, **options: Any) -> None:
    """Show the channels, newest releases and devices, and what needs attention.

    Without PRODUCT, this shows every product. Only a server knows what devices run, and once it has
    a token with the scope read, it shows that only to such a token. Ctrl-C ends --watch.
    """
    if watch and as_json:
        raise click.UsageError("--watch and --json cannot be combined")
    destination = _destination(**options)
    while True:
        products = [names.product(product)] if product else products_of(destination)
        standings = [standing_of(destination, name) for name in products]
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
