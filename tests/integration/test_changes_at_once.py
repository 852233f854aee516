"""Processes that change one product at once: its history tells the order that they had."""

from __future__ import annotations

import os
import random
from contextlib import suppress
from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import AcpublishError
from acpublish.release import names
from acpublish.release.change_request import ChangeRequest, RequestedAction
from acpublish.release.channels import Place
from acpublish.release.submission import Outcome
from acpublish.release.version import Version
from tests.unit.catalog.holding import ANY_ORDER, put

# The children only change the catalog before they end, so threads of the parent do no harm.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

PROCESSES = 25
ACTIONS: tuple[RequestedAction, ...] = ("promote", "promote", "withdraw", "rollback", "undo")


def change_something(root: Path, number: int) -> int:
    """Publishes, promotes and withdraws in a child process, and returns how much it changed."""
    rng, made = random.Random(number), 0
    catalog = DirectoryCatalog(root)
    board = rng.choice(("d1", "d2"))
    with suppress(AcpublishError):
        receipt = put(catalog, f"2.{number}.0", board=board, skipped_checks=ANY_ORDER)
        made += receipt.outcome is not Outcome.ALREADY_PUBLISHED
    for _ in range(2):
        action = rng.choice(ACTIONS)
        version = Version.parse(f"2.{rng.randrange(PROCESSES)}.0")
        request = ChangeRequest(
            action=action,
            version=None if action == "rollback" else version,
            channel=names.channel(rng.choice(("stable", "beta"))),
            by=f"process {number}",
            why="tried",
        )
        # Most of what is wished for cannot be, and who comes second hears so.
        with suppress(AcpublishError):
            made += catalog.changes.make("lamp", request).applied
    return made


def in_child(root: Path, number: int) -> int:
    child = os.fork()
    if child == 0:
        made = 99
        try:
            made = change_something(root, number)
        finally:
            os._exit(made)
    return child


def test_the_history_explains_the_end(tmp_path: Path) -> None:
    put(tmp_path, "1.0.0")
    children = [in_child(tmp_path, number) for number in range(PROCESSES)]
    made = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert all(0 <= count <= 3 for count in made)
    assert sum(made) > PROCESSES

    catalog = DirectoryCatalog(tmp_path)
    history = catalog.changes.history("lamp")
    assert [line.serial for line in history] == list(range(1, sum(made) + 2))
    points_at: dict[tuple[str, Place], Version | None] = {}
    withdrawn: set[tuple[Version | None, Place]] = set()
    published: set[tuple[Version | None, Place]] = set()
    for line in history:
        images = {(line.version, place) for place in line.places}
        if line.action == "publish":
            published |= images
        elif line.action == "withdraw":
            withdrawn |= images
        elif line.action == "undo":
            withdrawn -= images
        for move in line.moves:
            assert points_at.get((move.channel, move.place)) == move.before
            assert (move.after, move.place) not in withdrawn
            points_at[move.channel, move.place] = move.after

    channels = catalog.changes.channels("lamp")
    assert set(channels.marks) == withdrawn
    assert {
        (channel, place): current.version if current else None
        for channel in channels.pointers
        for place in channels.places(channel)
        for current in [channels.current(channel, place)]
    } == points_at
    assert {
        (one, place) for one, places in channels.images.items() for place in places
    } == published
    visible = {path.name for path in (tmp_path / "lamp").iterdir()}
    assert visible == {
        image.file
        for release in catalog.releases("lamp")
        for image in release.images
        if not image.withdrawn
    }
    assert {"publish", "promote", "withdraw"} <= {line.action for line in history}
