"""``acpublish list``: what a catalog directory or a server has."""

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


@click.command("list", short_help="List what a catalog or a server has.")
@click.argument("catalog", metavar="DIR|URL")
@click.option("--path", default=".", help="A directory below the catalog.")
@json_option
def command(catalog: str, path: str, as_json: bool) -> None:
    """List what a catalog directory or an update server has."""
    destination = Settings(arguments({"to": catalog}, {"to": "DIR|URL"})).destination()
    entries = (_of_server if destination.is_server else _of)(destination.to, path)
    if as_json:
        print_json(entries)
        return
    rows = [
        (one["type"], str(one["size"]), one["modified"] or "", one["name"], _signed(one))
        for one in entries
    ]
    table(rows, right=frozenset({1}))


def _of(catalog: str, path: str) -> list[dict[str, Any]]:
    from acpublish.catalog.directory import DirectoryCatalog
    from acpublish.catalog.files import CatalogFiles, Directory

    opened = DirectoryCatalog(Path(catalog))
    files = CatalogFiles(opened)
    found = files.locate(os.fsencode(path))
    if not isinstance(found, Directory):
        raise NotFoundError(
            f"there is no directory {path!a} in the catalog",
            hint="Look at what there is, without --path.",
        )
    keys = _keys(opened.releases(found.product) if found.product else ())
    return [
        _entry(
            one.name,
            one.type,
            one.size,
            datetime.fromtimestamp(one.modified, timezone.utc),
            keys.get(one.name, ()),
        )
        for one in files.entries(found)
    ]


def _of_server(url: str, path: str) -> list[dict[str, Any]]:
    from acpublish.client.remote import RemoteCatalog
    from acpublish.client.update_server import UpdateServer

    entries = UpdateServer(url).catalog(path)
    keys: dict[str, tuple[str, ...]] = {}
    if names.is_name(path):
        # The original server knows no releases, so there is nothing to say of signatures.
        with contextlib.suppress(TransferError):
            keys = _keys(RemoteCatalog(url).releases(path))
    return [
        _entry(one.name, one.type, one.size, one.modified, keys.get(one.name, ()))
        for one in entries
    ]


def _keys(releases: Iterable[Release]) -> dict[str, tuple[str, ...]]:
    """Returns the ids of the keys that signed each visible file."""
    return {
        image.file: tuple(one.key for one in image.signatures)
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
