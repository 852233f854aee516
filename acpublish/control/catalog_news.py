"""What has been published and withdrawn since it was last told, by the history of the catalog.

Whoever changes the catalog writes its history, so it does not matter which process did, nor whether
a server was running.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import NamedTuple, Protocol

from acpublish.catalog.snapshot import ProductSnapshot
from acpublish.control.told import NEWS_S
from acpublish.fleet import fleet_events
from acpublish.fleet.fleet_events import FleetEvent
from acpublish.release.channels import Change

_log = logging.getLogger("acpublish.fleet")


class Snapshots(Protocol):
    """The products of a catalog."""

    def products(self) -> tuple[str, ...]:
        """Returns the names of all products."""

    def product(self, name: str) -> ProductSnapshot:
        """Returns the snapshot of a product."""


class CatalogNews(NamedTuple):
    """What is new in a catalog.

    Attributes:
        events: What happened, by product and in the order of the changes.
        serials: The number of the last change of each product.
    """

    events: tuple[FleetEvent, ...]
    serials: Mapping[str, int]


def catalog_news(snapshots: Snapshots, told: Mapping[str, int] | None) -> CatalogNews:
    """Looks at all products; may be called from a thread.

    Args:
        snapshots: The products.
        told: The number of the last change that was told, by product; None if the catalog is
            looked at for the first time, and whatever it has is no news.
    """
    events: list[FleetEvent] = []
    serials = dict(told or {})
    for product in snapshots.products():
        channels = snapshots.product(product).channels
        # Without a document there is no history, and neither with one that cannot be read.
        if not channels.stored:
            continue
        since = serials.get(product, 0)
        serials[product] = channels.serial
        if told is not None:
            events += _events(product, channels.history, since)
    return CatalogNews(tuple(events), serials)


def _events(product: str, history: Sequence[Change], since: int) -> Iterator[FleetEvent]:
    # Somebody may copy an old product into the catalog.
    oldest = time.time() - NEWS_S
    for at, change in enumerate(history):
        is_about = change.version is not None or change.action == "rollback"
        if change.serial <= since or not is_about:
            continue
        when = _seconds(change.author.at)
        if when < oldest:
            continue
        data = {"version": _version_of(change), "change": change.serial}
        if change.action == "publish":
            boards = sorted({place.board for place in change.places})
            published = {**data, "channel": change.channel, "boards": boards}
            yield FleetEvent(fleet_events.PUBLISHED, when, product, published)
        elif change.action == "rollback":
            rolled = {**data, "channel": change.channel, "reason": change.author.why}
            yield FleetEvent(fleet_events.ROLLED_BACK, when, product, rolled)
        elif change.action in ("withdraw", "delete") and not _withdrawn(history[:at], change):
            withdrawn = {**data, "reason": change.author.why}
            yield FleetEvent(fleet_events.WITHDRAWN, when, product, withdrawn)


def _version_of(change: Change) -> str | None:
    """Returns the release that a change is about; of a rollback, where the channel goes."""
    if change.version is not None:
        return str(change.version)
    after = [move.after for move in change.moves if move.after is not None]
    return str(max(after, key=lambda version: version.precedence)) if after else None


def _withdrawn(before: Sequence[Change], change: Change) -> bool:
    """Returns whether what is deleted was withdrawn before, so that it was told."""
    if change.action == "withdraw":
        return False
    actions = (other.action for other in reversed(before) if other.version == change.version)
    return next((action for action in actions if action in ("withdraw", "undo")), "") == "withdraw"


def _seconds(at: str) -> float:
    """Returns a time of the history in seconds since 1970; the present if it is not valid."""
    try:
        return datetime.strptime(at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        return time.time()
