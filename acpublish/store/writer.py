"""The one thread that writes the store.

1. Check-ins are written every half second, in small transactions, between which urgent rows are
   written. A crash of the process, also by SIGKILL, loses those that were not written yet: a second
   of them at most, if the machine is not overloaded.
2. Who needs to know that a row is on the disk gets a future. All that wait meanwhile share one
   commit, and the next begins as soon as it has ended.
3. A power cut loses no more: each commit for which somebody waits is flushed to the disk, with all
   before it, and so is the last one of each half second. A disk that says so too early can lose the
   last ones; the file is whole all the same.
4. If the store cannot be written it is *away*: each future fails at once, the rows wait, and the
   thread tries again every second until all of them are written.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Engine, Table
from sqlalchemy.exc import DatabaseError, InternalError, OperationalError, SQLAlchemyError

from acpublish.errors import StoreError
from acpublish.store.check_in_log import CheckInLog
from acpublish.store.dialects import Upsert, key_parameters, removal
from acpublish.store.schema import check_in_log, metadata
from acpublish.store.sqlite_file import flush_commits, meaning_of
from acpublish.store.waiting import Batch, Key, Values, Waiting

_log = logging.getLogger(__name__)

#: How often check-ins are written; with the time that it takes, less than a second.
BATCH_S = 0.5
#: How many rows a transaction of check-ins has: what is urgent waits for about 10 ms.
BATCH_ROWS = 512
RETRY_S = 1.0
#: A write that takes longer means that the store is away, though no error has come.
STUCK_S = 4.0
LOG_EVERY_S = 60.0
#: How long the end of a server waits for the last rows.
CLOSE_S = 5.0
#: How much of that it folds the log of check-ins.
FOLD_AT_END_S = 3.0
#: How many times as long as a step of a chore the thread rests after it; a busy server needs that.
RESTS = 4.0
#: Does a little in a transaction, and returns whether it has to be called again.
Chore = Callable[[Connection], bool]
#: Makes the values of a row in the thread that writes, in the order of the columns.
Maker = Callable[[Any], tuple[Any, ...]]


class Writer:
    """Writes what waits, in a thread of its own."""

    def __init__(
        self,
        engine: Engine,
        waiting: Waiting,
        makers: Mapping[str, Maker],
        log: CheckInLog,
        name: str,
    ) -> None:
        """Starts the thread.

        Args:
            engine: The database.
            waiting: The rows that wait.
            makers: What makes the values of the rows of some tables.
            log: The log of check-ins.
            name: The store, for messages.
        """
        self._engine = engine
        self._waiting = waiting
        self._makers = makers
        self._log = log
        self._name = name
        self._connection: Connection | None = None
        #: Whether its commits are flushed to the disk.
        self._flushing = True
        self._wake = threading.Condition()
        self._upserts: dict[str, Upsert] = {}
        self._futures: list[Future[None]] = []
        self._flushes: list[Future[None]] = []
        self._chores: deque[tuple[Chore, Future[None]]] = deque()
        self._closing = False
        self._reason = ""
        self._hint = "Check the file system that it is on."
        self._began: float | None = None
        self._logged = -LOG_EVERY_S
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._thread.start()

    @property
    def away(self) -> str:
        """Why the store cannot be written now; empty if it can."""
        began = self._began
        if not self._reason and began is not None and time.monotonic() - began > STUCK_S:
            return f"the disk has not responded for {STUCK_S:g} s"
        return self._reason

    @property
    def hint(self) -> str:
        """What to do about it, as a sentence."""
        return self._hint

    def commit(self, *, everything: bool = False) -> Future[None]:
        """Returns a future that is done when the urgent rows that wait are on the disk.

        It fails with a :class:`~acpublish.errors.StoreError` if the store is away; the rows are
        written later all the same, unless others are put in their place.

        Args:
            everything: Whether it is about all rows that wait.
        """
        future: Future[None] = Future()
        with self._wake:
            if self.away or self._closing:
                future.set_exception(self._error(self.away or "it is closed"))
            else:
                (self._flushes if everything else self._futures).append(future)
                self._wake.notify()
        return future

    def later(self, chore: Chore) -> Future[None]:
        """Returns a future that is done when a chore is, which nobody waits for meanwhile.

        It fails with a :class:`~acpublish.errors.StoreError` if the store is or goes away.

        Args:
            chore: Does a little, in a transaction, and returns whether it has to be called again.
        """
        future: Future[None] = Future()
        with self._wake:
            if self.away or self._closing:
                future.set_exception(self._error(self.away or "it is closed"))
            else:
                self._chores.append((chore, future))
        return future

    def close(self) -> None:
        """Writes what waits, and ends the thread; it waits for a few seconds at most."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(CLOSE_S)
        if left := len(self._waiting):
            _log.error("%s: %d changes were not written: %s", self._name, left, self.away)

    def _error(self, reason: str) -> StoreError:
        return StoreError(f"{self._name} cannot be written: {reason}", hint=self._hint)

    def _run(self) -> None:
        due = time.monotonic() + BATCH_S
        closing = False
        while not closing:
            closing = self._wait(due)
            flushes = self._take(self._flushes)
            try:
                self._write_urgent()
                if flushes or closing or time.monotonic() >= due:
                    self._write_others()
                    self._came_back()
                    _succeed(flushes)
                    flushes, due = [], time.monotonic() + BATCH_S
                    self._do_chores(due)
                if closing:
                    self._fold_log()
            except (SQLAlchemyError, OSError) as error:
                self._went_away(error, flushes)
                due = time.monotonic() + RETRY_S
        for _, future in self._chores:
            future.set_exception(self._error("it is closed"))
        self._disconnect()

    def _wait(self, due: float) -> bool:
        """Waits until there is something to do; returns whether it is the last."""
        with self._wake:
            while not (self._futures or self._flushes or self._closing):
                left_s = due - time.monotonic()
                if left_s <= 0:
                    break
                self._wake.wait(left_s)
            return self._closing

    def _take(self, futures: list[Future[None]]) -> list[Future[None]]:
        with self._wake:
            taken = futures[:]
            futures.clear()
        return taken

    def _write_urgent(self) -> None:
        # In this order, so that the rows of each future are in the batch.
        futures = self._take(self._futures)
        batch = self._waiting.take_urgent()
        try:
            self._write(batch)
        except (SQLAlchemyError, OSError) as error:
            self._waiting.give_back(batch, urgent=True)
            self._fail(futures, error)
            raise
        _succeed(futures)

    def _write_others(self) -> None:
        self._waiting.begin()
        while batch := self._waiting.take(BATCH_ROWS):
            try:
                self._write(batch, flush=not self._waiting.leave())
            except (SQLAlchemyError, OSError):
                self._waiting.give_back(batch, urgent=False)
                self._waiting.recall()
                raise
            self._write_urgent()

    def _fold_log(self) -> None:
        """Folds the log of check-ins, so that the next start is quick, as far as there is time."""
        end = time.monotonic() + FOLD_AT_END_S
        while self._log.filled and time.monotonic() < end:
            with self._transaction(flush=False) as connection:
                again = self._log.fold_some(connection)
            if not again:
                return

    def _do_chores(self, end: float) -> None:
        """Does chores until a time, at least one step; what is left is for the next time."""
        if self._log.due():
            self.later(self._log.fold_some).add_done_callback(self._log.folded)
        while self._chores:
            began = time.monotonic()
            chore, future = self._chores[0]
            # A power cut may undo it, together with whatever comes after.
            with self._transaction(flush=False) as connection:
                again = chore(connection)
            if not again:
                self._chores.popleft()
                _succeed([future])
            rested = time.monotonic() + (time.monotonic() - began) * RESTS
            if self._wait(min(rested, end)) or self._flushes or time.monotonic() >= end:
                break
            self._write_urgent()

    def _write(self, batch: Batch, *, flush: bool = True) -> None:
        """Writes rows in one transaction; a row that no database could take is dropped.

        Args:
            batch: The rows.
            flush: Whether they must survive a power cut as soon as this returns.
        """
        if not batch:
            return
        self._began = time.monotonic()
        try:
            with self._transaction(flush) as connection:
                for name, of_table in batch.items():
                    self._write_table(connection, metadata.tables[name], of_table)
        except (OSError, OperationalError, InternalError):
            raise
        except Exception as error:
            if type(error) is DatabaseError:
                # Such as a damaged file.
                raise
            self._log.lost()
            rows = [(name, key) for name, keys in batch.items() for key in keys]
            if len(rows) == 1:
                _log.error("%s: the row %s cannot be written: %r", self._name, rows[0], error)
                return
            for name, key in rows:
                self._write({name: {key: batch[name][key]}})
        finally:
            self._began = None

    @contextlib.contextmanager
    def _transaction(self, flush: bool) -> Iterator[Connection]:
        """Connects if need be, and makes one transaction of the block."""
        if self._connection is None:
            self._connection, self._flushing = self._engine.connect(), True
        if flush != self._flushing:
            flush_commits(self._connection, flush)
            self._flushing = flush
        with self._connection.begin():
            yield self._connection

    def _write_table(
        self, connection: Connection, table: Table, rows: Mapping[Key, Values]
    ) -> None:
        if table is check_in_log:
            self._log.forget(str(key[0]) for key, values in rows.items() if values is None)
            if taken := [values for values in rows.values() if values is not None]:
                self._log.append(connection, taken)
            return
        make = self._makers.get(table.name) or itemgetter(*table.columns.keys())
        gone: dict[tuple[bool, ...], list[Key]] = {}
        for key, values in rows.items():
            if values is None:
                gone.setdefault(tuple(part is None for part in key), []).append(key)
        kept = [make(values) for values in rows.values() if values is not None]
        # First what is to be deleted: a key with None can be that of a row that is kept.
        for keys in gone.values():
            parameters = [key_parameters(table, key) for key in keys]
            connection.execute(removal(table, keys[0]), parameters)
        if kept:
            if table.name not in self._upserts:
                self._upserts[table.name] = Upsert(table, connection.dialect)
            self._upserts[table.name].run(connection, kept)

    def _came_back(self) -> None:
        if self._reason:
            _log.warning("%s is written again, with all changes that waited", self._name)
            self._reason = ""
            self._logged = -LOG_EVERY_S

    def _went_away(self, error: Exception, flushes: list[Future[None]]) -> None:
        self._reason, self._hint = meaning_of(getattr(error, "orig", None) or error)
        self._log.lost()
        chores = [future for _, future in self._chores]
        self._chores.clear()
        waiting = [*self._take(self._futures), *self._take(self._flushes)]
        self._fail([*flushes, *waiting, *chores], error)
        self._disconnect()
        if time.monotonic() - self._logged >= LOG_EVERY_S:
            self._logged = time.monotonic()
            _log.error(
                "%s cannot be written: %s; %d changes wait. %s",
                self._name,
                self._reason,
                len(self._waiting),
                self._hint,
            )
        if dropped := self._waiting.dropped():
            _log.error("%s: %d changes are lost, because too many wait", self._name, dropped)

    def _fail(self, futures: list[Future[None]], error: Exception) -> None:
        reason, hint = meaning_of(getattr(error, "orig", None) or error)
        for future in futures:
            if future.set_running_or_notify_cancel():
                problem = f"{self._name} cannot be written: {reason}"
                future.set_exception(StoreError(problem, hint=hint))

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # It may be broken, and the next one is new.
            with contextlib.suppress(SQLAlchemyError):
                connection.close()


def _succeed(futures: list[Future[None]]) -> None:
    for future in futures:
        if future.set_running_or_notify_cancel():
            future.set_result(None)
