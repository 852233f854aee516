"""From an installed acpublish to the first published image: ``init``, then ``pio run``."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.pio.conftest import MakeProject
from tests.pio.hooked import BOTH, published
from tests.support.pio import clean_environment

pytestmark = pytest.mark.pio


def test_two_commands_publish_and_undo_takes_them_back(
    make_project: MakeProject, tmp_path: Path
) -> None:
    project = make_project(envs=BOTH)
    before = (project.root / "platformio.ini").read_bytes()

    def init(*more: str) -> None:
        command = [project.python, "-m", "acpublish", "init", "--yes", *more]
        environment = clean_environment(project.core)
        subprocess.run(command, cwd=project.root, env=environment, check=True)

    init()
    run = project.run("-t", "upload_ota")

    assert run.ok, run.stdout
    catalog = Path(clean_environment(project.core)["HOME"]) / "firmware"
    assert set(published(catalog)) == {f"0.1.0 {board}" for board in BOTH.values()}
    init("--undo")
    assert (project.root / "platformio.ini").read_bytes() == before
    assert "upload_ota" not in project.run("--list-targets").stdout
