from __future__ import annotations

from pathlib import Path

from acpublish.catalog.state import state_dir


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
