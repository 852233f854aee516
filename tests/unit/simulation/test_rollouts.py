"""Rollouts in simulated fleets: who gets a bad release, and what does not stop a good one."""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import replace

import pytest

from acpublish.fleet.deciding import FleetDecision
from acpublish.fleet.moments import DAY_S, HOUR_S, Moment
from acpublish.simulation.built_in_profiles import built_in
from acpublish.simulation.fleet_profile import Kind, Profile
from acpublish.simulation.in_process import InProcess
from acpublish.simulation.rehearsed import Rehearsed
from acpublish.simulation.simulated_releases import ROLLING
from acpublish.simulation.simulator import AFTERWARDS_S, Simulation
from tests.unit.simulation.making import DEVICES, profile, row, simulation
from tests.unit.simulation.referee import Referee

#: ``make simulate`` sets it to a million.
MANY = int(os.environ.get("ACPUBLISH_TEST_SIMULATED_MANY", "400"))
LONGEST_S = 600


def exposure(server: InProcess, now: Moment) -> None:
    """Checks that no more devices got an offer than the stages so far reach."""
    assert server.live is not None
    progress, rollout = server.live.progress, server.live.rollout
    seen = progress.survey
    if seen is None or seen.heard != now.heard:
        return
    offered = 0
    for stage in range(progress.stages):
        offered += progress.of_stage(stage).offered
        assert offered <= seen.holds[stage]
    assert offered == progress.in_all.offered
    later = range(rollout.stage + 1, progress.stages)
    assert not any(progress.of_stage(stage).offered for stage in later)


def watched(of: Profile, **options: str) -> tuple[Simulation, Referee]:
    """Plays a rehearsal in front of the referee."""
    referee = Referee()
    run = simulation(of, on_offer=referee, on_tick=exposure, **options)
    referee.simulation = run
    run.run()
    return run, referee


def stages_of(result: Rehearsed, name: str) -> list[int]:
    return [stage[name] for stage in result.rollout["stages"]]


@pytest.mark.parametrize("percent", [0, 3, 10, 20, 30])
def test_a_rollout_never_exceeds_its_stage_and_offers_nothing_after_the_threshold(
    percent: int,
) -> None:
    faulty = profile(Kind(rolls_back=percent / 2, dies=percent / 2, breaks=10), lasts=6 * DAY_S)
    options = {"stages": "1,10%,50%,100%", "soak": "12h", "halt": f"{DEVICES // 20},5%"}
    run, referee = watched(faulty, **options)
    result = run.result
    row(
        f"{percent} % of the devices fail",
        result.rollout["state"],
        sum(stages_of(result, "offered")),
        sum(stages_of(result, "failed")),
    )
    # The referee refuses each offer of a rollout that has halted.
    assert referee.unfit == []
    state = result.rollout["state"]
    if percent == 0:
        assert state == "complete"
        assert result.runs == {ROLLING: DEVICES}
    elif state == "halted":
        assert "devices failed" in result.rollout["reason"]
        # With few faults, the last of them show after everybody has had an offer.
        assert sum(stages_of(result, "offered")) < (DEVICES if percent >= 10 else DEVICES + 1)
        assert result.lasted_s - result.turns[-1].after_s == AFTERWARDS_S
    else:
        # The only device of the first stage may be one of those that fail.
        assert state in ("complete", "waiting")
    assert percent < 20 or state != "complete"
    if percent == 10:
        again, _ = watched(faulty, **options)
        assert again.result.to_dict() == result.to_dict()


def test_another_seed_reaches_other_devices_first() -> None:
    first: list[tuple[int, ...]] = []
    for seed in (1, 2):
        reached: list[int] = []

        def note(number: int, decided: FleetDecision, now: Moment, to: list[int] = reached) -> None:
            to.append(number)

        simulation(
            profile(lasts=DAY_S), devices=200, seed=seed, on_offer=note, stages="5,100%"
        ).run()
        first.append(tuple(sorted(reached)))
    assert first[0] != first[1]
    assert [len(reached) for reached in first] == [5, 5]


