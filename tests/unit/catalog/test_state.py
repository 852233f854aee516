from __future__ import annotations

import stat
from pathlib import Path

import pytest

from acpublish.catalog.state import ensure_private, state_dir
from acpublish.errors import SettingsError


def test_one_folder_for_each_catalog(tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path / "xdg")}
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "link").symlink_to("a")
    folder = state_dir(tmp_path / "a", environ)
    assert folder.parent == tmp_path / "xdg" / "acpublish"
    assert len(folder.name) == 16
    assert state_dir(tmp_path / "b" / ".." / "link", environ) == folder
    assert state_dir(tmp_path / "b", environ) != folder
    assert not folder.exists()


def test_a_relative_folder_is_ignored(tmp_path: Path) -> None:
    for environ in ({}, {"XDG_STATE_HOME": ""}, {"XDG_STATE_HOME": "relative"}):
        assert state_dir(tmp_path, environ).is_relative_to(Path.home() / ".local" / "state")


def test_a_created_folder_is_private_and_an_existing_one_stays_as_it_is(tmp_path: Path) -> None:
    ensure_private(tmp_path / "state")
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    (tmp_path / "state").chmod(0o750)
    ensure_private(tmp_path / "state")
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o750


def test_a_folder_that_cannot_be_created_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot be created: not a directory") as caught:
        ensure_private(tmp_path / "file" / "state")
    assert "--state" in caught.value.hint
