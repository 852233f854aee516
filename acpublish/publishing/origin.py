"""What git says of where an image comes from, for the provenance.

The repository's address may tell more than is meant, so it is for whoever runs the catalog alone.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from acpublish.errors import AcpublishError
from acpublish.publishing.worktree import GitState, git_state, remote

__all__ = ["of_git", "of_tools", "private_of_git", "state_of"]


def state_of(folder: Path) -> GitState | None:
    """Returns where the work tree of a folder stands; None where it is in none."""
    with contextlib.suppress(AcpublishError):
        return git_state(folder)
    return None


def of_git(git: GitState | None) -> dict[str, str]:
    """Returns commit, tag and whether there are changes."""
    if git is None:
        return {}
    tag = {"tag": git.name} if git.name and not git.distance else {}
    return {"commit": git.commit, **tag, "changed": "yes" if git.changed else "no"}


def of_tools(*names: str) -> dict[str, str]:
    """Returns the versions of installed packages, by their names."""
    # It costs 20 ms, which only a publish has to pay.
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in names:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def private_of_git(folder: Path) -> dict[str, str]:
    """Returns the address of the repository, without credentials."""
    with contextlib.suppress(AcpublishError):
        address = remote(folder)
        return {"remote": address} if address else {}
    return {}
