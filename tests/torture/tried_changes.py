"""The changes that are cut short in every way: publishes, changes of a catalog, token commands."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import AcpublishError
from tests.integration import test_kill, test_kill_changes, test_kill_tokens
from tests.unit.catalog.holding import put, seen

NEITHER = "neither the old nor the new"


@dataclass(frozen=True, slots=True)
class Tried:
    """A change of a folder.

    Attributes:
        name: What it is called.
        prepare: Makes the folder as it is before.
        change: Makes the change.
        is_catalog: Whether the folder is a catalog, and not the state folder of a server.
        changes_again: Whether the same once more would go one further.
    """

    name: str
    prepare: Callable[[Path], object]
    change: Callable[[Path], object]
    is_catalog: bool = True
    changes_again: bool = False


def tried_changes() -> list[Tried]:
    """Returns all of them."""
    compressed = partial(put, compress=True)
    return [
        Tried("publish", test_kill.nothing, put),
        Tried("publish over files", test_kill.by_hand, put),
        Tried("publish with gzip", test_kill.older_compressed, compressed),
        Tried("publish another board", test_kill.other_board, put),
        Tried("publish to a catalog of 0.1", test_kill.format_1, put),
        *(
            Tried(
                action,
                partial(test_kill_changes.three_releases, action=action),
                partial(test_kill_changes.make, request=request),
                changes_again=action == "rollback",
            )
            for action, request in test_kill_changes.REQUESTS.items()
        ),
        *(
            Tried(f"token {command.__name__}", prepare, command, False, True)
            for prepare, command in (
                (test_kill_tokens.two, test_kill_tokens.create),
                (test_kill_tokens.two, test_kill_tokens.revoke),
                (test_kill_tokens.two, test_kill_tokens.rotate),
                (test_kill_tokens.format_1, test_kill_tokens.rotate_format_1),
            )
        ),
    ]


class Bench:
    """A change, the folder before and after it, and a place for copies."""

    def __init__(self, tried: Tried, tmp: Path) -> None:
        """Makes the change once, undisturbed.

        Args:
            tried: The change.
            tmp: An empty folder.
        """
        self.tried = tried
        self._tmp = tmp
        self.start = tmp / "start"
        tried.prepare(self.start)
        finished = self.copy("finished")
        self.old = self.seen(self.start)
        tried.change(finished)
        self.new = self.seen(finished)
        assert self.old != self.new

    def copy(self, name: str) -> Path:
        """Returns a copy of the folder before the change."""
        return shutil.copytree(self.start, self._tmp / name)

    def seen(self, root: Path) -> object:
        """Returns what a process that starts now sees of a folder."""
        return seen(root) if self.tried.is_catalog else test_kill_tokens.seen(root, self.start)

    def problem(self, root: Path, *, only_new: bool = False) -> str:
        """Compares a folder with those before and after, and makes the change there again.

        Args:
            root: The folder.
            only_new: Whether the change was acknowledged.

        Returns:
            What is wrong with it; empty if nothing is.
        """
        try:
            left = self.seen(root)
            if left not in (self.old, self.new):
                return NEITHER
            if only_new and left != self.new:
                return "it was acknowledged, and is lost"
            if self.tried.is_catalog:
                DirectoryCatalog(root).repair(older_than_s=0)
                if self.seen(root) != left:
                    return "a repair changes what is seen"
            if left == self.old or not self.tried.changes_again:
                self.tried.change(root)
            if self.seen(root) != self.new:
                return "the same once more does not complete it"
        except (AcpublishError, OSError, ValueError, KeyError, AssertionError) as error:
            return f"{type(error).__name__}: {error}"
        return ""

    def child(self, root: Path, before: Callable[[], object]) -> int:
        """Begins the change in a child process, and returns its number.

        Args:
            root: The folder.
            before: What the child calls first.
        """
        child = os.fork()
        if child == 0:
            try:
                before()
                self.tried.change(root)
                os._exit(0)
            finally:
                os._exit(70)
        return child


def was_killed(child: int) -> bool:
    """Waits for a child process.

    Returns:
        Whether it was killed; otherwise it has made its change.
    """
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    assert killed or os.WEXITSTATUS(status) == 0
    return killed
