"""``acpublish list``: list a catalog directory or a server."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from acpublish.cli.ui import json_option, print_json, table
from acpublish.errors import NotFoundError, TransferError
from acpublish.release import names
from acpublish.release.manifest import Release
from acpublish.settings.layers import arguments
from acpublish.settings.values import Settings


@click.command("list")
@click.argument("catalog", metavar="DIR|URL")
@click.option("--path", default=".", help="A directory in the catalog.")
@json_option
def command(catalog: str, path: str, as_json: bool) -> None:
    """List what a catalog directory or an update server has."""
    destination = Settings(arguments({"to": catalog}, {"to": "DIR|URL"})).destination()
    read = _server_entries if destination.is_server else _directory_entries
    entries = read(destination.to, path)
    if as_json:
        print_json(entries)
        return
    rows = [
        (entry["type"], str(entry["size"]), entry["modified"] or "", entry["name"], _signed(entry))
        for entry in entries
    ]
    table(rows, right=frozenset({1}))


def _directory_entries(catalog: str, path: str) -> list[dict[str, Any]]:
    from acpublish.catalog.directory import DirectoryCatalog
    from acpublish.catalog.files import CatalogFiles, Directory

    opened = DirectoryCatalog(Path(catalog))
    files = CatalogFiles(opened)
    directory = files.locate(os.fsencode(path))
    if not isinstance(directory, Directory):
        raise NotFoundError(
            f"there is no directory {path!a} in the catalog",
            hint="Run it without --path to list the catalog.",
        )
    keys = _keys(opened.releases(directory.product) if directory.product else ())
    return [
        _entry(
            entry.name,
            entry.type,
            entry.size,
            datetime.fromtimestamp(entry.modified, timezone.utc),
            keys.get(entry.name, ()),
        )
        for entry in files.entries(directory)
    ]


def _server_entries(url: str, path: str) -> list[dict[str, Any]]:
    from acpublish.client.remote import RemoteCatalog
    from acpublish.client.update_server import UpdateServer

    entries = UpdateServer(url).catalog(path)
    keys: dict[str, tuple[str, ...]] = {}
    if names.is_name(path):
        # The original server has no releases, and so no signatures to show.
        with contextlib.suppress(TransferError):
            keys = _keys(RemoteCatalog(url).releases(path))
    return [
        _entry(entry.name, entry.type, entry.size, entry.modified, keys.get(entry.name, ()))
        for entry in entries
    ]


def _keys(releases: Iterable[Release]) -> dict[str, tuple[str, ...]]:
    """Returns the ids of the keys that signed each visible file."""
    return {
        image.file: tuple(signature.key for signature in image.signatures)
        for release in releases
        for image in release.images
    }


def _signed(entry: dict[str, Any]) -> str:
    return f"signed {', '.join(entry['signed_with'])}" if entry["signed_with"] else ""


def _entry(
    name: str, kind: str, size: int, modified: datetime | None, keys: tuple[str, ...]
) -> dict[str, Any]:
    return {
        "name": name,
        "type": kind,
        "size": size,
        "modified": modified.strftime("%Y-%m-%dT%H:%M:%S") if modified else None,
        "signed_with": list(keys),
    }
