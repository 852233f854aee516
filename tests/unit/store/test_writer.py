"""What is on the disk when, and what happens while nothing can be written."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from sqlalchemy import Connection

from acpublish.errors import StoreError
from acpublish.store import sqlite_file, writer
from acpublish.store.database import path_of
from acpublish.store.fleet_store import FleetStore, committed
from acpublish.store.stored import read
from acpublish.store.waiting import Batch
from bench.report import Unavailable
from tests.support.small_disk import filled, small_disk_at
from tests.unit.store.making import Quota, full_device, full_part, opened, until


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits less than a server does."""
    monkeypatch.setattr(writer, "RETRY_S", 0.02)
    monkeypatch.setattr(sqlite_file, "BUSY_S", 0.05)


def names(state: Path) -> set[str]:
    return {device.name for device in read(state).devices.values()}


def test_a_check_in_is_written_soon_without_anybody_who_waits(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.note(full_device(name="noted"))
        until(lambda: names(tmp_path) == {"noted"})


def test_what_is_kept_is_on_the_disk_once_its_future_is_done(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.keep_offer("r1", full_device(name="offered"), full_part()).result(5)
        connection = sqlite3.connect(path_of(tmp_path))
        assert connection.execute("SELECT name FROM devices").fetchall() == [("offered",)]
        assert connection.execute("SELECT count(*) FROM parts").fetchone() == (1,)
        connection.close()


def test_all_that_wait_share_a_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path) as store:
        store.written().result(5)
        transactions = []
        original = writer.Writer._transaction

        def counted(self: writer.Writer, flush: bool) -> AbstractContextManager[Connection]:
            transactions.append(flush)
            time.sleep(0.02)
            return original(self, flush)

        monkeypatch.setattr(writer.Writer, "_transaction", counted)
        futures = [store.keep_offer("r1", full_device(at), full_part()) for at in range(50)]
        for future in futures:
            future.result(5)
        # The first one begins at once, and the others wait for it together.
        assert len(transactions) < 10
    assert len(read(tmp_path).devices) == 50


def test_check_ins_are_written_in_small_transactions_between_which_others_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "BATCH_ROWS", 10)
    monkeypatch.setattr(writer, "BATCH_S", 600.0)
    sizes: list[dict[str, int]] = []
    flushed: list[bool] = []
    with opened(tmp_path) as store:
        original = writer.Writer._write

        def counted(self: writer.Writer, batch: Batch, *, flush: bool = True) -> None:
            if batch:
                sizes.append({name: len(rows) for name, rows in batch.items()})
                flushed.append(flush)
            if len(sizes) == 2:
                row = {"rollout_id": "r", "device_id": "d"}
                store._waiting.put("added", ("r", "d"), row, urgent=True)
            original(self, batch, flush=flush)

        monkeypatch.setattr(writer.Writer, "_write", counted)
        for number in range(25):
            store.note(full_device(number, tags=frozenset(), groups=frozenset()))
        store.written().result(5)
    assert sizes == [
        {"check_ins": 10},
        {"check_ins": 10},
        {"added": 1},
        {"check_ins": 5, "devices": 5},
        {"devices": 10},
        {"devices": 10},
    ]
    # The last one is flushed with all before it.
    assert flushed == [False, False, True, False, False, True]


def test_a_full_store_is_away_and_catches_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(tmp_path) as store:
        store.keep(full_device(0)).result(5)
        quota = Quota(store)
        store._writer._disconnect()
        quota.pages = 1
        fill(store)
        assert store.away == "the disk is full"
        begin = time.monotonic()
        future = store.keep(full_device(0, name="meanwhile"))
        with pytest.raises(StoreError, match="cannot be written: the disk is full") as caught:
            future.result(5)
        assert "Free some space" in caught.value.hint
        assert asyncio.run(committed(store.written())) is False
        assert time.monotonic() - begin < 5
        quota.pages = 0
        until(lambda: not store.away)
        assert store.keep(full_device(1, name="after")).result(5) is None
        assert "meanwhile" in names(tmp_path)
        assert len(read(tmp_path).devices) == 500
    (away, back) = (record.getMessage() for record in caplog.records)
    assert "cannot be written: the disk is full; " in away
    assert "changes wait. Free some space" in away
    assert "is written again" in back


