"""The doctor's findings on a project agree with what a real PlatformIO does with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from acpublish.platformio_ini.extra_script import packaged_script
from tests.pio.conftest import MakeProject
from tests.support.pio import SKETCH, Project, clean_environment

pytestmark = pytest.mark.pio


def doctor(project: Project) -> dict[str, list[Any]]:
    """Returns what is not in order, by what was looked at."""
    pio = Path(project.python).parent
    path = f"{pio}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    done = subprocess.run(
        [sys.executable, "-m", "acpublish", "doctor", "--json"],
        env=clean_environment(project.core, {"PATH": path}),
        cwd=project.root,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    document = json.loads(done.stdout)
    assert done.returncode == (1 if document["errors"] else 0), done.stderr
    found: dict[str, list[Any]] = {}
    for one in document["findings"]:
        if one["state"] != "ok":
            found.setdefault(one["name"], []).append(one)
    return found


def test_an_environment_that_replaces_the_scripts(make_project: MakeProject) -> None:
    project = make_project(
        envs={
            "d1": "d1_mini",
            "c3": {"board": "esp32-c3-devkitm-1", "extra_scripts": "post:mine.py"},
        },
        ini_extra="extra_scripts = post:acpublish_ota.py\ncustom_ota_to = catalog\n"
        "custom_ota_version = 1.0.0",
        sources={
            "src/main.cpp": SKETCH,
            "acpublish_ota.py": packaged_script(),
            "mine.py": 'Import("env")\n',
        },
    )
    (project.root / "catalog").mkdir()
    (trap,) = doctor(project).pop("extra-scripts")
    assert trap["state"] == "error"
    assert "the environment c3 is not published" in trap["what"]
    listed = project.run("--list-targets").stdout
    assert "upload_ota" in listed
    assert not [line for line in listed.splitlines() if "c3" in line and "upload_ota" in line]
    done = subprocess.run(
        [sys.executable, "-m", "acpublish", "init", "--yes"],
        env=clean_environment(project.core),
        cwd=project.root,
        check=False,
    )
    assert done.returncode == 0
    assert doctor(project) == {}
    listed = project.run("--list-targets").stdout
    assert [line for line in listed.splitlines() if "c3" in line and "upload_ota" in line]
