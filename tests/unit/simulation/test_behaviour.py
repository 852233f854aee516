"""What devices do, without any server."""

from __future__ import annotations

from acpublish.fleet.moments import DAY_S, HOUR_S
from acpublish.fleet.policy import Window
from acpublish.simulation.behaviour import Behaviour
from acpublish.simulation.fleet_profile import Absence, Kind
from acpublish.simulation.population import FLASHED, Population
from tests.unit.simulation.making import profile

NEW = "2.0.0"


def behaviour(kind: Kind, *, start_s: int | None = 0, devices: int = 20) -> Behaviour:
    population = Population(profile(kind), devices, 1)
    return Behaviour(population, 1, start_s=start_s, rolling=NEW)


def test_the_same_seed_asks_for_the_same_chances() -> None:
    first, again = (behaviour(Kind(jitter=20, naps=50, breaks=50)) for _ in range(2))
    for made in (Behaviour.first_check, Behaviour.interval):
        assert [made(first, at) for at in range(20)] == [made(again, at) for at in range(20)]
    kind = first.population.kinds[0]
    assert [first.nap(kind) for _ in range(9)] == [again.nap(kind) for _ in range(9)]
    assert [first.whole(kind) for _ in range(9)] == [again.whole(kind) for _ in range(9)]


def test_a_device_vanishes_only_after_the_rollout_has_started() -> None:
    made = behaviour(Kind(vanishes=100), start_s=None)
    assert not made.gone(0, 30 * DAY_S)
    made.start_s = 40 * DAY_S
    assert not made.gone(0, 40 * DAY_S - 1)
    assert made.gone(0, 47 * DAY_S)
    assert not behaviour(Kind()).gone(0, 47 * DAY_S)


def test_a_plug_that_is_off_comes_back_at_its_hour() -> None:
    kind = Kind(off=Window("22:00-07:00", 22 * HOUR_S, 7 * HOUR_S))
    made = behaviour(kind)
    assert made.back_on(kind, 12 * HOUR_S) is None
    back = made.back_on(kind, DAY_S + 23 * HOUR_S)
    assert back is not None
    assert 2 * DAY_S + 7 * HOUR_S < back <= 2 * DAY_S + 7 * HOUR_S + 121


def test_a_network_is_away_for_a_while_after_the_start() -> None:
    kind = Kind(away=Absence(after=HOUR_S, lasts=HOUR_S))
    made = behaviour(kind, start_s=DAY_S)
    away = [second for second in range(0, 2 * DAY_S, 600) if not made.connected(kind, second)]
    assert (away[0], away[-1]) == (DAY_S + HOUR_S, DAY_S + 2 * HOUR_S - 600)
    made.start_s = None
    assert made.connected(kind, DAY_S + HOUR_S)


def test_only_the_new_release_meets_its_fate() -> None:
    for fault, back, runs, claims in (
        ({}, True, NEW, NEW),
        ({"rolls_back": 100.0}, True, "1.0.0", "1.0.0"),
        ({"dies": 100.0}, False, "1.0.0", "1.0.0"),
        ({"lies": 100.0}, True, "1.0.0", NEW),
        ({"flashed": 100.0}, True, FLASHED, FLASHED),
    ):
        made = behaviour(Kind(**fault))
        population = made.population
        assert made.comes_back(0, NEW) is back
        assert (population.runs[0], population.reports[0].version) == (runs, claims)
        assert made.running == (runs == NEW)
        assert made.comes_back(1, "1.5.0")
        assert population.runs[1] == "1.5.0"
    assert made.running == 0
