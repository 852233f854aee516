"""Tells what has been published and withdrawn: one task of the event loop, with a fleet or without.

It also tells what commands did to rollouts while no server ran. It looks at the catalog now and
then, in a thread, so it does not matter who has changed it. What was told is written down
(:mod:`acpublish.control.told`) once those who pass it on have written it too, so that nothing is
lost if the server is killed in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.control.catalog_news import catalog_news
from acpublish.control.fleet_news import FleetNews
from acpublish.errors import AcpublishError, reason_of

_log = logging.getLogger("acpublish.fleet")

#: How often the catalog is looked at, in seconds, and how often if nobody listens: only so that
#: whoever listens later is told nothing old. A look at 1,000 products takes about 20 ms.
_LOOK_EVERY_S, _IDLE_LOOK_S = 2.0, 10.0


class NewsLoop:
    """Follows the history of a catalog."""

    def __init__(self, catalog: DirectoryCatalog, news: FleetNews) -> None:
        """Prepares to run.

        Args:
            catalog: The catalog.
            news: Tells listeners what happens.
        """
        self._catalog = catalog
        self._news = news
        #: Write what they were told, before it counts as told; called in a thread.
        self.keepers: list[Callable[[], None]] = []
        self._fault = ""

    async def run(self) -> None:
        """Runs until it is cancelled."""
        while True:
            try:
                await self._look()
                await asyncio.to_thread(self._write)
                self._fault = ""
            except (AcpublishError, OSError) as error:
                self._note(error)
            except Exception:
                # Devices are served all the same, and the next turn may succeed.
                _log.exception("the catalog's news cannot be read")
            await asyncio.sleep(_LOOK_EVERY_S if self._news.listeners else _IDLE_LOOK_S)

    async def _look(self) -> None:
        self._news.tell_found()
        told = self._news.told
        news = await asyncio.to_thread(catalog_news, self._catalog.snapshots, told.products)
        for event in news.events:
            self._news.tell(event)
        told.products = dict(news.serials)

    def _write(self) -> None:
        told = self._news.told
        document = told.unwritten()
        if document is None:
            return
        for keep in self.keepers:
            keep()
        told.write(document)

    def _note(self, error: AcpublishError | OSError) -> None:
        """Logs what cannot be read or written, once."""
        text = reason_of(error) if isinstance(error, OSError) else str(error)
        if text != self._fault:
            self._fault = text
            _log.error("what was reported cannot be written down: %s", text)

    def close(self) -> None:
        """Writes what was told last."""
        try:
            self._write()
        except (AcpublishError, OSError) as error:
            self._note(error)
