"""``init`` on random layouts of ``extra_scripts``, with PlatformIO's own reader as the judge."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from acpublish.errors import SettingsError
from acpublish.init.platformio import ProjectChange, project_change, undo_change
from acpublish.platformio_ini.extra_script import is_script
from tests.support.layouts import OURS, Layout

#: ``make properties`` takes 1,500.
LAYOUTS = int(os.environ.get("ACPUBLISH_TEST_LAYOUTS", "120"))
PARTS = 4


def judged(root: Path) -> dict[str, dict[str, Any]] | None:
    """Returns all options of all environments as PlatformIO reads them; None if it refuses them."""
    config = pytest.importorskip("platformio.project.config")
    from platformio.exception import PlatformioException

    try:
        # As pio opens it (``project/helpers.py``): by its absolute path, in the project's folder.
        project = config.ProjectConfig(str(root / "platformio.ini"))
        return {
            name: {"extra_scripts": [], **dict(project.items(env=name))} for name in project.envs()
        }
    except (PlatformioException, RecursionError):
        return None


def builds(project: dict[str, dict[str, Any]]) -> bool:
    """Returns whether each entry is a script; one of two scripts is a file that is not there."""
    return not any(", " in entry for env in project.values() for entry in env["extra_scripts"])


def attempted(root: Path) -> tuple[ProjectChange | None, str]:
    """Returns what init would write, or its hint."""
    try:
        return project_change(root, "catalog", "1.0.0", {}), ""
    except SettingsError as fault:
        return None, fault.hint


def apply(change: ProjectChange) -> None:
    """Writes a change, as the command does."""
    for file in change.files:
        if file.after is None:
            file.path.unlink()
        else:
            file.path.write_bytes(file.after.encode())


def without_ours(options: dict[str, Any]) -> dict[str, Any]:
    """Returns the options without the script and without what init adds beside it."""
    scripts = [entry for entry in options["extra_scripts"] if not is_script(entry)]
    others = {name: value for name, value in options.items() if not name.startswith("custom_ota_")}
    return {**others, "extra_scripts": scripts}


def texts(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.suffix == ".ini"
    }


@pytest.mark.parametrize("part", range(PARTS))
def test_each_environment_gets_the_script_once_and_undo_gives_the_very_bytes(
    part: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_count = refused = 0
    for seed in range(part, LAYOUTS, PARTS):
        root = tmp_path / str(seed)
        root.mkdir()
        monkeypatch.chdir(root)
        layout = Layout(seed)
        layout.write(root)
        before = judged(root)
        if before is None or not builds(before):
            continue
        written = texts(root)
        change, fault = attempted(root)
        if change is None:
            assert fault.endswith("then run acpublish init again."), (seed, fault)
            refused += 1
            continue
        apply(change)
        after = judged(root)
        assert after is not None, seed
        assert list(after) == list(before), seed
        for name, options in after.items():
            ours = [entry for entry in options["extra_scripts"] if is_script(entry)]
            assert ours in ([OURS[0]], [OURS[1]]), (seed, name, change.notes)
            assert without_ours(options) == without_ours(before[name]), (seed, name)
        judged_count += 1
        assert not project_change(root, "catalog", "1.0.0", {}).files, seed
        if not any(entry in text for text in layout.texts.values() for entry in OURS):
            apply(undo_change(root))
            assert texts(root) == written, seed
        shutil.rmtree(root)
    assert judged_count > LAYOUTS // PARTS // 2
    assert refused < judged_count // 10
