from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from acpublish.control import told as told_module
from acpublish.control.told import FILE, Told


def written(folder: Path, told: Told) -> Told:
    """Returns what a server reads that starts after this one."""
    document = told.unwritten()
    assert document is not None
    told.write(document)
    assert told.unwritten() is None
    return Told(folder)


def test_what_was_told_is_known_after_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    told = Told(folder)
    assert told.products is None
    told.products = {"lamp": 7}
    assert told.reached("lamp-5", 1)
    assert told.ended("lamp-3")
    again = written(folder, told)
    assert again.products == {"lamp": 7}
    assert not again.reached("lamp-5", 1)
    assert again.reached("lamp-5", 2)
    assert not again.ended("lamp-3")
    assert not again.reached("lamp-3", 9)
    assert stat.S_IMODE((folder / FILE).stat().st_mode) == 0o600


def test_a_lower_stage_is_no_news() -> None:
    told = Told()
    assert told.reached("lamp-5", 2)
    assert not told.reached("lamp-5", 1)
    assert told.ended("lamp-5")
    assert not told.ended("lamp-5")


def test_nothing_is_written_before_the_first_look_at_the_catalog(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.reached("lamp-5", 1)
    assert told.unwritten() is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"products": [], "rollouts": 1}', "[" * 100_000])
def test_a_damaged_file_is_a_new_beginning(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).write_text(text)
    assert Told(tmp_path).products is None
    assert "is damaged; what happened so far is not reported" in caplog.text


def test_the_oldest_rollouts_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told_module, "_MAX_ROLLOUTS", 3)
    told = Told(tmp_path)
    told.products = {}
    for number in range(4):
        told.reached(f"lamp-{number}", 1)
    told.reached("lamp-1", 2)
    written(tmp_path, told)
    document = json.loads((tmp_path / FILE).read_text())
    assert document["rollouts"] == {"lamp-2": 1, "lamp-3": 1, "lamp-1": 2}
