"""What a server does for its catalog beside serving it: it repairs it, and watches it."""

from __future__ import annotations

import asyncio
import gc
import logging
from pathlib import Path

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import AcpublishError, reason_of

_log = logging.getLogger("acpublish.server")

#: How often the server looks whether the catalog's directory is there.
_LOOK_EVERY_S = 2.0


def prepare(catalog: DirectoryCatalog) -> None:
    """Repairs the catalog, and reads all products, while requests are answered already."""
    # Very many objects are made that stay, and looking at them again and again would be a pause.
    gc.disable()
    try:
        _repair(catalog)
        _log.info("products in the catalog: %d", len(catalog.products()))
    except OSError as error:
        _log.warning("the catalog could not be read: %s", reason_of(error))
    finally:
        gc.freeze()
        gc.enable()


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