@pytest.mark.parametrize("poll_s", [HOUR_S, DAY_S], ids=["hourly", "daily"])
@pytest.mark.parametrize("stages", ["1,10%,50%,100%", "10%,100%"])
@pytest.mark.parametrize("fate", ["dies", "both"])
def test_a_release_that_never_boots_reaches_the_first_stage_only(
    fate: str, stages: str, poll_s: int
) -> None:
    fates = {"rolls_back": 50, "dies": 50} if fate == "both" else {fate: 100}
    kind = replace(Kind(poll=poll_s, jitter=2.0), **{key: float(of) for key, of in fates.items()})
    devices = DEVICES if poll_s == DAY_S else DEVICES // 5
    run = simulation(
        profile(kind, lasts=(10 if poll_s == DAY_S else 2) * DAY_S),
        devices=devices,
        on_tick=exposure,
        stages=stages,
        soak="1h",
    )
    result = run.run()
    offered = stages_of(result, "offered")
    row(f"never boots ({fate}, {stages})", result.rollout["state"], *offered[:2])
    assert offered[0] >= 1
    assert not any(offered[1:])
    assert result.rollout["stage"] == 0
    assert ROLLING not in result.runs
    assert result.rollout["state"] == ("waiting" if stages.startswith("1,") else "halted")


@pytest.mark.parametrize("name", ["server-down", "night-off", "sleepers", "healthy"])
def test_what_is_not_the_fault_of_the_release_halts_nothing(name: str) -> None:
    run, referee = watched(built_in(name))
    result = run.result
    row(
        name, result.rollout["state"], result.runs.get(ROLLING, 0), sum(stages_of(result, "failed"))
    )
    assert referee.unfit == []
    assert result.rollout["state"] == "complete"
    assert not any(stages_of(result, "failed"))
    assert result.runs[ROLLING] >= DEVICES * 99 // 100


def test_a_site_that_loses_its_network_pauses_the_rollout_and_halts_nothing() -> None:
    run, _ = watched(built_in("network-away"))
    states = Counter(turn.state for turn in run.result.turns)
    row("network-away", run.result.rollout["state"], f"{states['paused']} pause")
    assert states["paused"] >= 1
    assert run.result.rollout["state"] == "complete"
    assert not any(stages_of(run.result, "failed"))


@pytest.mark.parametrize("digests", ["encrypted", "none"])
def test_flash_encrypted_devices_are_served_once(digests: str) -> None:
    base = built_in("encrypted")
    kinds = tuple(replace(kind, digests=digests) for kind in base.kinds)
    run, referee = watched(replace(base, kinds=kinds))
    result = run.result
    row(f"digests: {digests}", result.rollout["state"], result.offers, result.downloads)
    assert result.rollout["state"] == "complete"
    assert result.runs == {ROLLING: DEVICES}
    # The old release is offered once, too: nobody knows that an unknown digest is the right one.
    assert set(referee.offers.values()) == {1}
    assert set(referee.others.values()) == ({1} if digests == "encrypted" else set())
    assert result.downloads == result.offers


def test_after_a_halt_devices_are_ordered_back() -> None:
    run, referee = watched(
        profile(Kind(rolls_back=40), lasts=4 * DAY_S),
        stages="5%,100%",
        soak="6h",
        halt="3",
        on_halt="order-back",
    )
    assert run.result.rollout["state"] == "halted"
    assert referee.unfit == []
    assert ROLLING not in run.result.runs


def test_many_devices_go_through_four_stages() -> None:
    began = time.process_time()
    run = simulation(profile(Kind(poll=DAY_S)), devices=MANY)
    result = run.run()
    # On a core of its own, it takes as long as that.
    took = time.process_time() - began
    row(
        f"{MANY:,} devices, four stages",
        result.rollout["state"],
        f"{result.checks:,}",
        f"{took:.0f} s",
    )
    assert result.rollout["state"] == "complete"
    assert list(dict.fromkeys(turn.stage for turn in result.turns)) == [0, 1, 2, 3]
    assert result.runs == {ROLLING: MANY}
    if MANY >= 1_000_000:
        assert took < LONGEST_S
