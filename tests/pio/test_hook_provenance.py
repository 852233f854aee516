"""Where a build comes from: what the manifest records, and what stays in the state folder."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pio.conftest import MakeProject
from tests.pio.hooked import D1, hooked, published
from tests.support.pio import Project, clean_environment
from tests.support.server import running_server

pytestmark = pytest.mark.pio

SECRET, CREDENTIALS = "hunter2hunter2", "user:pass-w0rd"
FLAGS = (
    f"build_flags = -DWIFI_PASSWORD='\"{SECRET}\"' -DLED=2 "
    f"-DMQTT='\"mqtt://bob:{SECRET[:-1]}@host\"'"
)


def committed(project: Project) -> str:
    def git(*words: str) -> str:
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        done = subprocess.run(
            ["git", *identity, *words],
            cwd=project.root,
            env=clean_environment(project.core),
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    project.write(".gitignore", ".pio\n")
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    git("tag", "v1.0.0")
    git("remote", "add", "origin", f"https://{CREDENTIALS}@git.example/lamp.git")
    return git("rev-parse", "--short=7", "HEAD")


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    made = tmp_path / "catalog"
    made.mkdir()
    return made


def the_file(folder: Path) -> Path:
    (path,) = folder.rglob("provenance/lamp/lamp-1.0.0_d1_mini.bin.json")
    return path


def test_a_directory(make_project: MakeProject, catalog: Path) -> None:
    project = hooked(make_project, catalog, D1, FLAGS)
    commit = committed(project)

    run = project.run("-t", "upload_ota")

    assert run.ok, run.stdout
    told = dict(published(catalog)["1.0.0 d1_mini"].provenance)
    elf = (project.build_dir("d1") / "firmware.elf").read_bytes()
    assert told.pop("compiler").startswith("xtensa-lx106-elf-gcc ")
    assert told.pop("platform")
    assert told.pop("acpublish")
    assert told.pop("platformio", "in another environment")
    assert told == {
        "environment": "d1",
        "framework": "arduino",
        "commit": commit,
        "tag": "v1.0.0",
        "changed": "no",
        "elf_sha256": hashlib.sha256(elf).hexdigest(),
    }
    kept = the_file(Path(clean_environment(project.core)["HOME"]))
    assert kept.stat().st_mode & 0o077 == 0
    private = json.loads(kept.read_text())
    assert private["remote"] == "https://git.example/lamp.git"
    assert "-DLED=2" in private["build_flags"]
    who = json.loads((kept.parents[2] / "changes/lamp/000000001.json").read_text())
    assert who["host"] == socket.gethostname()
    assert who["user"]
    everything = run.stdout + kept.read_text() + json.dumps(told)
    assert SECRET[:-1] not in everything
    assert CREDENTIALS not in everything
    assert "remote" not in (catalog / ".acpublish/releases/lamp/1.0.0.json").read_text()


def test_a_server(make_project: MakeProject, catalog: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "acpublish", "token", "create", "--publish", "lamp"]
    token = subprocess.run(
        [*command, "--catalog", str(catalog), "--state", str(tmp_path / "state")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    with running_server(catalog, tmp_path) as server:
        project = hooked(make_project, server.url, D1, FLAGS)
        committed(project)
        run = project.run("-t", "upload_ota", env={"ACPUBLISH_TOKEN": token})
        assert run.ok, run.stdout
        told = server.get("/api/v1/products/lamp").body.decode()
    private = json.loads(the_file(tmp_path / "state").read_text())
    assert set(private) == {"remote", "build_flags"}
    assert "git.example" not in told
