"""The store's file: where it is, who has it, which schema it has, and how it gets the newest one.

1. It is in a folder of its own in the state folder, whose lock the server holds as long as it runs.
   So a second server is refused, while any process may read.
2. A store of an older schema is upgraded in one transaction by whoever holds the lock; one of a
   newer schema, or a damaged one, is refused and stays as it is.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, inspect, select

from acpublish import atomic
from acpublish.errors import StoreError, StoreInUseError, reason_of
from acpublish.lock_holder import hold, holder_of
from acpublish.store.schema import SCHEMA, VERSION_TABLE
from acpublish.store.sqlite_file import ERRORS, RESTORE, engine_for, meaning_of

FOLDER = "fleet"
FILE = "fleet.db"
_POLL_S = 0.05


def path_of(state: Path) -> Path:
    """Returns the file of the store in a state folder."""
    return state / FOLDER / FILE


@contextlib.contextmanager
def store_errors(what: str) -> Iterator[None]:
    """Turns an error of the database or the system into one that says what, why and what next.

    Args:
        what: What cannot be done, as in ``the store FILE cannot be read``.

    Raises:
        StoreError: The block raised one.
    """
    try:
        yield
    except ERRORS as error:
        reason, hint = meaning_of(getattr(error, "orig", None) or error)
        raise StoreError(f"{what}: {reason}", hint=hint) from error
    except OSError as error:
        hint = "Check the state folder and its owner, or use another one with --state."
        raise StoreError(f"{what}: {reason_of(error)}", hint=hint) from error


class Held:
    """The lock of a store; only one process has it."""

    def __init__(self, state: Path, wait_s: float = 0.0) -> None:
        """Takes the lock, and makes the store's folder if it is missing.

        Args:
            state: The state folder.
            wait_s: How long to wait for another process that has it, such as a command.

        Raises:
            StoreInUseError: Another process has it.
            StoreError: The folder cannot be made.
        """
        folder = path_of(state).parent
        with store_errors(f"the fleet's store {folder} cannot be used"):
            atomic.make_directory(folder, private=True)
            end = time.monotonic() + wait_s
            while (descriptor := hold(folder)) is None and time.monotonic() < end:
                time.sleep(_POLL_S)
            if descriptor is None:
                raise StoreInUseError(
                    f"the fleet's store {folder} is in use{holder_of(folder.stat())}",
                    hint="Stop that server first, or use another state folder with --state.",
                )
        self._descriptor = descriptor

    def release(self) -> None:
        """Lets another process have it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def open_for_writing(path: Path) -> Engine:
    """Opens a store; one that is missing is created, and an older one gets the newest schema.

    The caller holds its lock.

    Raises:
        StoreError: It is damaged, of a newer schema, or cannot be written.
    """
    with store_errors(f"the fleet's store {path} cannot be opened"):
        if not path.exists():
            # It follows the folder's owner, and SQLite lets the files beside it follow it.
            atomic.write(path, b"", mode=0o600)
        engine = engine_for(path)
        with engine.begin() as connection:
            if _schema_of(connection, f"the fleet's store {path}") < SCHEMA:
                _upgrade(connection)
    return engine


def open_for_reading(path: Path) -> Engine:
    """Opens an existing store that another process may be writing.

    Raises:
        StoreError: There is none, it is damaged, or its schema is another one.
    """
    missing = StoreError(
        f"there is no fleet's store {path}",
        hint="A server makes it when the first device asks for an update; check --to and --state.",
    )
    engine, schema = _opened(path, f"the fleet's store {path}", missing)
    if schema < SCHEMA:
        raise StoreError(
            f"the fleet's store {path} was last written by an older acpublish",
            hint="Start the server once; that upgrades it.",
        )
    return engine


def open_copy(path: Path) -> Engine:
    """Opens a copy of a store, which may have an older schema.

    Raises:
        StoreError: There is none, it is damaged, or it is not a copy of a store.
    """
    missing = StoreError(f"there is no backup {path}", hint="Check its name.")
    try:
        engine, schema = _opened(path, f"the backup {path}", missing)
    except StoreError as error:
        if error.hint != RESTORE:
            raise
        hint = "Use a file that 'acpublish backup' wrote; nothing was changed."
        raise StoreError(error.problem, hint=hint) from error
    if not schema:
        raise StoreError(f"{path} is not a backup: it is empty", hint="Use another file.")
    return engine


def _opened(path: Path, name: str, missing: StoreError) -> tuple[Engine, int]:
    """Opens a file to read it, and returns its schema as well."""
    with store_errors(f"{name} cannot be read"):
        if not path.is_file():
            raise missing
        engine = engine_for(path, read_only=True)
        with engine.connect() as connection:
            return engine, _schema_of(connection, name)


def _schema_of(connection: Connection, name: str) -> int:
    """Returns the schema of a store, 0 for an empty one.

    Raises:
        StoreError: It is newer than this version of acpublish.
    """
    if not inspect(connection).has_table(VERSION_TABLE):
        if tables := inspect(connection).get_table_names():
            raise StoreError(
                f"{name} is the database of another program: it has the table {tables[0]}",
                hint="Use another file, or another state folder with --state.",
            )
        return 0
    versions = Table(VERSION_TABLE, MetaData(), Column("version_num", String))
    number = str(connection.execute(select(versions.c.version_num)).scalar())
    schema = int(number) if number.isdigit() else SCHEMA + 1
    if schema > SCHEMA:
        raise StoreError(
            f"{name} was written by a newer acpublish: its schema is {number}, and this version "
            f"knows {SCHEMA}",
            hint="Install that version: pip install -U 'acpublish[server]'.",
        )
    return schema


def _upgrade(connection: Connection) -> None:
    """Runs the migrations that are missing, in the transaction of the connection."""
    # Most starts upgrade nothing, so they need not load it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    folder = resources.files("acpublish.store") / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
