"""``acpublish explain``: what a device gets, one that the fleet knows or one that is described."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
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
from acpublish.errors import AuthenticationError, NotFoundError, SettingsError
from acpublish.fleet.explaining import is_kept_back
from acpublish.fleet.known_device import mac_address
from acpublish.publishing.destinations import open_catalog
from acpublish.publishing.options import Destination
from acpublish.release import names
from acpublish.release.decision import Decision, choose, decide_update
from acpublish.release.manifest import Release
from acpublish.release.names import IMAGE_KINDS, ImageKind
from acpublish.release.running import is_known
from acpublish.wire import Family, Mode, Report

#: What one of these rules says is worth a colour.
_COLOURS = {"allows": "green", "prevents": "red"}


@click.command("explain")
@click.argument("device", metavar="DEVICE|PRODUCT")
@click.option("--board", metavar="B", help="The board that a device of PRODUCT asks for.")
@click.option("--channel", metavar="C", help="Its channel.  [stable]")
@click.option("--md5", metavar="HEX", help="The MD5 of the sketch that it runs.")
@click.option("--sha256", metavar="HEX", help="The SHA-256 of the sketch that it runs.")
@click.option("--version", metavar="V", help="The version that it reports.")
@click.option("--kind", type=click.Choice(IMAGE_KINDS), help="What it asks for.  [firmware]")
@click.option("--filesystem", is_flag=True, help="The same as --kind filesystem.")
@click.option("--chip", type=click.Choice(["esp8266", "esp32"]), help="Its family.")
@click.option("--free-space", type=click.IntRange(0), help="The space for an update, in bytes.")
@click.option("--flash-size", type=click.IntRange(0), help="The size of its flash, in bytes.")
@to_option
@state_option
@token_option
@insecure_http_option
@ca_option
@json_option
def command(
    device: str,
    to: str | None,
    state: Path | None,
    token_file: str | None,
    insecure_http: bool,
    ca: str | None,
    as_json: bool,
    **described: Any,
) -> None:
    """Show what a device would get, and why.

    DEVICE is one that has checked in: its id, its MAC address, PRODUCT/MAC, or its name. For it,
    each rule has its say. With PRODUCT and --board, the other options describe a device instead;
    what a single device has received before is not considered then.
    """
    given = [name for name, value in described.items() if value is not None and value is not False]
    destination = settings_for(
        {"to": to, "token_file": token_file, "insecure_http": insecure_http, "ca": ca}
    ).destination()
    known = "/" in device or mac_address(device) is not None or "board" not in given
    if not known:
        _explain_described(destination, device, as_json=as_json, **described)
        return
    if given:
        raise click.UsageError(_surplus(device, given))
    try:
        document = fleet_of(destination, state).explain(device)
    except (NotFoundError, AuthenticationError) as error:
        if not _is_product(destination, device):
            raise
        # Whoever forgets --board has no use for a token.
        raise type(error)(
            f"{error.problem}; {device} is a product",
            hint=f"For a device of {device} that you describe, add --board. {error.hint}",
        ) from error
    if as_json:
        print_json(document)
        return
    _print_explanation(document)


def _surplus(device: str, given: Sequence[str]) -> str:
    """Returns why options that describe a device do not go with one that has checked in."""
    option = f"--{given[0].replace('_', '-')}"
    if "board" in given:
        return f"{device} is a device that has checked in, so {option} cannot be combined with it"
    return f"{option} describes a device of a PRODUCT, and needs --board"


def _is_product(destination: Destination, name: str) -> bool:
    return names.is_name(name) and bool(
        open_catalog(replace(destination, token=None)).releases(name)
    )


def _print_explanation(document: Mapping[str, Any]) -> None:
    what = document["verdict"].replace("-", " ")
    if document["version"]:
        what += f" {document['version']}"
    if is_kept_back(document):
        what = "no offer"
    line = f"{document['device']}: {what}: {document['reason']} (rule {document['rule']})"
    click.echo(printable(line))
    click.echo()
    rows = [(word["result"], word["rule"], word["reason"]) for word in document["rules"]]
    table(rows, colours=_COLOURS)


def _explain_described(
    destination: Destination,
    product: str,
    *,
    board: str,
    channel: str | None,
    kind: ImageKind | None,
    filesystem: bool,
    as_json: bool,
    **device: Any,
) -> None:
    """Prints what a device of a product would get, according to its releases alone."""
    if filesystem and kind == "firmware":
        raise click.UsageError("--filesystem and --kind firmware cannot be combined")
    kind = "filesystem" if filesystem else kind or "firmware"
    product, board = names.product(product), names.board(board)
    channel = names.channel(channel or names.STABLE)
    # A server shows releases to everyone.
    releases = open_catalog(replace(destination, token=None)).releases(product)
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
