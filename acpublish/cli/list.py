"""``acpublish list``: list a catalog directory or a server."""

from __future__ import annotations

from typing import Any

import click

from acpublish.cli.ui import json_option, print_json, table
from acpublish.publishing.directory_listing import ListedFile, list_directory
from acpublish.settings.layers import arguments
from acpublish.settings.values import Settings


@click.command("list")
@click.argument("catalog", metavar="DIR|URL")
@click.option("--path", default=".", help="A directory in the catalog.")
@json_option
def command(catalog: str, path: str, as_json: bool) -> None:
    """List what a catalog directory or an update server has."""
    destination = Settings(arguments({"to": catalog}, {"to": "DIR|URL"})).destination()
    entries = list_directory(destination, path)
    if as_json:
        print_json([_document(entry) for entry in entries])
        return
    table([_row(entry) for entry in entries], right=frozenset({1}))


def _row(entry: ListedFile) -> tuple[str, ...]:
    signed = f"signed {', '.join(entry.signed_with)}" if entry.signed_with else ""
    return entry.type, str(entry.size), _time(entry) or "", entry.name, signed


def _document(entry: ListedFile) -> dict[str, Any]:
    return {
        "name": entry.name,
        "type": entry.type,
        "size": entry.size,
        "modified": _time(entry),
        "signed_with": list(entry.signed_with),
    }


def _time(entry: ListedFile) -> str | None:
    return entry.modified.strftime("%Y-%m-%dT%H:%M:%S") if entry.modified else None
