"""Small fleets, hour by hour: who gets a bad release, and what does not stop a good one."""

from __future__ import annotations

import pytest

from acpublish.fleet.moments import DAY_S, HOUR_S
from tests.unit.fleet.making import Thing, World, live, moment

#: Hours in which the devices become known before the rollout starts.
BEFORE = 24 * 3 + 12


def world(things: list[Thing], stages: str = "1,10%,50%,100%", **policy: object) -> World:
    """Returns a fleet that the server has known for some days, with a rollout that starts now."""
    made = World(things, live(stages, at=moment(BEFORE), **policy))
    made.run(BEFORE, rolling=False)
    assert len(made.devices) == len(things)
    return made


def test_a_good_release_reaches_everybody_stage_by_stage() -> None:
    fleet = world([Thing(number) for number in range(100)], soak="2h")
    fleet.run(24, begin=BEFORE)
    assert fleet.live.rollout.state == "complete"
    assert {thing.runs for thing in fleet.things} == {"2.0.0"}
    offered = [fleet.live.progress.of_stage(stage).offered for stage in range(4)]
    assert offered[0] == 1
    assert sum(offered) == 100
    assert 2 <= offered[1] <= 25
    assert 20 <= offered[2] <= 60


@pytest.mark.parametrize("silent", [False, True], ids=["runs the old one", "never comes back"])
@pytest.mark.parametrize("poll_s", [HOUR_S, DAY_S], ids=["hourly", "daily"])
@pytest.mark.parametrize("stages", ["1,10%,50%,100%", "5,50%,100%", "10%,100%"])
def test_a_release_that_never_boots_reaches_the_first_stage_only(
    stages: str, poll_s: float, silent: bool
) -> None:
    things = [Thing(number, poll_s, boots=False, silent_after=silent) for number in range(50)]
    fleet = world(things, stages, soak="1h")
    fleet.run(24 * 7 if poll_s == DAY_S else 24, begin=BEFORE)
    assert fleet.live.rollout.stage == 0
    assert fleet.live.rollout.state in ("halted", "waiting")
    counts = fleet.live.progress
    assert counts.survey is not None
    assert 1 <= counts.in_all.offered <= counts.survey.holds[0]
    assert counts.in_all.offered == counts.of_stage(0).offered
    assert fleet.after_halt == 0
    if stages != "1,10%,50%,100%":
        assert fleet.live.rollout.state == "halted"


@pytest.mark.parametrize("percent", [0, 3, 10, 30])
def test_the_same_seed_halts_at_the_same_device_and_offers_nothing_more(percent: int) -> None:
    def run() -> World:
        things = [Thing(number, boots=number >= percent) for number in range(100)]
        fleet = world(things, "5,50%,100%", soak="3h", halt="10,12%")
        fleet.run(24, begin=BEFORE)
        return fleet

    fleet = run()
    rollout, counts = fleet.live.rollout, fleet.live.progress.in_all
    assert fleet.after_halt == 0
    assert rollout.state in ("halted", "complete")
    assert percent not in (0, 30) or rollout.state == ("halted" if percent else "complete")
    if rollout.state == "halted":
        halted_at = next(at for at, state in fleet.states if state == "halted")
        assert max(at for at, _, _ in fleet.taken) <= halted_at
        assert counts.offered < 100
        assert "devices failed" in rollout.reason
    again = run()
    assert again.live.rollout == rollout
    assert again.live.progress.in_all == counts


def test_a_server_that_is_down_for_a_day_halts_nothing() -> None:
    fleet = world([Thing(number) for number in range(60)], "10,50%,100%", soak="6h")
    begin = (BEFORE + 1) * HOUR_S
    fleet.down = ((begin, begin + DAY_S),)
    fleet.run(24 * 4, begin=BEFORE)
    assert fleet.live.rollout.state == "complete"
    assert fleet.live.progress.in_all.failed == 0


def test_plugs_that_are_off_at_night_halt_nothing() -> None:
    def by_day(at: float) -> bool:
        return 7 * HOUR_S <= at % DAY_S < 22 * HOUR_S

    things = [Thing(number, on=by_day if number % 2 else lambda at: True) for number in range(80)]
    fleet = world(things, "10,50%,100%", soak="24h")
    fleet.run(24 * 7, begin=BEFORE)
    assert fleet.live.rollout.state == "complete"
    assert fleet.live.progress.in_all.failed == 0
    assert {thing.runs for thing in fleet.things} == {"2.0.0"}


def test_a_site_that_loses_its_network_pauses_and_goes_on() -> None:
    gone = (BEFORE + 1) * HOUR_S, (BEFORE + 13) * HOUR_S
    things = [Thing(number, on=lambda at: not gone[0] <= at < gone[1]) for number in range(60)]
    fleet = world(things, "20,100%", soak="2h")
    fleet.run(24 * 3, begin=BEFORE)
    states = [state for _, state in fleet.states]
    assert "paused" in states
    assert states[-1] == "complete"
    assert fleet.live.progress.in_all.failed == 0


def test_after_a_halt_the_devices_that_got_it_go_back_in_stages() -> None:
    # Two of three do not boot: the others run the release and are ordered back.
    things = [Thing(number, boots=number % 3 == 0) for number in range(60)]
    fleet = world(things, "5,50%,100%", soak="2h", halt="30,40%", on_halt="order-back")
    fleet.run(24 * 2, begin=BEFORE)
    assert fleet.live.rollout.state == "halted"
    assert {thing.runs for thing in fleet.things} == {"1.0.0"}
    assert fleet.live.progress.returned == fleet.live.progress.ordered_back > 0
    assert fleet.after_halt == 0
