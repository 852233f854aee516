from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from acpublish import atomic
from acpublish.errors import CatalogError


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "Free some space"),
        (errno.EDQUOT, "Free some space"),
        (errno.EACCES, "Make it writable"),
        (errno.EROFS, "Make it writable"),
        (errno.ENOENT, "mkdir -p /c"),
        (errno.ENOTDIR, "Give a directory"),
        (errno.EIO, "Look at the file system"),
    ],
)
def test_each_fault_has_its_hint(number: int, hint: str) -> None:
    with pytest.raises(CatalogError) as caught, atomic.wrapped(Path("/c"), "cannot publish to"):
        raise OSError(number, os.strerror(number), "/c/x")
    assert caught.value.problem == f"cannot publish to /c: {os.strerror(number).lower()} (/c/x)"
    assert hint in caught.value.hint
    assert isinstance(caught.value.__cause__, OSError)


def test_other_errors_pass() -> None:
    with pytest.raises(KeyError), atomic.wrapped(Path("/c"), "cannot publish to"):
        raise KeyError("x")


def test_a_file_is_written_whole_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "a/b/x"
    atomic.write(path, b"one", tmp_path / "tmp", mode=0o444)
    assert path.read_bytes() == b"one"
    assert not path.stat().st_mode & 0o222
    atomic.write(path, b"two", tmp_path / "tmp")
    assert path.read_bytes() == b"two"
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(("owner", "call"), [(os, "fsync"), (Path, "replace")])
def test_a_write_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: object, call: str
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    path = tmp_path / "x"
    path.write_bytes(b"old")
    (tmp_path / "tmp").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(owner, call, fail)
        with pytest.raises(OSError, match="Input/output"):
            atomic.write(path, b"new", tmp_path / "tmp")
    assert path.read_bytes() == b"old"
    assert list((tmp_path / "tmp").iterdir()) == []


def test_everything_is_flushed_before_it_is_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def flushing(descriptor: int) -> None:
        calls.append("fsync " + Path(f"/proc/self/fd/{descriptor}").readlink().suffix)
        fsync(descriptor)

    def replacing(source: Path, target: Path) -> Path:
        calls.append("replace")
        return replace(source, target)

    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(os, "fsync", flushing)
    monkeypatch.setattr(Path, "replace", replacing)
    atomic.write(tmp_path / "x", b"new", tmp_path / "tmp")
    assert calls == ["fsync .part", "replace", "fsync "]


def test_a_link_is_prepared_and_then_put_in_place(tmp_path: Path) -> None:
    existing, path = tmp_path / "object", tmp_path / "folder/x.bin"
    existing.write_bytes(b"bytes")
    with atomic.prepared_link(path, existing, tmp_path / "tmp") as put_in_place:
        assert not path.parent.exists()
        put_in_place()
    assert path.samefile(existing)
    with atomic.prepared_link(path, existing, tmp_path / "tmp") as put_in_place:
        put_in_place()
    assert path.samefile(existing)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_file_in_the_place_of_a_directory_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"")
    with pytest.raises(OSError, match="x"):
        atomic.make_directory(tmp_path / "x/y")
    with pytest.raises(FileExistsError):
        atomic.make_directory(tmp_path / "x")
