"""What the catalog has of a product: from memory, or read in a thread.

Reading a product takes milliseconds, and tens of them with hundreds of releases, in which the event
loop would serve nobody. So whoever needs one that is not in memory waits for a thread.
"""

from __future__ import annotations

import asyncio
from urllib.parse import unquote_to_bytes

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.catalog.snapshot import ProductSnapshot
from acpublish.server.lately import Lately


class ProductReader:
    """Looks at products."""

    def __init__(self, catalog: DirectoryCatalog) -> None:
        """Prepares to look.

        Args:
            catalog: Where releases are.
        """
        self._snapshots = catalog.snapshots
        #: Returns all of a product; None if it must be read first.
        self.current = Lately(catalog.snapshots.current)

    async def read(self, product: str) -> ProductSnapshot:
        """Returns all of a product, after reading what has changed, in a thread."""
        snapshot = await asyncio.to_thread(self._snapshots.product, product)
        self.current.forget()
        return snapshot

    def must_read(self, path: bytes) -> str | None:
        """Returns the product that a path of the catalog may belong to, if it must be read first.

        Args:
            path: The path, with or without a slash before it.
        """
        first = path.lstrip(b"/").partition(b"/")[0]
        product = unquote_to_bytes(first).decode("latin-1")
        return product if self.current(product) is None else None

    def has_board(self, product: str, board: str) -> bool:
        """Returns whether a product has an image for a board, as far as it is in memory."""
        snapshot = self.current(product)
        return snapshot is not None and board in snapshot.boards

    def forget(self) -> None:
        """Makes the next look see what has just been changed."""
        self.current.forget()
