from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from acpublish.catalog.private_provenance import PrivateProvenance
from acpublish.release.submission import Submission
from tests.support.users import SERVER, acting_as, folder_of, needs_root
from tests.unit.catalog import holding


def with_private(**private: str) -> Submission:
    return replace(holding.submission(), private=private)


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
