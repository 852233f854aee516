"""Changes of the releases of a product, as the tests make them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.release import names
from acpublish.release.change_request import Changed, ChangeRequest, RequestedAction
from acpublish.release.version import Version
from tests.unit.catalog.holding import put

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)


def change(
    catalog: DirectoryCatalog,
    action: RequestedAction,
    version: str | None = None,
    channel: str | None = None,
    **more: object,
) -> Changed:
    request = ChangeRequest(
        action=action,
        version=None if version is None else Version.parse(version),
        channel=None if channel is None else names.channel(channel),
    )
    return catalog.changes.make("lamp", replace(request, **more), now=NOW)  # type: ignore[arg-type]


def points_at(catalog: DirectoryCatalog, channel: str = "stable", board: str = "d1") -> str | None:
    channels = catalog.changes.channels("lamp")
    current = [
        channels.current(channel, place)
        for place in channels.places(channel)
        if place.board == board
    ]
    return str(current[0].version) if current and current[0] else None


def three_releases(folder: Path) -> DirectoryCatalog:
    """Returns a catalog with three releases for two boards."""
    (folder / "catalog").mkdir()
    catalog = DirectoryCatalog(folder / "catalog", folder / "state")
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        for board in ("d1", "d2"):
            put(catalog, version, board=board)
    return catalog
