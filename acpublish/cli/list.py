"""``acpublish list``: what a catalog directory or a server has."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from acpublish.cli.output import json_option, print_json, table
from acpublish.errors import NotFoundError
from acpublish.settings import Settings, flags


@click.command("list", short_help="List what a catalog or a server has.")
@click.argument("catalog", metavar="DIR|URL")
@click.option("--path", default=".", help="A directory below the catalog.")
@json_option
def command(catalog: str, path: str, as_json: bool) -> None:
    """List what a catalog directory or an update server has."""
    destination = Settings(flags({"to": catalog})).destination()
    entries = _of_server(destination.to, path) if destination.is_server else _of(catalog, path)
    if as_json:
        print_json(entries)
        return
    rows = [(one["type"], str(one["size"]), one["modified"] or "", one["name"]) for one in entries]
    table(rows, right=frozenset({1}))


def _of(catalog: str, path: str) -> list[dict[str, Any]]:
    from acpublish.catalog import CatalogFiles, Directory, DirectoryCatalog

    files = CatalogFiles(DirectoryCatalog(Path(catalog).expanduser()))
    found = files.locate(os.fsencode(path))
    if not isinstance(found, Directory):
        raise NotFoundError(
            f"there is no directory {path!a} in the catalog", hint="List it without --path."
        )
    return [
        _entry(one.name, one.type, one.size, datetime.fromtimestamp(one.modified, timezone.utc))
        for one in files.entries(found)
    ]


def _of_server(url: str, path: str) -> list[dict[str, Any]]:
    from acpublish.client import UpdateServer

    return [
        _entry(one.name, one.type, one.size, one.modified)
        for one in UpdateServer(url).catalog(path)
    ]


def _entry(name: str, kind: str, size: int, modified: datetime | None) -> dict[str, Any]:
    return {
        "name": name,
        "type": kind,
        "size": size,
        "modified": modified.strftime("%Y-%m-%dT%H:%M:%S") if modified else None,
    }
