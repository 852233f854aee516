"""What people were told before a restart: a small file in the state folder.

Of each product it has the number of the last change that was told, and of each rollout the stage.
Without the file, nothing that has happened so far is told; what a server finds is where it begins.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from acpublish import atomic
from acpublish.catalog.state import ensure_private
from acpublish.errors import reason_of
from acpublish.fleet.moments import DAY_S

_log = logging.getLogger("acpublish.fleet")

FILE = "told.json"
FORMAT = 1
#: What happened longer ago is no news.
NEWS_S = 7 * DAY_S
#: Far more rollouts than are under way at a time; the oldest are forgotten.
_MAX_ROLLOUTS = 10_000
_ENDED = -1


class Told:
    """What was told.

    Attributes:
        products: The number of the last change that was told, by product; None before the first
            look at the catalog.
        remembers: Whether it has read what was told before.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Reads what was told.

        Args:
            folder: The state folder; None to remember nothing beyond this process.
        """
        self._folder = folder
        self.products: dict[str, int] | None = None
        self._rollouts: dict[str, int] = {}
        self._written: dict[str, Any] | None = None
        if folder is not None:
            self._read(folder / FILE)
        self.remembers = self.products is not None

    def _read(self, path: Path) -> None:
        try:
            document: Any = json.loads(path.read_bytes())
            products = {str(name): int(serial) for name, serial in document["products"].items()}
            rollouts = {str(key): int(stage) for key, stage in document["rollouts"].items()}
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            reason = reason_of(error) if isinstance(error, OSError) else "it is damaged"
            _log.warning("%s is ignored: %s; what happened so far is not reported", path, reason)
            return
        self.products, self._rollouts = products, rollouts
        self._written = self._document()

    def reached(self, rollout: str, stage: int) -> bool:
        """Notes that a rollout has reached a stage, from 1; returns whether that is news."""
        before = self._rollouts.get(rollout, 0)
        if before == _ENDED or stage <= before:
            return False
        self._note(rollout, stage)
        return True

    def ended(self, rollout: str) -> bool:
        """Notes that a rollout has halted or is complete; returns whether that is news."""
        if self._rollouts.get(rollout) == _ENDED:
            return False
        self._note(rollout, _ENDED)
        return True

    def _note(self, rollout: str, stage: int) -> None:
        # The last ones to move are the last ones to be forgotten.
        self._rollouts.pop(rollout, None)
        self._rollouts[rollout] = stage
        while len(self._rollouts) > _MAX_ROLLOUTS:
            del self._rollouts[next(iter(self._rollouts))]

    def _document(self) -> dict[str, Any]:
        products = dict(self.products or {})
        return {"format": FORMAT, "products": products, "rollouts": dict(self._rollouts)}

    def unwritten(self) -> dict[str, Any] | None:
        """Returns what has to be written (:meth:`write`); None if nothing has changed."""
        document = self._document()
        if self.products is None or document == self._written:
            return None
        return document

    def write(self, document: dict[str, Any]) -> None:
        """Writes what was told; may be called from a thread.

        Raises:
            SettingsError: The state folder cannot be created.
            OSError: The file cannot be written.
        """
        if self._folder is not None:
            ensure_private(self._folder)
            text = json.dumps(document)
            atomic.write(self._folder / FILE, f"{text}\n".encode(), mode=0o600)
        self._written = document
