"""The fleet of a state folder; what it has in common with a server is in tests/integration."""

from __future__ import annotations

from pathlib import Path

from acpublish.control.local_fleet import LocalFleet
from acpublish.fleet.moments import DAY_S
from acpublish.fleet.policy import Policy
from tests.unit.control.asking import Asking, mac


def test_a_command_goes_by_the_clock_of_the_server(tmp_path: Path) -> None:
    fleet = Asking(tmp_path)
    fleet.put("1.0.0")
    with fleet.stored() as store:
        fleet.ask(1)
        fleet.now += 10 * DAY_S
        fleet.ask(2)
        store.note_listening(fleet.state.clock.listening(), fleet.now)
    local = LocalFleet(fleet.catalog, fleet.folder)
    # The server listened for ten days and did not hear the first one, so no number reaches it.
    assert local.plan("lamp", "1.0.0", "stable", Policy.parse("5,100%")) == [1, 2]
    assert local.hold(mac(1))["hold"]
    assert local.plan("lamp", "1.0.0", "stable", Policy.parse("5,100%")) == [1, 1]


def test_a_plan_is_about_the_boards_that_the_rollout_is_for(tmp_path: Path) -> None:
    fleet = Asking(tmp_path)
    fleet.put("1.0.0")
    fleet.put("1.0.0", board="d2")
    with fleet.stored():
        fleet.ask(1)
        for number in (2, 3):
            fleet.ask(number, board="d2")
    local = LocalFleet(fleet.catalog, fleet.folder)
    policy = Policy.parse("1,100%")
    for boards, reached in (((), 3), (("d1",), 1), (("d2",), 2), (("d1", "d2"), 3)):
        plan = local.plan("lamp", "1.0.0", "stable", policy, boards=boards)
        assert plan[-1] == reached, boards
        started = local.start("lamp", "1.0.0", f"beta{len(boards)}{reached}", policy, boards=boards)
        assert [board for track in started["boards"] for board in track["boards"]] == (
            list(boards) or ["d1", "d2"]
        )


def test_what_only_shows_something_writes_nothing(tmp_path: Path) -> None:
    fleet = Asking(tmp_path)
    fleet.put("1.0.0")
    with fleet.stored():
        fleet.ask(1)
    fleet.policy("1,100%")
    fleet.put("1.1.0")
    before = {path: path.read_bytes() for path in tmp_path.rglob("fleet.db")}
    assert before
    local = LocalFleet(fleet.catalog, fleet.folder)
    # The catalog has a rollout that no server has seen yet.
    assert [one["state"] for one in local.rollouts()] == ["running"]
    assert local.explain(mac(1))["verdict"] == "up-to-date"
    local.rollout("lamp")
    assert {path: path.read_bytes() for path in tmp_path.rglob("fleet.db")} == before
