from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from acpublish.catalog.state import PrivateProvenance, ensure_private, state_dir
from acpublish.errors import SettingsError
from acpublish.release.submission import Submission
from tests.support.users import SERVER, acting_as, folder_of, needs_root
from tests.unit.catalog import holding


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


def with_private(**private: str) -> Submission:
    return replace(holding.submission(), private=private)


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


def test_private_provenance_is_kept_once_for_its_owner_alone(tmp_path: Path) -> None:
    private = PrivateProvenance(tmp_path / "state")
    private.keep(with_private())
    assert not (tmp_path / "state").exists()
    private.keep(with_private(user="ann"))
    (file,) = (tmp_path / "state" / "provenance" / "lamp").iterdir()
    assert file.name == "lamp-1.0.0_d1.bin.json"
    assert json.loads(file.read_bytes()) == {"user": "ann"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    private.keep(with_private(user="bob"))
    assert json.loads(file.read_bytes()) == {"user": "ann"}


def test_private_provenance_that_cannot_be_written_is_only_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").touch()
    PrivateProvenance(tmp_path / "state").keep(with_private(user="ann.smith"))
    assert "the private provenance of lamp-1.0.0_d1.bin is not kept" in caplog.text
    assert "ann.smith" not in caplog.text


@needs_root
def test_a_folder_that_may_not_be_entered_does_not_fail_the_publish(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with folder_of(SERVER, mode=0o700) as state:
        (state / "provenance").mkdir(mode=0o700)
        with acting_as(SERVER):
            PrivateProvenance(state).keep(with_private(user="ann"))
        assert "is not kept: [Errno 13] Permission denied" in caplog.text


@needs_root
def test_private_provenance_that_root_keeps_is_the_servers() -> None:
    with folder_of(SERVER, mode=0o700) as state:
        PrivateProvenance(state).keep(with_private(user="ann"))
        with acting_as(SERVER):
            (file,) = (state / "provenance" / "lamp").iterdir()
            assert json.loads(file.read_bytes()) == {"user": "ann"}
            assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
