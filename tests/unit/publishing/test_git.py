"""The address of a repository, without what opens it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from acpublish.publishing.git import git_state, private_of_git


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("https://user:pass-w0rd@git.example/x/y.git", "https://git.example/x/y.git"),
        ("https://git.example/x/y.git?private_token=hunter2", "https://git.example/x/y.git"),
        ("https://git.example/x/y.git#hunter2", "https://git.example/x/y.git"),
        ("ssh://git:pw@git.example/x/y.git", "ssh://git.example/x/y.git"),
        ("git@git.example:x/y.git", "git@git.example:x/y.git"),
        ("me:pw@git.example:x/y.git", "git.example:x/y.git"),
        ("../y.git", "../y.git"),
    ],
)
def test_no_credentials_are_kept(tmp_path: Path, address: str, kept: str) -> None:
    git(tmp_path, "init", "-q")
    git(tmp_path, "remote", "add", "origin", address)
    assert private_of_git(tmp_path) == {"remote": kept}


def test_a_prefix_is_no_pattern(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "x")
    git(tmp_path, "tag", "lamp-v1.0.0")
    assert not git_state(tmp_path, "*-").tagged
    assert git_state(tmp_path, "lamp-").tagged


@pytest.mark.parametrize("name", ["src/a.cpp", "lamp.ino", "pins.h"])
def test_a_source_that_git_does_not_know_is_a_change(tmp_path: Path, name: str) -> None:
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "x")
    (tmp_path / "notes.txt").write_text("x")
    assert not git_state(tmp_path).changed
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("x")
    assert git_state(tmp_path).changed
