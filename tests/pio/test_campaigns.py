"""Publishes that are killed at any moment, and many at once: nothing is lost or half-written.

The numbers here are the short form; ``make campaigns`` kills 100 times and runs 20 rounds.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from tests.pio.conftest import MakeProject
from tests.pio.hooked import C3, hooked, published
from tests.support.pio import Project
from tests.support.server import running_server

pytestmark = [pytest.mark.pio, pytest.mark.slow]

KILLS = int(os.environ.get("ACPUBLISH_TEST_KILLS", "3"))
ROUNDS = int(os.environ.get("ACPUBLISH_TEST_ROUNDS", "1"))
#: The short form still has more of them than there are processors on a small machine.
ENVIRONMENTS = 8 if ROUNDS > 1 else 4
#: The order of kills differs each time; the message of a failure contains the seed.
SEED = int(os.environ.get("ACPUBLISH_TEST_SEED", "0")) or time.time_ns()
PATIENCE_S = 120


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    made = tmp_path / "catalog"
    made.mkdir()
    return made


@contextlib.contextmanager
def destination(kind: str, catalog: Path, tmp: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yields where to publish, and the variables that this needs."""
    if kind == "directory":
        yield str(catalog), {}
        return
    command = [sys.executable, "-m", "acpublish", "token", "create", "--publish", "lamp"]
    token = subprocess.run(
        [*command, "--catalog", str(catalog), "--state", str(tmp / "state")],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    with running_server(catalog, tmp) as server:
        yield server.url, {"ACPUBLISH_TOKEN": token}


def assert_whole(catalog: Path) -> None:
    """Each manifest can be read, and each name of an image has all of its bytes."""
    opened = DirectoryCatalog(catalog)
    for product in opened.products():
        named = {
            image.file: image for release in opened.releases(product) for image in release.images
        }
        for image in named.values():
            assert hashlib.sha256(opened.read_object(image.sha256)).hexdigest() == image.sha256
        for path in (catalog / product).iterdir():
            assert hashlib.sha256(path.read_bytes()).hexdigest() == named[path.name].sha256


def killed(project: Project, env: dict[str, str], after_s: float) -> bool:
    """Kills a publish and all its children; returns whether it was still running."""
    process = project.start("-t", "upload_ota", env=env)
    try:
        process.communicate(timeout=after_s)
        return False
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=PATIENCE_S)
        return True


@pytest.mark.timeout(60 + 30 * KILLS)
@pytest.mark.parametrize(
    ("kind", "kills"), [("directory", (KILLS + 1) // 2), ("server", KILLS // 2)]
)
def test_a_publish_that_is_killed_is_completed_by_the_next(
    make_project: MakeProject, catalog: Path, tmp_path: Path, kind: str, kills: int
) -> None:
    draw = random.Random(SEED)
    with destination(kind, catalog, tmp_path) as (to, env):
        project = hooked(make_project, to, C3)
        assert project.run("-t", "upload_ota", env=env).ok
        project.write("VERSION", "1.0.1")
        # Runs get quicker as files are cached and the machine gets idle.
        whole_s = project.run("-t", "upload_ota", env=env).seconds
        interrupted = 0
        for number in range(kills):
            version = f"1.1.{number}"
            project.write("VERSION", version)
            interrupted += killed(project, env, draw.uniform(0, whole_s))
            assert_whole(catalog)
            run = project.run("-t", "upload_ota", env=env)
            assert run.ok, f"seed {SEED}, kill {number}\n{run.stdout}"
            whole_s = min(whole_s, run.seconds)
            assert_whole(catalog)
            image = published(catalog)[f"{version} {C3['c3']}"]
            built = project.image("c3").read_bytes()
            assert image.sha256 == hashlib.sha256(built).hexdigest()
    assert len(published(catalog)) == 2 + kills
    print(f"{kind}: {interrupted} of {kills} publishes were killed before their end, seed {SEED}")


@pytest.mark.timeout(60 + 60 * ROUNDS)
def test_environments_that_publish_at_once_lose_nothing(
    make_project: MakeProject, catalog: Path
) -> None:
    names = [f"room{number}" for number in range(ENVIRONMENTS)]
    envs = {name: {"board": C3["c3"], "custom_ota_board": name} for name in names}
    project = hooked(make_project, catalog, envs)
    assert project.run().ok
    for number in range(ROUNDS):
        version = f"1.0.{number}"
        project.write("VERSION", version)
        running = {name: project.start("-e", name, "-t", "upload_ota") for name in names}
        for name, process in running.items():
            output, _ = process.communicate(timeout=PATIENCE_S)
            assert process.returncode == 0, f"{name}\n{output}"
        held = published(catalog)
        for name in names:
            built = hashlib.sha256(project.image(name).read_bytes()).hexdigest()
            assert held[f"{version} {name}"].sha256 == built
        assert len(held) == ENVIRONMENTS * (number + 1)
        assert_whole(catalog)
