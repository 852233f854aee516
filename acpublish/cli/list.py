"""``acpublish list``: list a catalog directory or a server."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from acpublish.cli.common_options import (
    ca_option,
    old_to_argument,
    one_catalog,
    settings_for,
    to_option,
)
from acpublish.cli.ui import json_option, print_json, table
from acpublish.publishing.directory_listing import ListedFile, Pointer, list_directory


@click.command("list")
@old_to_argument
@to_option
@click.option("--path", default=".", help="A directory in the catalog.")
@click.option(
    "--all", "withdrawn", is_flag=True, help="Also list what is withdrawn, or on its way."
)
@ca_option
@json_option
def command(
    old_to: str | None,
    to: str | None,
    path: str,
    withdrawn: bool,
    ca: str | None,
    as_json: bool,
) -> None:
    """List what a catalog directory or an update server has.

    For an image, this shows its version, its board and the channels that point at it; for a
    product, what its channels point at and what is on its way there in stages. With --all, the
    folder of a product also lists the images that were withdrawn, retired or deleted, and why, and
    those that have no file yet because they are on their way. Without --to, the setting to is used.
    """
    settings = settings_for({"to": one_catalog(to, old_to), "ca": ca})
    entries = list_directory(settings.destination(), path, withdrawn=withdrawn)
    if as_json:
        print_json([_document(entry) for entry in entries])
        return
    table([_row(entry) for entry in entries], right=frozenset({1}))


def _row(entry: ListedFile) -> tuple[str, ...]:
    signed = f"signed {', '.join(entry.signed_with)}" if entry.signed_with else ""
    kind = " (filesystem)" if entry.kind == "filesystem" else ""
    rolling = tuple(f"{target.channel} (on its way)" for target in entry.rolling)
    pointing = ", ".join((*entry.channels, *rolling))
    if entry.type == "directory":
        coming = (f"{_pointer(target)} (on its way)" for target in entry.rolling)
        pointing = ", ".join((*map(_pointer, entry.points_at), *coming))
    if entry.state:
        pointing = f"{entry.state}: {entry.reason}" if entry.reason else entry.state
    described = (entry.version or "", f"{entry.board or ''}{kind}", pointing, signed)
    return entry.type, str(entry.size), _time(entry) or "", entry.name, *described


def _pointer(target: Pointer) -> str:
    kind = " (filesystem)" if target.kind == "filesystem" else ""
    return f"{target.channel} {target.version} for {target.board}{kind}"


def _document(entry: ListedFile) -> dict[str, Any]:
    return {
        "name": entry.name,
        "type": entry.type,
        "size": entry.size,
        "modified": _time(entry),
        "signed_with": list(entry.signed_with),
        "version": entry.version,
        "board": entry.board,
        "kind": entry.kind,
        "channels": list(entry.channels),
        "points_at": [asdict(target) for target in entry.points_at],
        "rolling": [asdict(target) for target in entry.rolling],
        "state": entry.state,
        "reason": entry.reason,
    }


def _time(entry: ListedFile) -> str | None:
    return entry.modified.strftime("%Y-%m-%dT%H:%M:%S") if entry.modified else None
