"""An incoming file is there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.client.incoming import incoming, write
from acpublish.errors import SettingsError


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_file_takes_its_name_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "image.bin"
    path.write_bytes(b"old")
    with incoming(path) as file:
        write(file, b"new", path)
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["image.bin"]


def break_off(path: Path) -> None:
    with incoming(path) as file:
        write(file, b"half", path)
        raise RuntimeError("broken")


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "image.bin"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="broken"):
        break_off(path)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["image.bin"]


def test_a_directory_that_is_missing_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "image.bin"
    with pytest.raises(SettingsError, match="cannot be written: no such file"), incoming(path):
        pass


def test_a_directory_in_the_way_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "image.bin").mkdir()
    path = tmp_path / "image.bin"
    with pytest.raises(SettingsError, match="cannot be written"), incoming(path):
        pass
    assert names(tmp_path) == ["image.bin"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_one_clear_error(tmp_path: Path) -> None:
    with (
        Path("/dev/full").open("wb", buffering=0) as full,
        pytest.raises(SettingsError, match="no space left"),
    ):
        write(full, b"x", tmp_path / "image.bin")
