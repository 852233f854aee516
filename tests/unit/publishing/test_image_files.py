"""Image files are read, and files are written completely or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from acpublish.errors import NotAnImageError, SettingsError
from acpublish.publishing import image_files
from acpublish.publishing.image_files import read_file, write_file, write_secret


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"bytes")
    assert read_file(tmp_path / "x.bin") == b"bytes"
    with pytest.raises(NotAnImageError, match="cannot be read: no such file"):
        read_file(tmp_path / "missing.bin")
    with pytest.raises(NotAnImageError, match="cannot be read: is a directory"):
        read_file(tmp_path)


def test_what_is_larger_than_any_flash_chip_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_files, "_LARGEST_BYTES", 2**20)
    path = tmp_path / "x.bin"
    path.write_bytes(bytes(2**20))
    assert len(read_file(path)) == 2**20
    path.write_bytes(bytes(2**20 + 1))
    with pytest.raises(NotAnImageError, match="larger than 1 MiB"):
        read_file(path)


def test_a_file_is_replaced_and_a_link_is_followed(tmp_path: Path) -> None:
    path, link = tmp_path / "x.bin", tmp_path / "link.bin"
    link.symlink_to(path)
    for content in (b"one", b"two"):
        write_file(link, content)
        assert path.read_bytes() == content
    assert link.is_symlink()
    assert {one.name for one in tmp_path.iterdir()} == {"x.bin", "link.bin"}


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is not a regular file"):
        write_file(tmp_path, b"")
    with pytest.raises(SettingsError, match=r"there is no directory .*missing"):
        write_file(tmp_path / "missing" / "x.bin", b"")


def test_a_secret_is_its_owners_alone_and_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    write_secret(path, b"secret")
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(SettingsError, match="cannot be written: file exists"):
        write_secret(path, b"other")
    assert path.read_bytes() == b"secret"


def test_a_secret_that_could_not_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SettingsError, match="no space left"):
        write_secret(tmp_path / "key.pem", b"secret")
    assert list(tmp_path.iterdir()) == []
