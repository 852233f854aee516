from __future__ import annotations

from acpublish.fleet.moments import DAY_S, HOUR_S, Moment
from acpublish.fleet.targets import Targets
from acpublish.simulation.fleet_profile import Kind
from acpublish.simulation.in_process import InProcess
from acpublish.simulation.population import Population
from acpublish.simulation.simulated_releases import CHANNEL, ROLLING, releases_of
from tests.unit.simulation.making import profile

PROFILE = profile(Kind())
POPULATION = Population(PROFILE, 20, 1)
START = 20_000 * DAY_S


def moment(hours: float) -> Moment:
    return Moment(START + hours * HOUR_S, hours * HOUR_S)


class World:
    """A server with twenty devices that have checked in three times."""

    def __init__(self) -> None:
        after = releases_of(PROFILE, complete=True)
        self.server = InProcess(Targets(releases_of(PROFILE)), Targets(after), 1)
        for hour in range(3):
            assert self.check_in(hour) == []

    def check_in(self, hour: float) -> list[int]:
        """Lets all check in, and those that are offered something take it; returns who did."""
        taken = []
        for number in range(len(POPULATION)):
            report, address = POPULATION.reports[number], POPULATION.addresses[number]
            decided = self.server.check(number, report, address, "d1_mini", moment(hour))
            if decided is not None:
                taken.append(number)
                self.server.delivered(number, decided, report, address, moment(hour), whole=True)
        return taken


def test_a_rollout_goes_through_the_rules_of_the_fleet() -> None:
    world = World()
    assert world.server.live is None
    world.server.tick(moment(3), HOUR_S)
    world.server.start(
        PROFILE.policy(stages="2,100%", soak="1h"), frozenset({"d1_mini"}), moment(3)
    )
    # Nobody is reached before the devices are counted.
    assert world.check_in(3.1) == []
    world.server.tick(moment(3.2), HOUR_S)
    first = world.check_in(3.3)
    assert len(first) == 2
    assert world.server.live is not None
    assert world.server.live.progress.in_all.delivered == 2
    # They come back with what they had, so they failed and are not offered it again.
    assert world.check_in(4.3) == []
    assert world.server.live.progress.in_all.failed == 2
    world.server.tick(moment(5), HOUR_S)
    assert world.server.live.rollout.state == "waiting"


def test_the_channel_points_at_the_release_once_the_rollout_is_complete() -> None:
    world = World()
    world.server.start(PROFILE.policy(stages="100%", soak="1h"), frozenset({"d1_mini"}), moment(3))
    world.server.tick(moment(3.1), HOUR_S)
    for number in range(len(POPULATION)):
        address = POPULATION.addresses[number]
        world.server.check(
            number, POPULATION.report(number, ROLLING), address, "d1_mini", moment(4)
        )
    world.server.tick(moment(5), HOUR_S)
    assert world.server.live is not None
    assert world.server.live.rollout.state == "complete"
    target = world.server.targets.settled("d1_mini", CHANNEL)
    assert target is not None
    assert str(target.release.version) == ROLLING
    # Outside the rollout, everybody who runs something older is offered it.
    assert len(world.check_in(6)) == 20


def test_all_devices_are_walked_only_now_and_then() -> None:
    world = World()
    world.server.start(PROFILE.policy(), frozenset({"d1_mini"}), moment(3))
    world.server.tick(moment(3), HOUR_S)
    assert world.server.live is not None
    seen = world.server.live.progress.survey
    world.server.tick(moment(3.5), HOUR_S)
    assert world.server.live.progress.survey is seen
    world.server.tick(moment(4), HOUR_S)
    assert world.server.live.progress.survey is not seen
