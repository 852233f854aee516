"""Where addresses lead, remembered for a moment.

Finding out takes several looks at the disk, and a fleet asks for the same few addresses. What is
remembered is only where to look: a file's state is looked at for each answer.
"""

from __future__ import annotations

import time

from acpublish.catalog import CatalogFiles
from acpublish.catalog.files import Located

_LIFE_S = 0.05
_KEPT = 1024


class Places:
    """The places of a catalog, by the addresses that clients use."""

    def __init__(self, files: CatalogFiles) -> None:
        self._files = files
        self._kept: dict[bytes, tuple[float, Located]] = {}

    def locate(self, target: bytes) -> Located | None:
        """Does what :meth:`acpublish.catalog.CatalogFiles.locate` does, sometimes from memory.

        What is not there is not remembered: it may be published at this moment.
        """
        now = time.monotonic()
        kept = self._kept.get(target)
        if kept is not None and now < kept[0]:
            return kept[1]
        found = self._files.locate(target)
        if found is not None:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            self._kept[target] = (now + _LIFE_S, found)
        return found