def fill(store: FleetStore) -> None:
    """Notes more than fits, until the store is away."""
    for number in range(500):
        store.note(full_device(number, note="x" * 900))
    with pytest.raises(StoreError):
        store.written().result(5)
    assert store.away


def test_a_store_that_another_process_has_locked_is_away_and_catches_up(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.keep(full_device(1)).result(5)
        other = sqlite3.connect(path_of(tmp_path), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another process has locked it"):
            store.keep(full_device(2)).result(5)
        assert store.away
        other.execute("ROLLBACK")
        other.close()
        until(lambda: not store.away)
    assert len(read(tmp_path).devices) == 2


def test_a_store_whose_file_is_gone_or_replaced_is_away(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.keep(full_device(1)).result(5)
        aside = store.path.with_name("aside")
        store.path.rename(aside)
        with pytest.raises(StoreError, match="its file is gone"):
            store.keep(full_device(2)).result(5)
        assert not store.path.exists()
        store.path.write_bytes(b"")
        until(lambda: "replaced" in store.away)
        assert store.path.read_bytes() == b""
        # With its own file it catches up.
        aside.rename(store.path)
        until(lambda: not store.away)
    assert len(read(tmp_path).devices) == 2


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    try:
        with small_disk_at(tmp_path / "disk", "2m") as disk, opened(disk / "state") as store:
            with filled(disk, 2):
                fill(store)
                assert store.away in ("the disk is full", "the disk reports an error")
            until(lambda: not store.away)
            store.written().result(5)
            assert len(read(disk / "state").devices) == 500
    except Unavailable as reason:
        pytest.skip(str(reason))


def test_it_is_logged_once_a_minute(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path, capacity=150) as store:
        quota = Quota(store)
        quota.pages = 1
        fill(store)
        tries = []
        original = writer.Writer._went_away
        monkeypatch.setattr(
            writer.Writer,
            "_went_away",
            lambda self, *words: (tries.append(1), original(self, *words)),
        )
        until(lambda: len(tries) > 5)
        lines = [record.getMessage() for record in caplog.records]
        assert sum("cannot be written" in line for line in lines) == 1
        assert any("changes are lost, because too many wait" in line for line in lines)
        monkeypatch.setattr(writer, "LOG_EVERY_S", 0.0)
        caplog.clear()
        until(lambda: len(caplog.records) > 2)
        quota.pages = 0
        until(lambda: not store.away)
    assert 300 <= len(read(tmp_path).devices) < 500


def test_a_disk_that_does_not_respond_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "STUCK_S", 0.05)
    monkeypatch.setattr("acpublish.store.fleet_store.COMMIT_WAIT_S", 0.1)
    with opened(tmp_path) as store:
        original, goes_on = writer.Writer._transaction, threading.Event()

        def slow(self: writer.Writer, flush: bool) -> AbstractContextManager[Connection]:
            goes_on.wait(10)
            return original(self, flush)

        monkeypatch.setattr(writer.Writer, "_transaction", slow)
        assert asyncio.run(committed(store.keep(full_device()))) is False
        assert "has not responded" in store.away
        goes_on.set()
        until(lambda: not store.away)
    assert len(read(tmp_path).devices) == 1


def test_a_row_that_no_database_can_take_stops_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(tmp_path) as store:
        store.note(full_device(1, name="good"))
        store.note(full_device(2, name="bad \udcff"))
        store.note(full_device(3, name=object()))
        store.written().result(5)
        assert not store.away
    assert names(tmp_path) == {"good"}
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2


def test_a_closed_store_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with opened(tmp_path) as store:
        store.note(full_device(name="last"))
    assert names(tmp_path) == {"last"}
    with pytest.raises(StoreError, match="it is closed"):
        store.keep(full_device()).result(5)
    assert not caplog.records


def test_what_cannot_be_written_at_the_end_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(tmp_path) as store:
        Quota(store).pages = 1
        fill(store)
    assert "changes were not written: the disk is full" in caplog.records[-1].getMessage()
