"""A kill -9 between each two steps of a publish leaves the old or the new, never a third thing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.release.manifest import Release
from acpublish.release.submission import Outcome
from tests.integration.killing import kill_before
from tests.unit.catalog.holding import image, put, seen

# The children only make system calls before they end, so threads of the parent do no harm.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

MOST_STEPS = 100
COMPAT = Path(__file__).parents[1] / "compat/0.1.0/catalog"


def killed(root: Path, step: int, compress: bool) -> bool:
    """Publishes in a child process that is killed before its n-th step; tells whether it was."""
    child = os.fork()
    if child == 0:
        try:
            catalog = DirectoryCatalog(root)
            kill_before(step, root)
            put(catalog, compress=compress)
            os._exit(0)
        finally:
            os._exit(70)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def nothing(root: Path) -> None:
    root.mkdir()


def by_hand(root: Path) -> None:
    (root / "lamp").mkdir(parents=True)
    (root / "lamp/mine.bin").write_bytes(image(seed=9))


def older(root: Path) -> None:
    root.mkdir()
    put(root, "0.9.0")


def other_board(root: Path) -> None:
    root.mkdir()
    put(root, "1.0.0", board="c3", seed=2)


def older_compressed(root: Path) -> None:
    root.mkdir()
    put(root, "0.9.0", compress=True)


def format_1(root: Path) -> None:
    shutil.copytree(COMPAT, root)


def plain(root: Path) -> None:
    root.mkdir()
    put(root)


@pytest.mark.parametrize(
    ("prepare", "compress"),
    [
        (nothing, False),
        (by_hand, False),
        (older, False),
        (other_board, False),
        (nothing, True),
        (older_compressed, True),
        (plain, True),
        # With another board of a release that is there: its manifest is written again.
        (format_1, False),
    ],
)
def test_each_step(tmp_path: Path, prepare: Callable[[Path], None], compress: bool) -> None:
    start = tmp_path / "start"
    prepare(start)
    old = seen(start)
    finished = tmp_path / "finished"
    shutil.copytree(start, finished)
    first = put(finished, compress=compress)
    new = seen(finished)
    assert old != new

    outcomes = []
    for step in range(1, MOST_STEPS):
        root = tmp_path / str(step)
        shutil.copytree(start, root)
        was_killed = killed(root, step, compress)
        found = seen(root)
        assert found in (old, new), f"step {step}"
        outcomes.append(found == old)

        catalog = DirectoryCatalog(root)
        catalog.repair(older_than_s=0)
        assert seen(root) == (old if outcomes[-1] else new)
        assert list((root / ".acpublish/tmp").glob("*")) == []
        manifests = (root / ".acpublish/releases").glob("*/[0-9]*.json")
        releases = [Release.from_json(path.read_bytes()) for path in manifests]
        images = [one for release in releases for one in release.images]
        named = {one.sha256 for image in images for one in (image, image.compressed) if one}
        assert {path.name for path in (root / ".acpublish/objects").glob("*")} == named

        receipt = put(root, compress=compress)
        expected = first.outcome if outcomes[-1] else Outcome.ALREADY_PUBLISHED
        assert receipt.outcome is expected
        assert seen(root) == new
        assert (root / receipt.file).read_bytes() == image()
        shutil.rmtree(root)
        if not was_killed:
            break
    else:
        pytest.fail("the publish never came to its end")
    # Old until the commit, new from then on, and both were met.
    assert outcomes == sorted(outcomes, reverse=True)
    assert outcomes[0]
    assert not outcomes[-1]
    assert len(outcomes) > 15
