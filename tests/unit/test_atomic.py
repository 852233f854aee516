from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from acpublish import atomic
from acpublish.errors import CatalogError, SettingsError
from tests.support.flushes import recorded


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "Free some space"),
        (errno.EDQUOT, "Free some space"),
        (errno.EACCES, "Make it writable"),
        (errno.EROFS, "Make it writable"),
        (errno.ENOENT, "mkdir -p /c"),
        (errno.ENOTDIR, "Use a directory, and move away"),
        (errno.EIO, "Check the file system"),
    ],
)
def test_each_fault_has_its_hint(number: int, hint: str) -> None:
    with (
        pytest.raises(CatalogError) as caught,
        atomic.as_catalog_error(Path("/c"), "cannot publish to"),
    ):
        raise OSError(number, os.strerror(number), "/c/x")
    assert caught.value.problem == f"cannot publish to /c: {os.strerror(number).lower()} (/c/x)"
    assert hint in caught.value.hint
    assert isinstance(caught.value.__cause__, OSError)


def test_a_missing_catalog_is_created_where_a_dangling_link_points(tmp_path: Path) -> None:
    link = tmp_path / "catalog"
    link.symlink_to(tmp_path / "on the disk")
    with pytest.raises(CatalogError) as caught, atomic.as_catalog_error(link, "cannot open"):
        link.stat()
    command = caught.value.hint.partition("with: ")[2]
    assert subprocess.run(["sh", "-c", command], check=True).returncode == 0
    assert link.is_dir()


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_a_name_that_cannot_be_flushed_is_not_said_to_be_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(path: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(atomic, "flush_directory", fail)
    with (
        pytest.raises(CatalogError) as caught,
        atomic.as_catalog_error(tmp_path, "cannot change"),
    ):
        atomic.write(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert os.strerror(number).lower() in caught.value.problem
    assert "nothing was changed" not in caught.value.hint
    assert "look at what is there" in caught.value.hint


def test_other_errors_pass() -> None:
    with pytest.raises(KeyError), atomic.as_catalog_error(Path("/c"), "cannot publish to"):
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
    (tmp_path / "tmp").mkdir()
    calls = recorded(monkeypatch)
    atomic.write(tmp_path / "x", b"new", tmp_path / "tmp")
    assert calls == ["flush file", "rename to x", f"flush directory {tmp_path.name}"]


def test_each_directory_that_is_made_is_flushed_into_the_one_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = recorded(monkeypatch)
    atomic.make_directory(tmp_path / "a" / "b")
    assert calls == [f"flush directory {tmp_path.name}", "flush directory a"]


def test_a_file_that_is_made_again_anyway_is_renamed_without_a_flush(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = recorded(monkeypatch)
    atomic.write(tmp_path / "x", b"new", durable=False)
    assert calls == ["rename to x"]
    assert (tmp_path / "x").read_bytes() == b"new"


def test_without_a_temporary_directory_the_directory_has_to_exist(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        atomic.write(tmp_path / "missing" / "x", b"new")
    assert list(tmp_path.iterdir()) == []


def break_off(path: Path) -> None:
    with atomic.incoming(path) as file:
        file.write(b"half")
        raise RuntimeError("broken")


def test_an_incoming_file_takes_its_name_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "image.bin"
    path.write_bytes(b"old")
    with atomic.incoming(path, mode=0o600) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
        (fresh,) = set(tmp_path.iterdir()) - {path}
        assert stat.S_IMODE(fresh.stat().st_mode) == 0o600
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_incoming_file_that_breaks_off_leaves_the_old_one_and_nothing_else(
    tmp_path: Path,
) -> None:
    path = tmp_path / "image.bin"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="broken"):
        break_off(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_created_file_has_its_mode_and_is_flushed_with_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = recorded(monkeypatch)
    atomic.create(tmp_path / "key.pem", b"secret", mode=0o600)
    assert (tmp_path / "key.pem").read_bytes() == b"secret"
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600
    assert calls == ["flush file", f"flush directory {tmp_path.name}"]


def test_an_existing_file_is_not_replaced_by_a_created_one(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        atomic.create(path, b"new", mode=0o600)
    assert path.read_bytes() == b"old"


def test_a_file_that_cannot_be_created_whole_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        atomic.create(tmp_path / "key.pem", b"secret")
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_system_names_the_file_and_has_the_hint_of_the_caller() -> None:
    with (
        pytest.raises(SettingsError) as caught,
        atomic.as_settings_error(Path("x.bin"), hint="Use another file."),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert str(caught.value) == (
        "x.bin cannot be written: no space left on device. Use another file."
    )
    assert isinstance(caught.value.__cause__, OSError)


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


def test_a_link_is_flushed_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    existing, path = tmp_path / "object", tmp_path / "folder" / "x.bin"
    existing.write_bytes(b"bytes")
    path.parent.mkdir()
    (tmp_path / "tmp").mkdir()
    calls = recorded(monkeypatch)
    with atomic.prepared_link(path, existing, tmp_path / "tmp") as put_in_place:
        assert calls == []
        put_in_place()
    assert calls == ["rename to x.bin", "flush directory folder"]


def test_if_links_fail_a_flushed_copy_takes_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, target: Path) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    existing, path = tmp_path / "object", tmp_path / "folder" / "x.bin"
    existing.write_bytes(b"bytes")
    path.parent.mkdir()
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(Path, "hardlink_to", fail)
    calls = recorded(monkeypatch)
    with atomic.prepared_link(path, existing, tmp_path / "tmp") as put_in_place:
        # All bytes are on the disk before the name is put in place.
        assert calls[0] == "flush file"
        assert calls[-1] == "flush directory tmp"
        del calls[:]
        put_in_place()
    assert calls == ["rename to x.bin", "flush directory folder"]
    assert path.read_bytes() == b"bytes"
    assert not path.samefile(existing)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_link_that_is_not_put_in_place_leaves_nothing(tmp_path: Path) -> None:
    existing = tmp_path / "object"
    existing.write_bytes(b"bytes")
    with atomic.prepared_link(tmp_path / "x.bin", existing, tmp_path / "tmp"):
        pass
    assert not (tmp_path / "x.bin").exists()
    assert list((tmp_path / "tmp").iterdir()) == []


def test_only_old_files_are_cleared(tmp_path: Path) -> None:
    old, young, folder = tmp_path / "old", tmp_path / "young", tmp_path / "folder"
    old.touch()
    young.touch()
    folder.mkdir()
    os.utime(old, (0, 0))
    os.utime(folder, (0, 0))
    atomic.clear_leftovers([old, young, folder, tmp_path / "gone", Path("/proc/1/x")], 3600)
    assert sorted(tmp_path.iterdir()) == [folder, young]


def test_a_lock_that_is_held_is_an_error_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic, "LOCK_WAIT_S", 0.1)
    with (
        atomic.exclusive(tmp_path),
        pytest.raises(CatalogError, match="has held the lock"),
        atomic.exclusive(tmp_path),
    ):
        pass
    with atomic.exclusive(tmp_path):
        pass


HOLD = """
import sys, time
from pathlib import Path
from acpublish import atomic
with atomic.exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_wait_for_a_lock_is_told_once_with_its_holder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(atomic, "_LOCK_TELL_S", 0.1)
    command = [sys.executable, "-c", HOLD, str(tmp_path / "catalog")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True) as holder:  # type: ignore[call-overload]
        assert holder.stdout.readline() == "held\n"
        releaser = threading.Timer(0.6, holder.stdin.close)
        releaser.start()
        with atomic.exclusive(tmp_path / "catalog"):
            pass
        releaser.join()
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 1
    assert lines[0].startswith(f"waiting for the lock of {tmp_path / 'catalog'}")
    if Path("/proc/locks").exists():
        assert f"process {holder.pid} (" in lines[0]


def test_the_parent_of_a_lock_is_never_created(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic.exclusive(tmp_path / "missing/.acpublish"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_a_directory_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"")
    with pytest.raises(OSError, match="x"):
        atomic.make_directory(tmp_path / "x/y")
    with pytest.raises(NotADirectoryError):
        atomic.make_directory(tmp_path / "x")
