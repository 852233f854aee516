"""What a server does for its catalog beside serving it: it repairs it, and watches it."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Iterable
from pathlib import Path

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import AcpublishError, reason_of

_log = logging.getLogger("acpublish.server")

#: How often the server looks whether the catalog's directory is there.
_LOOK_EVERY_S = 2.0
#: So many channels are named in a line of the log.
_MAX_STUCK = 10


def prepare(catalog: DirectoryCatalog, *, fleet: bool) -> None:
    """Repairs the catalog, and reads all products, while requests are answered already.

    Args:
        catalog: The catalog.
        fleet: Whether the server makes rollouts.
    """
    # Very many objects are made that stay, and looking at them again and again would be a pause.
    gc.disable()
    try:
        _repair(catalog)
        products = catalog.products()
        _log.info("products in the catalog: %d", len(products))
        if not fleet:
            _warn_of_stages(catalog, products)
    except OSError as error:
        _log.warning("the catalog could not be read: %s", reason_of(error))
    finally:
        gc.freeze()
        gc.enable()


def _warn_of_stages(catalog: DirectoryCatalog, products: Iterable[str]) -> None:
    """Warns of channels to which nothing gets, because nobody makes their rollouts."""
    stuck = []
    for product in products:
        channels = catalog.snapshots.product(product).channels
        stuck += [f"{product} {name}" for name in sorted({*channels.policies, *channels.rolling})]
    if stuck:
        more = len(stuck) - _MAX_STUCK
        _log.warning(
            "these channels get releases in stages, and this server makes none, because of "
            "--no-fleet: %s%s. Devices there stay at what the channel points at. Serve the catalog "
            "without --no-fleet, or take a policy away: acpublish policy clear PRODUCT CHANNEL",
            ", ".join(stuck[:_MAX_STUCK]),
            f" and {more} more" if more > 0 else "",
        )


def _repair(catalog: DirectoryCatalog) -> None:
    try:
        repaired = catalog.repair()
    except AcpublishError as error:
        # A read-only catalog is served all the same.
        _log.warning("the catalog could not be repaired: %s", error)
        return
    for file in repaired:
        _log.info("repaired: %s", file)
    if repaired:
        _log.info(
            "these files were missing or changed; that withdraws no release. To replace one, "
            "publish a higher version"
        )


async def watch_catalog(catalog: Path) -> None:
    """Says when the catalog's directory is gone, for example because its disk was unmounted."""
    gone = False
    while True:
        # It may be in a network's file system.
        there = await asyncio.to_thread(catalog.is_dir)
        if there is gone:
            gone = not there
            if gone:
                _log.error("the catalog %s is gone; until it is back, devices get nothing", catalog)
            else:
                _log.info("the catalog %s is back", catalog)
        await asyncio.sleep(_LOOK_EVERY_S)
