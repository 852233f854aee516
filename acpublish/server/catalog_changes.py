"""One change of the catalog after the other, for the API and the pages.

A change waits for other writers no longer than its client waits for it: what the client was told
has failed must not be changed a minute later.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import ConflictError, ManifestError, RequestError, SettingsError
from acpublish.release.change_request import Changed, ChangeRequest
from acpublish.release.rollout_changes import RolloutChange
from acpublish.server.bounds import BusyError
from acpublish.server.checkins import Counts, adoptions

#: The catalog has one writer at a time anyway, and downloads need the other threads.
PARALLEL_CHANGES = 2
#: How long a change may take, less than the 20 s that a client waits.
CHANGE_S = 15.0


class CatalogChanges:
    """Changes what is offered, or plans it."""

    def __init__(self, catalog: DirectoryCatalog, counts: Counts) -> None:
        """Prepares to make changes.

        Args:
            catalog: Where releases are.
            counts: What devices run.
        """
        self._catalog = catalog
        self._counts = counts
        self._turns = asyncio.Semaphore(PARALLEL_CHANGES)

    async def make(
        self, product: str, wanted: ChangeRequest | RolloutChange, check: Callable[[], object]
    ) -> Changed:
        """Makes a change of a product, in turn and in time.

        Args:
            product: The product.
            wanted: The change, which was already allowed.
            check: Called last, because whatever allowed it may have been revoked while the change
                waited for its turn; an error that it raises is passed on, and nothing is changed.

        Raises:
            AcpublishError: The change cannot be made; nothing was changed.
        """
        return await self._in_time(partial(self._make, product, wanted, check))

    async def _in_time(self, make: Callable[[Callable[[], None]], Changed]) -> Changed:
        """Calls a function in a thread; if that takes too long, it changes nothing any more."""
        # Taken once, by the change before its commit or by the end of the time, and never released.
        decided = threading.Lock()

        def decide() -> None:
            if not decided.acquire(blocking=False):
                raise _busy()

        async def in_turn() -> Changed:
            async with self._turns:
                return await asyncio.to_thread(make, decide)

        # The thread goes on after a timeout, with its place, until it hears of it.
        task = asyncio.ensure_future(in_turn())
        done, _ = await asyncio.wait([task], timeout=CHANGE_S)
        if not done and decided.acquire(blocking=False):
            task.add_done_callback(lambda late: late.cancelled() or late.exception())
            raise _busy()
        return await task

    def _make(
        self,
        product: str,
        wanted: ChangeRequest | RolloutChange,
        check: Callable[[], object],
        decide: Callable[[], None],
    ) -> Changed:
        def before_commit() -> None:
            check()
            decide()

        with as_answers():
            changed = self._catalog.changes.make(product, wanted, before_commit=before_commit)
        return replace(changed, devices=self._devices(product, changed))

    def _devices(self, product: str, changed: Changed) -> int | None:
        """Returns how many devices are known to run what is taken back."""
        change = changed.change
        if change is None or change.action not in ("rollback", "withdraw", "delete"):
            return None
        taken = {
            (place.board, str(version))
            for place, versions in changed.ordered_back.items()
            for version in versions
        }
        if change.action == "rollback":
            # After a withdrawal, a channel that has moved already stays where it is.
            taken |= {
                (move.place.board, str(move.before))
                for move in change.moves
                if move.before != move.after
            }
        else:
            taken |= {(place.board, str(change.version)) for place in change.places}
        rows = adoptions(self._counts.running(product), self._catalog.releases(product))
        return sum(
            row.count for row in rows if not row.unverified and (row.board, row.version) in taken
        )


def _busy() -> BusyError:
    return BusyError(
        f"other writers have kept the catalog locked for {CHANGE_S:.0f} s, so nothing was changed",
        hint="Try again in a moment.",
    )


@contextlib.contextmanager
def as_answers() -> Iterator[None]:
    """Turns what only the caller or whoever runs the catalog can mend into what the caller hears.

    Raises:
        RequestError: A text or a number of the request is invalid.
        ConflictError: What the channels point at cannot be read, as it may be of a newer version.
    """
    try:
        yield
    except SettingsError as error:
        raise RequestError(error.problem, hint=error.hint) from error
    except ManifestError as error:
        raise ConflictError(error.problem, hint=error.hint) from error
