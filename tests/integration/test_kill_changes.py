"""A kill -9 between each two steps of a change leaves the old or the new, never a third thing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.release import names
from acpublish.release.change_request import ChangeRequest
from acpublish.release.version import Version
from tests.integration.killing import kill_before
from tests.unit.catalog.holding import candidate, files_below, image, put, seen, submission

# The children only make system calls before they end, so threads of the parent do no harm.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)
MOST_STEPS = 60
COMPAT = Path(__file__).parents[1] / "compat/0.1.0/catalog"
STABLE = names.channel("stable")
WITHDRAW = ChangeRequest(action="withdraw", version=Version.parse("1.2.0"), why="bad")
REQUESTS = {
    "promote": ChangeRequest(
        action="promote", version=Version.parse("1.1.0"), channel=names.channel("beta")
    ),
    "rollback": ChangeRequest(action="rollback", channel=STABLE),
    "withdraw": WITHDRAW,
    "undo": ChangeRequest(action="undo", version=Version.parse("1.2.0")),
    "retain": ChangeRequest(action="retain", keep=1, older_than_s=0),
    "delete": ChangeRequest(action="delete", version=Version.parse("1.2.0"), why="secret"),
}


def make(root: Path, request: ChangeRequest) -> None:
    DirectoryCatalog(root).changes.make("lamp", request, now=NOW)


def three_releases(start: Path, action: str) -> None:
    """Makes a catalog in which an action changes something."""
    start.mkdir()
    catalog = DirectoryCatalog(start)
    for days, version in enumerate(("1.0.0", "1.1.0", "1.2.0")):
        published = NOW - timedelta(days=200 - days)
        catalog.put(candidate(image(version)), submission(version), now=published)
    if action == "undo":
        make(start, WITHDRAW)


def state(root: Path) -> tuple[dict[str, object], bytes]:
    """What is offered, and the document that says so; the changes here have no other time."""
    return seen(root), (root / ".acpublish/releases/lamp/channels.json").read_bytes()


def files(root: Path) -> tuple[set[str], set[str]]:
    """The visible files and the objects."""
    return files_below(root), {path.name for path in (root / ".acpublish/objects").iterdir()}


def killed_states(start: Path, request: ChangeRequest) -> Iterator[tuple[int, Path]]:
    """Yields copies of a catalog, each with a change that was killed one step later."""
    for step in range(1, MOST_STEPS):
        root = start.with_name(str(step))
        shutil.copytree(start, root)
        child = os.fork()
        if child == 0:
            try:
                catalog = DirectoryCatalog(root)
                kill_before(step, root)
                catalog.changes.make("lamp", request, now=NOW)
                os._exit(0)
            finally:
                os._exit(70)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
        yield step, root
        shutil.rmtree(root)
        if not os.WIFSIGNALED(status):
            return
    pytest.fail("the change never came to its end")


@pytest.mark.parametrize("action", REQUESTS)
def test_each_step(tmp_path: Path, action: str) -> None:
    request, start = REQUESTS[action], tmp_path / "start"
    three_releases(start, action)
    old, old_files = state(start), files(start)
    finished = shutil.copytree(start, tmp_path / "finished")
    make(finished, request)
    new, new_files = state(finished), files(finished)
    assert old != new

    outcomes = []
    for step, root in killed_states(start, request):
        left = state(root)
        assert left in (old, new), f"step {step}"
        outcomes.append(left == old)
        # The next command of another kind completes what was committed, and nothing else.
        other = shutil.copytree(root, tmp_path / "other")
        put(other, "1.2.0", board="d2")
        visible = old_files[0] if left == old else new_files[0]
        assert files_below(other) == visible | {"lamp/lamp-1.2.0_d2.bin"}
        shutil.rmtree(other)
        # So does the same again; only a second rollback would go one further.
        if left == old or action != "rollback":
            make(root, request)
        assert state(root) == new
        assert files(root) == new_files
    assert outcomes == sorted(outcomes, reverse=True)
    assert {True, False} == set(outcomes)
    assert len(outcomes) > 5


def test_each_step_of_the_first_change_of_an_older_catalog(tmp_path: Path) -> None:
    """The upgrade is a change of its own, after which what is offered is as before."""
    request, start = REQUESTS["promote"], shutil.copytree(COMPAT, tmp_path / "start")
    old = seen(start)
    finished = shutil.copytree(start, tmp_path / "finished")
    make(finished, request)
    new = seen(finished)
    assert old != new
    outcomes = []
    for step, root in killed_states(start, request):
        left = seen(root)
        assert left in (old, new), f"step {step}"
        outcomes.append(left == old)
        make(root, request)
        assert seen(root) == new
        actions = [line.action for line in DirectoryCatalog(root).changes.history("lamp")]
        assert actions == ["upgrade", "promote"]
    assert outcomes == sorted(outcomes, reverse=True)
    assert {True, False} == set(outcomes)
