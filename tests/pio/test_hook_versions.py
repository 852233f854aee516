"""Versions: what changing one costs, and what git reports about a working tree."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from acpublish.image.reader import read
from tests.pio.conftest import MakeProject
from tests.pio.hooked import (
    BOTH,
    C3,
    D1,
    ON_BUILD,
    compiled,
    edit_sketch,
    errors,
    hooked,
    published,
    visible,
)
from tests.support.pio import Project

pytestmark = pytest.mark.pio

GIT = "custom_ota_version = git"


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "catalog"
    path.mkdir()
    return path


def git(project: Project, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=T", "-c", "user.email=t@example.invalid", *arguments],
        cwd=project.root,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def in_git(project: Project, tag: str) -> Project:
    """Puts a project under git, with a first commit that has a tag."""
    ini = (project.root / "platformio.ini").read_text()
    project.write("platformio.ini", ini.replace("custom_ota_version = file:VERSION", GIT))
    project.write(".gitignore", ".pio\n")
    git(project, "init", "-q")
    git(project, "add", ".")
    git(project, "commit", "-q", "-m", "first")
    git(project, "tag", tag)
    return project


def test_trap_08_a_new_version_recompiles_nothing(make_project: MakeProject, catalog: Path) -> None:
    project = hooked(make_project, catalog, BOTH)
    first = project.run("-t", "upload_ota")

    project.write("VERSION", "1.1.0\n")
    second = project.run("-t", "upload_ota")

    assert first.ok, first.stdout
    assert len(compiled(first)) > 6
    assert second.ok, second.stdout
    assert compiled(second) == []
    assert "Linking" not in second.stdout
    for board in BOTH.values():
        old, new = (
            read((catalog / f"lamp/lamp-{version}_{board}.bin").read_bytes())
            for version in ("1.0.0", "1.1.0")
        )
        assert new.stamp is not None
        assert new.stamp.version == "1.1.0"
        assert old.sha256 != new.sha256
        assert old.unstamped_sha256 == new.unstamped_sha256


def test_trap_08_another_product_recompiles_only_what_includes_the_header(
    make_project: MakeProject, catalog: Path
) -> None:
    project = hooked(make_project, catalog, D1)
    first = project.run()

    second = project.run(env={"ACPUBLISH_PRODUCT": "lantern"})

    assert first.ok, first.stdout
    assert second.ok, second.stdout
    assert [line.rsplit("/", 1)[1] for line in compiled(second)] == ["main.cpp.o"]
    assert b"/update/lantern/d1_mini\0" in project.image("d1").read_bytes()


def test_a_tagged_commit_has_the_tags_version_and_commits_after_it_their_number(
    make_project: MakeProject, catalog: Path
) -> None:
    project = in_git(hooked(make_project, catalog, D1), "v1.2.3")
    tagged = project.run("-t", "upload_ota")
    edit_sketch(project, "second")
    git(project, "commit", "-q", "-a", "-m", "second")
    commit = git(project, "rev-parse", "--short=7", "HEAD")

    later = project.run("-t", "upload_ota")

    assert tagged.ok, tagged.stdout
    assert "lamp 1.2.3 for d1_mini (stable): published" in tagged.stdout
    assert later.ok, later.stdout
    assert f"lamp 1.2.4-dev.1+g{commit} for d1_mini (dev): published" in later.stdout
    image = published(catalog)[f"1.2.4-dev.1+g{commit} d1_mini"]
    assert (image.provenance["commit"], image.provenance["changed"]) == (commit, "no")


def test_a_changed_work_tree_is_told_apart_by_what_was_built(
    make_project: MakeProject, catalog: Path
) -> None:
    project = in_git(hooked(make_project, catalog, C3, ON_BUILD), "v1.2.3-rc.1")
    commit = git(project, "rev-parse", "--short=7", "HEAD")
    edit_sketch(project, "second")

    first = project.run()
    image = read(project.image("c3").read_bytes())
    again = project.run()
    edit_sketch(project, "third")
    second = project.run()

    assert first.ok, first.stdout
    version = f"1.2.3-rc.1.dev.0+g{commit}.d{image.unstamped_sha256[:8]}"[:31]
    assert f"lamp {version} for esp32-c3-devkitm-1 (dev): published" in first.stdout
    assert image.stamp is not None
    assert image.stamp.version == version
    assert again.ok, again.stdout
    assert "Publishing" not in again.stdout
    assert second.ok, second.stdout
    assert len(visible(catalog)) == 2


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("1.0", "Use '1.0.0'"),
        ("v2.1.3", "Use '2.1.3'"),
        ("1.0.0-a-version-that-is-too-long-for-it", "a stamp holds at most 31"),
        ("git", "git cannot determine the state of"),
        ("file:MISSING", "cannot be read"),
    ],
)
def test_a_version_that_cannot_be_is_refused_before_the_build(
    make_project: MakeProject, catalog: Path, version: str, said: str
) -> None:
    project = hooked(make_project, catalog, D1)

    run = project.run("-t", "upload_ota", env={"ACPUBLISH_VERSION": version})

    assert run.returncode == 1
    (line,) = errors(run)
    assert line.startswith("acpublish: error: ACPUBLISH_VERSION: ")
    assert said in line
    assert compiled(run) == []
    assert visible(catalog) == []
