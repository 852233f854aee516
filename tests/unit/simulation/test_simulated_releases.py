from __future__ import annotations

from acpublish.fleet.targets import Targets
from acpublish.simulation.fleet_profile import Kind
from acpublish.simulation.population import Population
from acpublish.simulation.simulated_releases import CHANNEL, ROLLING, SETTLED, releases_of
from tests.unit.simulation.making import profile

PROFILE = profile(Kind(), Kind(board="esp32dev", chip="esp32", digests="both"), image_size=7)


def test_the_channel_points_at_the_old_release_until_the_rollout_is_complete() -> None:
    for complete, version in ((False, SETTLED), (True, ROLLING)):
        targets = Targets(releases_of(PROFILE, complete=complete))
        for board in ("d1_mini", "esp32dev"):
            target = targets.settled(board, CHANNEL)
            assert target is not None
            assert str(target.release.version) == version
            assert target.image.size == 7


def test_devices_are_recognised_by_what_they_report() -> None:
    targets = Targets(releases_of(PROFILE))
    population = Population(PROFILE, 2, 1)
    for number, kind in enumerate(population.kinds):
        for version in (SETTLED, ROLLING):
            report = population.report(number, version)
            assert list(map(str, targets.running(report, kind.board))) == [version]
