"""Several processes and instances that write to one catalog at the same time."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from acpublish import atomic
from acpublish.catalog import channels_file, manifest_files, snapshot
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import CatalogError
from acpublish.release.submission import Outcome
from tests.unit.catalog.holding import (
    files_below,
    put,
)


class TestSeveralWriters:
    def test_a_change_is_seen_at_once_by_another_instance(self, tmp_path: Path) -> None:
        reader = DirectoryCatalog(tmp_path)
        for number in range(30):
            put(DirectoryCatalog(tmp_path), f"1.{number}.0")
            assert len(reader.releases("lamp")) == number + 1

    def test_a_change_is_seen_even_when_the_clock_did_not_tick(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # A busy machine may need more than the usual time for all of this.
        monkeypatch.setattr(snapshot, "_SETTLED_NS", 10**12)
        reader = DirectoryCatalog(tmp_path)
        put(tmp_path, "1.0.0")
        directory = tmp_path / ".acpublish/releases/lamp"
        now = directory.stat().st_mtime_ns
        for number in range(1, 4):
            os.utime(directory, ns=(now, now))
            assert len(reader.releases("lamp")) == number
            put(tmp_path, f"1.{number}.0")
            os.utime(directory, ns=(now, now))
        assert len(reader.releases("lamp")) == 4

    def test_a_change_while_a_slow_reader_reads_is_seen_afterwards(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(tmp_path, "1.0.0")
        directory = tmp_path / ".acpublish/releases/lamp"
        reader = DirectoryCatalog(tmp_path)
        read = manifest_files.read_own
        hindered = []

        def slow(path: Path) -> bytes:
            data = read(path)
            if path.suffix == ".json" and not hindered:
                hindered.append(path)
                # Another writer, in the same tick of the clock, and then a pause.
                tick = directory.stat().st_mtime_ns
                put(tmp_path, "2.0.0")
                os.utime(directory, ns=(tick, tick))
                threading_pause()
            return data

        monkeypatch.setattr(manifest_files, "read_own", slow)
        reader.releases("lamp")
        assert len(reader.releases("lamp")) == 2

    def test_nothing_is_read_again_while_nothing_changes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        catalog = DirectoryCatalog(tmp_path)
        put(catalog)
        os.utime(tmp_path / ".acpublish/releases/lamp", ns=(10**18, 10**18))
        first = catalog.releases("lamp")
        for module in (manifest_files, channels_file):
            monkeypatch.setattr(module, "read_own", lambda path: pytest.fail(f"{path} is read"))
        assert catalog.releases("lamp") is first

    def test_threads_lose_nothing(self, tmp_path: Path) -> None:
        catalog = DirectoryCatalog(tmp_path)
        versions = [f"1.{number}.0" for number in range(8)]
        with ThreadPoolExecutor(8) as pool:
            receipts = list(
                pool.map(lambda version: put(catalog, version, channel="dev"), versions)
            )
        assert {receipt.outcome for receipt in receipts} == {Outcome.PUBLISHED}
        (orders,) = {tuple(sorted(orders_of(catalog)))}
        assert orders == tuple(range(1, 9))

    def test_processes_lose_nothing(self, tmp_path: Path) -> None:
        command = [sys.executable, "-m", "tests.unit.catalog.holding", str(tmp_path)]
        here = Path(__file__).parents[3]
        children = [
            subprocess.Popen(
                [*command, f"p{number}", "3"], cwd=here, stdout=subprocess.PIPE, text=True
            )
            for number in range(8)
        ]
        for child in children:
            child.communicate(timeout=60)
        assert [child.returncode for child in children] == [0] * 8
        catalog = DirectoryCatalog(tmp_path)
        assert len(catalog.releases("lamp")) == 8 * 3 + 3
        assert sorted(orders_of(catalog)) == list(range(1, 49))
        assert len(files_below(tmp_path)) == 48
        assert catalog.repair() == ()


def orders_of(catalog: DirectoryCatalog) -> list[int]:
    return [
        order
        for release in catalog.releases("lamp")
        for one in release.images
        for order in one.channels.values()
    ]


def threading_pause() -> None:
    """Longer than the time for which a change counts as recent."""
    import time

    time.sleep(0.15)


def test_the_lock_is_waited_for_and_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic, "LOCK_WAIT_S", 0.1)
    with (
        atomic.exclusive(tmp_path / ".acpublish"),
        pytest.raises(CatalogError, match="another process has held the lock of"),
    ):
        put(tmp_path)
    assert put(tmp_path).outcome is Outcome.PUBLISHED
