"""What simulated devices do, one habit at a time."""

from __future__ import annotations

import gc

import pytest

from acpublish.fleet.deciding import FleetDecision
from acpublish.fleet.known_device import Device
from acpublish.fleet.moments import DAY_S, HOUR_S, Moment
from acpublish.fleet.policy import Policy
from acpublish.simulation.fleet_profile import Absence, Kind
from acpublish.simulation.population import FLASHED
from acpublish.simulation.rehearsed import Rehearsed
from acpublish.simulation.simulated_releases import ROLLING
from acpublish.simulation.simulator import AFTERWARDS_S, START_AT, Simulation
from tests.unit.simulation.making import profile, simulation

EXACT = {"jitter": 0.0, "skew": 0.0}


def devices_of(run: Simulation) -> list[Device]:
    return list(run.server.devices.values())


def at_once(kind: Kind, devices: int = 50, **fields: object) -> tuple[Simulation, Rehearsed]:
    """Plays a rollout to everybody."""
    run = simulation(profile(kind, **fields), devices=devices, stages="100%", soak="12h")
    return run, run.run()


def test_devices_check_in_at_their_intervals() -> None:
    run, _ = at_once(Kind(poll=HOUR_S, **EXACT), known_for=DAY_S, lasts=60)
    for device in devices_of(run):
        assert set(device.gaps) == {HOUR_S}
        assert len(device.gaps) == 20
    run, _ = at_once(Kind(poll=HOUR_S, jitter=20, skew=0), known_for=DAY_S, lasts=60)
    gaps = [gap for device in devices_of(run) for gap in device.gaps]
    assert min(gaps) >= HOUR_S * 0.8 - 1
    assert max(gaps) <= HOUR_S * 1.2 + 1
    assert max(gaps) - min(gaps) > HOUR_S * 0.3


def test_a_download_takes_as_long_as_its_size_and_speed_say() -> None:
    begun: dict[int, float] = {}

    def note(number: int, decided: FleetDecision, now: Moment) -> None:
        begun[number] = now.at

    of = profile(Kind(speed=10, boot=30), image_size=600_000)
    run = simulation(of, devices=30, on_offer=note, stages="100%", soak="12h")
    run.run()
    assert len(begun) == 30
    assert run.server.live is not None
    for number, at in begun.items():
        device = run.server.devices[f"simulated/{run.population.reports[number].mac}"]
        assert device.firmware is not None
        assert device.firmware.at == at + 61
        part = run.server.live.progress.get(device.id)
        assert part is not None
        assert part.delivered_at == at + 61


def test_a_download_that_breaks_off_is_tried_again() -> None:
    _, result = at_once(Kind(breaks=30))
    assert result.offers > result.downloads == 50
    assert result.runs == {ROLLING: 50}


@pytest.mark.parametrize(
    ("fate", "runs", "outcome"),
    [
        ("rolls_back", {"1.0.0": 50}, "failed"),
        ("dies", {"1.0.0": 50}, "failed"),
        ("lies", {"1.0.0": 50}, "failed"),
        ("flashed", {FLASHED: 50}, "unrecognised"),
    ],
)
def test_a_fate_is_seen_for_what_it_is(fate: str, runs: dict[str, int], outcome: str) -> None:
    _, result = at_once(Kind(**{fate: 100.0}), lasts=4 * DAY_S)
    assert result.runs == runs
    stage = result.rollout["stages"][0]
    assert stage[outcome] >= 3
    assert stage["running"] == 0
    assert result.rollout["state"] == ("halted" if outcome == "failed" else "waiting")


def test_who_has_died_or_vanished_is_heard_no_more() -> None:
    run, result = at_once(Kind(vanishes=100), lasts=9 * DAY_S)
    last = {device.last_seen for device in devices_of(run)}
    assert max(last) < START_AT + run.start_s + 7 * DAY_S + HOUR_S
    assert len(last) > 10
    assert min(last) < START_AT + run.start_s + 3 * DAY_S
    assert result.runs.get(ROLLING, 0) > 0


def test_a_plug_that_is_off_does_not_check_in_and_is_switched_on_with_the_others() -> None:
    off = Policy.parse("1", window="22:00-07:00").window
    run, _ = at_once(Kind(poll=HOUR_S, off=off), known_for=3 * DAY_S, lasts=60)
    longest = [max(device.gaps) for device in devices_of(run)]
    assert min(longest) >= 9 * HOUR_S - 1
    assert max(longest) < 11 * HOUR_S + 120


def test_a_download_ends_when_the_plug_is_switched_off() -> None:
    off = Policy.parse("1", window="22:00-07:00").window
    # Fifteen hours of daylight are not enough for it.
    _, result = at_once(
        Kind(poll=HOUR_S, off=off, speed=0.1), image_size=6_000_000, lasts=3 * DAY_S
    )
    assert result.offers > 0
    assert result.downloads == 0


def test_a_device_that_naps_is_away_for_a_day() -> None:
    run, _ = at_once(Kind(poll=HOUR_S, naps=100, **EXACT), known_for=5 * DAY_S, lasts=60)
    for device in devices_of(run):
        assert set(device.gaps) == {DAY_S + HOUR_S}


def test_nobody_is_heard_while_the_server_is_down() -> None:
    down = Absence(after=0, lasts=DAY_S)
    heard: list[float] = []

    def note(number: int, decided: FleetDecision, now: Moment) -> None:
        heard.append(now.at)

    of = profile(Kind(poll=HOUR_S), server_down=(down,))
    run = simulation(of, devices=50, on_offer=note, stages="100%", soak="1h")
    result = run.run()
    assert min(heard) >= START_AT + run.start_s + DAY_S
    assert result.rollout["state"] == "complete"
    # The silence is not that of the devices, so it is in no gap.
    assert max(gap for device in devices_of(run) for gap in device.gaps) < 2 * HOUR_S


def test_a_device_whose_network_is_away_is_not_heard() -> None:
    away = Absence(after=HOUR_S, lasts=6 * HOUR_S)
    run, _ = at_once(Kind(poll=HOUR_S, away=away, **EXACT), lasts=10 * HOUR_S)
    assert all(max(device.gaps) >= 6 * HOUR_S for device in devices_of(run))


def test_it_goes_on_for_a_day_after_the_end_and_stops_at_the_latest_when_it_has_to() -> None:
    _, result = at_once(Kind())
    assert result.rollout["state"] == "complete"
    assert result.lasted_s == result.turns[-1].after_s + AFTERWARDS_S
    _, result = at_once(Kind(), lasts=HOUR_S)
    assert result.rollout["state"] == "running"
    assert result.lasted_s == HOUR_S


def test_adoption_is_what_the_devices_run() -> None:
    _, result = at_once(Kind(), devices=100)
    values = [sample.running for sample in result.adoption]
    assert values[0] == 0
    assert values == sorted(values)
    assert values[-1] == 100
    assert [sample.after_s for sample in result.adoption][:3] == [0, HOUR_S, 2 * HOUR_S]


def test_devices_without_a_mac_address_come_last() -> None:
    of = profile(Kind(mac=False, share=1), Kind(share=1))
    run = simulation(of, devices=60, stages="50%,100%", soak="12h")
    result = run.run()
    assert result.runs == {ROLLING: 60}
    # They are in no count, because nobody can tell them apart for certain.
    assert sum(stage["offered"] for stage in result.rollout["stages"]) == 30


def test_the_collector_is_as_it_was() -> None:
    assert gc.isenabled()
    at_once(Kind(), devices=1, lasts=60)
    assert gc.isenabled()
