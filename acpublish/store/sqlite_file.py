"""SQLite's own side of the store: how its file is opened, copied and checked, and its errors.

Nothing outside this module is special to SQLite. The file is in WAL mode, so that readers and the
one writer do not wait for each other, and a commit survives the end of the process without being
flushed to the disk. What a server has promised is flushed, because it must survive a power cut.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

#: What a database may raise.
ERRORS = (SQLAlchemyError, sqlite3.Error)
#: What SQLite keeps beside its file: the log of changes, and an index of it, which is made again.
LOG, INDEX = "-wal", "-shm"
#: How long a statement waits for another process that writes. The writer has to fail soon enough
#: that no device waits for 5 s.
BUSY_S = 2.0
#: The log of changes is taken into the file after so many pages, about 8 MB.
_CHECKPOINT_PAGES = 2000
#: The log is cut back to this size, if a reader has kept it from being reused.
_LOG_LIMIT_BYTES = 64 * 1024 * 1024
#: How many parameters a statement may have, which is less than in any other database.
MAX_PARAMETERS = 32_766 if sqlite3.sqlite_version_info >= (3, 32) else 999
_CACHE_KIB = 16 * 1024
#: What is wrong with a file in which something does not fit together, and what to do next.
DAMAGED = "the file is damaged"
RESTORE = "Restore a backup: acpublish restore FILE. The damaged file is kept."
_REPLACED = "its file was replaced"
#: The words in messages of SQLite and the system, what they mean and what to do next.
_MEANINGS: tuple[tuple[str, str, str], ...] = (
    ("disk is full", "the disk is full", "Free some space on its file system."),
    ("readonly", "it is read-only", "Make it and its folder writable for this user."),
    ("read-only", "it is read-only", "Make it and its folder writable for this user."),
    (
        "locked",
        "another process has locked it",
        "End that process, which fuser or lsof finds by the file, or wait for it.",
    ),
    ("not a database", DAMAGED, RESTORE),
    ("malformed", DAMAGED, RESTORE),
    ("no such table", DAMAGED, RESTORE),
    ("no such column", DAMAGED, RESTORE),
    ("unable to open", "it cannot be opened", "Check the state folder and its owner."),
    (
        "no such file",
        "its file is gone",
        "Stop the server, and restore a backup: acpublish restore FILE.",
    ),
    (_REPLACED, _REPLACED, "Restart the server, which then goes on with the other file."),
    ("disk i/o", "the disk reports an error", "Check the file system that it is on."),
)


def meaning_of(error: BaseException) -> tuple[str, str]:
    """Returns what an error of the database means, and what to do next."""
    text = str(error).lower()
    for words, meaning, hint in _MEANINGS:
        if words in text:
            return meaning, hint
    lines = str(error).strip().splitlines()
    reason = lines[0] if lines else type(error).__name__
    return reason, "Check the file system that it is on."


def engine_for(path: Path, *, read_only: bool = False) -> Engine:
    """Returns the engine of a file.

    Each transaction that may write begins only if the file is still the one of the first: SQLite
    itself would go on with one that was removed or replaced, and all of it would be lost.

    Args:
        path: The file; an empty one becomes a database.
        read_only: Whether nothing may be written; another process may write meanwhile.
    """
    mode = "ro" if read_only else "rw"
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}"

    first: list[os.stat_result] = []

    def need_same_file() -> None:
        status = path.stat()
        if not os.path.samestat((first or [status])[0], status):
            raise FileExistsError(errno.EEXIST, _REPLACED)
        first[:] = [status]

    def connected() -> sqlite3.Connection:
        if not read_only:
            need_same_file()
        # SQLAlchemy begins the transactions. Each connection stays in one thread at a time.
        return sqlite3.connect(
            uri, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )

    engine = create_engine("sqlite+pysqlite://", creator=connected, poolclass=NullPool)
    begin = "BEGIN" if read_only else "BEGIN IMMEDIATE"

    @event.listens_for(engine, "connect")
    def set_up(connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        if not read_only:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
            cursor.execute(f"PRAGMA journal_size_limit={_LOG_LIMIT_BYTES}")
        cursor.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin_now(connection: Any) -> None:
        if not read_only:
            need_same_file()
        # A transaction that will write has the lock from the beginning, so it never fails half-way.
        connection.exec_driver_sql(begin)

    return engine


def flush_commits(connection: Connection, flush: bool) -> None:
    """Says whether each of the next commits is flushed to the disk, with all before it.

    Those that are not survive the end of the process, also by SIGKILL, but not a power cut. The
    file stays whole in any case.

    Args:
        connection: A connection that is not in a transaction.
        flush: Whether the next commits are flushed.
    """
    driver = cast("sqlite3.Connection", connection.connection.driver_connection)
    driver.execute(f"PRAGMA synchronous={'FULL' if flush else 'NORMAL'}").close()


def copy_into(engine: Engine, copy: Path) -> None:
    """Copies the database as it is at one moment, while others read and write it.

    Args:
        engine: The database.
        copy: An empty file.
    """
    pooled = engine.raw_connection()
    target = sqlite3.connect(copy, isolation_level=None)
    try:
        source = cast("sqlite3.Connection", pooled.driver_connection)
        # In one step, because a copy in several begins again whenever somebody writes.
        source.backup(target, pages=-1)
        # One file, without a log beside it.
        target.execute("PRAGMA journal_mode=DELETE")
    finally:
        target.close()
        pooled.close()


def damage_of(engine: Engine) -> str:
    """Returns what is wrong inside a database, empty if nothing is."""
    with engine.connect() as connection:
        first = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar())
    return "" if first == "ok" else first
