"""To whom files and folders belong that root, or a member of a group, makes for the server."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from acpublish import atomic, ownership
from tests.support.users import SERVER, SHARED_GROUP, acting_as, folder_of, needs_root


@pytest.fixture(autouse=True)
def _usual_mask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def seen(path: Path) -> tuple[int, int, int]:
    """Returns owner, group and permissions of a path."""
    status = path.lstat()
    return status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)


@needs_root
def test_what_root_makes_belongs_to_the_owner_of_the_folder() -> None:
    with folder_of(SERVER) as folder:
        atomic.write(folder / "a" / "b" / "file", b"x", folder / "tmp", mode=0o444)
        assert seen(folder / "a") == (SERVER, SERVER, 0o755)
        assert seen(folder / "a" / "b") == (SERVER, SERVER, 0o755)
        assert seen(folder / "tmp") == (SERVER, SERVER, 0o755)
        assert seen(folder / "a" / "b" / "file") == (SERVER, SERVER, 0o444)


@needs_root
def test_a_file_that_root_left_behind_goes_back_with_the_next_write() -> None:
    with folder_of(SERVER, mode=0o700) as folder:
        (folder / "tokens.json").touch(mode=0o600)
        atomic.write(folder / "tokens.json", b"x", mode=0o600)
        assert seen(folder / "tokens.json") == (SERVER, SERVER, 0o600)


@needs_root
def test_private_files_are_open_to_the_group_of_a_folder_closed_to_others() -> None:
    with folder_of(0, SHARED_GROUP, 0o750) as folder:
        atomic.write(folder / "file", b"x", mode=0o600)
        atomic.make_directory(folder / "inner", private=True)
        assert seen(folder / "file") == (0, SHARED_GROUP, 0o640)
        assert seen(folder / "inner") == (0, SHARED_GROUP, 0o750)
    with folder_of(0, SHARED_GROUP, 0o755) as folder:
        atomic.write(folder / "file", b"x", mode=0o600)
        atomic.make_directory(folder / "inner", private=True)
        assert seen(folder / "file") == (0, SHARED_GROUP, 0o600)
        assert seen(folder / "inner") == (0, SHARED_GROUP, 0o700)


@needs_root
@pytest.mark.parametrize("mode", [0o775, 0o2775])
def test_a_member_of_the_group_leaves_the_rest_to_the_group(mode: int) -> None:
    with folder_of(SERVER, SHARED_GROUP, mode) as folder:
        with acting_as(54321, SHARED_GROUP):
            os.umask(0o077)
            atomic.write(folder / "lamp" / "file", b"x", folder / "tmp")
        assert seen(folder / "lamp") == (54321, SHARED_GROUP, mode)
        assert seen(folder / "lamp" / "file") == (54321, SHARED_GROUP, 0o644)


@needs_root
def test_a_folder_that_all_users_share_is_not_followed() -> None:
    with folder_of(SERVER, SERVER, 0o1777) as folder:
        atomic.write(folder / "file", b"x", mode=0o600)
        atomic.make_directory(folder / "inner")
        assert seen(folder / "file") == (0, 0, 0o600)
        assert seen(folder / "inner") == (0, 0, 0o755)


def test_in_an_own_folder_the_mask_decides(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    os.umask(0o077)
    atomic.write(tmp_path / "inner" / "file", b"x", tmp_path / "tmp", mode=0o666)
    assert seen(tmp_path / "inner")[2] == 0o700
    assert seen(tmp_path / "inner" / "file")[2] == 0o600


@needs_root
def test_a_secret_stays_with_who_creates_it() -> None:
    with folder_of(SERVER) as folder:
        atomic.create(folder / "signing-key.pem", b"x", mode=0o600)
        assert seen(folder / "signing-key.pem") == (0, 0, 0o600)


def test_a_file_system_without_owners_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    monkeypatch.setattr(os, "fchown", refuse)
    monkeypatch.setattr(os, "fchmod", refuse)
    atomic.write(tmp_path / "inner" / "file", b"x", tmp_path / "tmp")
    assert (tmp_path / "inner" / "file").read_bytes() == b"x"


@needs_root
def test_a_link_that_takes_the_place_of_a_new_folder_is_not_followed(tmp_path: Path) -> None:
    with folder_of(SERVER) as folder:
        (folder / "inner").symlink_to(tmp_path)
        with pytest.raises(OSError, match=r"irectory|symbolic"):
            ownership.follow_made(folder / "inner")
        assert seen(tmp_path)[0] == 0


@needs_root
def test_the_hint_names_who_owns_what() -> None:
    with folder_of(SERVER) as folder:
        (folder / "lamp").mkdir()
        with acting_as(SERVER):
            assert ownership.other_owner(folder) is None
            hint = ownership.permission_hint(folder / "lamp" / "new", folder)
            assert (
                f"belongs to root; give it back: sudo chown -R {SERVER}:{SERVER} {folder}" in hint
            )
        with acting_as(54321):
            assert ownership.other_owner(folder) == str(SERVER)
            hint = ownership.permission_hint(folder / "lamp" / "new", folder)
            assert f"run this as {SERVER}, who owns {folder}" in hint
            assert "sudo" not in hint
            assert "Make it writable" in ownership.permission_hint(folder / "lamp" / "new", folder)
        assert "another directory" in ownership.permission_hint(folder, folder / "missing")


@needs_root
def test_what_cannot_be_read_is_to_be_made_readable() -> None:
    with folder_of(SERVER, mode=0o700) as folder, acting_as(54321):
        assert "Make it readable" in ownership.permission_hint(folder / "lamp", folder)
