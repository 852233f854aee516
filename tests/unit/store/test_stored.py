from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from acpublish.errors import StoreError
from acpublish.store.stored import read, read_live
from tests.support.users import SERVER, acting_as, folder_of, needs_root
from tests.unit.fleet.making import live
from tests.unit.store.making import full_device, in_thread, opened

READER = """
import sys
from pathlib import Path
from acpublish.store.stored import read
print(len(read(Path(sys.argv[1])).devices))
"""


def test_another_process_reads_what_a_server_writes(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.keep(*(full_device(number) for number in range(30))).result(5)
        store.note(full_device(31))
        said = subprocess.run(
            [sys.executable, "-c", READER, str(tmp_path)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert int(said.stdout) in (30, 31)


def test_a_reader_sees_one_moment_while_all_is_written_again(tmp_path: Path) -> None:
    devices = [full_device(number, name="0") for number in range(20)]
    with opened(tmp_path) as store:
        store.keep(*devices).result(5)

        def rename() -> None:
            for number in range(1, 60):
                for device in devices:
                    device.name = str(number)
                store.keep(*devices).result(5)

        writing = in_thread(rename)
        seen = set()
        while writing.is_alive():
            names = {device.name for device in read(tmp_path).devices.values()}
            assert len(names) == 1
            seen |= names
        writing.join()
    assert len(seen) > 1
    assert {device.name for device in read(tmp_path).devices.values()} == {"59"}


def test_a_store_whose_server_was_killed_is_read(tmp_path: Path) -> None:
    writer = """
import os, sys
from pathlib import Path
from acpublish.store.fleet_store import FleetStore
from tests.unit.store.making import full_device
FleetStore.open(Path(sys.argv[1])).keep(full_device()).result(5)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", writer, str(tmp_path)], check=False)
    assert done.returncode == -9
    assert list(read(tmp_path).devices.values()) == [full_device()]


@needs_root
def test_a_user_who_may_not_read_it_gets_one_line() -> None:
    with folder_of(SERVER) as state:
        with opened(state) as store:
            store.keep(full_device()).result(5)
        with acting_as(SERVER):
            assert len(read(state).devices) == 1
        with acting_as(SERVER + 1), pytest.raises(StoreError) as caught:
            read(state)
    assert "\n" not in str(caught.value)


def test_a_rollout_that_nobody_stored_has_no_progress(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    made = live()
    assert list(read_live(tmp_path, made.rollout).progress.parts()) == []
