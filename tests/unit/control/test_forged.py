"""What forged requests cannot do: nobody has to prove that a MAC address is theirs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from acpublish.control.following import go_on
from acpublish.release.decision import Verdict
from tests.unit.control.making import Fleet, document
from tests.unit.store.making import opened

STRANGER = "203.0.113.66"


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    fleet = Fleet()
    with opened(tmp_path) as store:
        fleet.state.use(store, store.load())
        yield fleet


def roll_out(fleet: Fleet, stages: str) -> None:
    fleet.clocks.pass_(1)
    fleet.follow(document(5, "2.0.0", stages=stages, of_policy={"halt": "1"}))
    later(fleet)


def later(fleet: Fleet) -> tuple[str, int]:
    """Lets the server look at the rollout, and returns how far it has come."""
    live = fleet.live
    for _ in range(3):
        if live.rollout.is_open:
            fleet.clocks.pass_(11)
            fleet.survey()
            go_on(fleet.state, live)
    return live.rollout.state, live.rollout.stage


def update(fleet: Fleet, number: int, *, boots: bool = True, address: str = STRANGER) -> None:
    """Lets a device take what it is offered, and come back."""
    case = fleet.known(number, address=address)
    assert case.decision.verdict is Verdict.OFFER
    fleet.serving.offered(case)
    fleet.end(case)
    fleet.ask(number, "2.0.0" if boots else "1.0.0", address=address)


@pytest.mark.parametrize("stages", ["1,100%", "10%,100%"])
def test_newcomers_that_claim_the_release_end_no_stage(fleet: Fleet, stages: str) -> None:
    for number in range(60):
        fleet.known(number)
    roll_out(fleet, stages)
    for number in range(100, 200):
        fleet.ask(number, "2.0.0", address=STRANGER)
    assert later(fleet) == ("waiting", 0)


def test_newcomers_that_take_the_release_prove_nothing_about_known_devices(fleet: Fleet) -> None:
    for number in range(3):
        fleet.known(number)
    roll_out(fleet, "100%")
    for number in range(100, 120):
        update(fleet, number)
    assert later(fleet) == ("waiting", 0)
    assert "known before the stage" in fleet.live.rollout.reason
    live = fleet.live
    update(fleet, 1, address="10.0.0.1")
    later(fleet)
    assert live.rollout.state == "complete"


def test_where_there_are_only_newcomers_one_of_them_is_evidence(fleet: Fleet) -> None:
    roll_out(fleet, "100%")
    live = fleet.live
    update(fleet, 100)
    later(fleet)
    assert live.rollout.state == "complete"


def test_a_mac_address_from_elsewhere_neither_halts_nor_keeps_its_device_from_the_release(
    fleet: Fleet,
) -> None:
    for number in range(3):
        fleet.known(number)
    roll_out(fleet, "100%")
    for number in range(3):
        update(fleet, number, boots=False)
    assert later(fleet) == ("waiting", 0)
    assert fleet.live.progress.in_all.failed == 0
    fleet.ask(1, "2.0.0")
    assert fleet.live.progress.in_all.running == 1
