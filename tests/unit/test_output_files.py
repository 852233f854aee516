"""Outputs and keys are written whole or not at all, and only files are replaced."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from acpublish.errors import SettingsError
from acpublish.output_files import write_file, write_secret
from tests.support.flushes import recorded


def test_an_output_is_flushed_before_it_takes_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.bin"
    path.write_bytes(b"old")
    calls = recorded(monkeypatch)
    write_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert calls == ["flush file", "rename to out.bin", f"flush directory {tmp_path.name}"]


def test_the_file_that_a_link_points_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "out.bin").write_bytes(b"old")
    (tmp_path / "link.bin").symlink_to("folder/out.bin")
    write_file(tmp_path / "link.bin", b"new")
    assert (tmp_path / "link.bin").is_symlink()
    assert (tmp_path / "folder" / "out.bin").read_bytes() == b"new"
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["out.bin"]


def test_only_a_regular_file_is_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(SettingsError, match="is not a regular file") as caught:
            write_file(path, b"new", hint="Try another one.")
        assert caught.value.hint == "Try another one."


def test_a_missing_directory_is_not_created_but_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no directory") as caught:
        write_file(tmp_path / "missing" / "out.bin", b"new")
    assert caught.value.hint == f"Create it first: mkdir -p {tmp_path / 'missing'}"
    assert list(tmp_path.iterdir()) == []


def test_a_failure_has_the_hint_of_the_caller_and_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(5, "Input/output error")

    path = tmp_path / "platformio.ini"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(SettingsError, match="cannot be written: input/output error") as caught:
        write_file(path, b"new", hint="Make it writable.")
    assert caught.value.hint == "Make it writable."
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_secret_is_readable_by_its_owner_alone_and_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = recorded(monkeypatch)
    path = tmp_path / "key.pem"
    write_secret(path, b"secret")
    assert path.read_bytes() == b"secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert calls == ["flush file", f"flush directory {tmp_path.name}"]


def test_a_secret_never_replaces_a_file(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(b"old")
    with pytest.raises(SettingsError, match="cannot be written: file exists"):
        write_secret(path, b"secret")
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("name", ["a" * 300, "a\0b"])
def test_a_path_that_cannot_be_is_an_ordinary_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="cannot be written"):
        write_file(tmp_path / name, b"new")
