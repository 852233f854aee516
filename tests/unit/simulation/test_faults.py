"""Fourteen classes of fault, each among sound devices: nobody gets an unfit offer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from acpublish.fleet.known_device import Pin
from acpublish.fleet.moments import DAY_S, HOUR_S, Moment
from acpublish.fleet.targets import Targets
from acpublish.release.manifest import Compressed, Release
from acpublish.simulation.fleet_profile import Kind
from acpublish.simulation.in_process import InProcess
from acpublish.simulation.population import reported_md5
from acpublish.simulation.simulated_releases import CHANNEL, PRODUCT, ROLLING, made
from acpublish.simulation.simulator import START_AT, Simulation
from tests.unit.simulation.making import DEVICES, NEVER, profile, row, simulation
from tests.unit.simulation.referee import Referee

SOUND = Kind(name="sound")
FAULTY = Kind(name="faulty")
ESP32 = Kind(name="sound", board="esp32dev", chip="esp32")
SIZE = 400_000

Prepare = Callable[[Simulation, Referee, list[int]], None]


@dataclass(frozen=True)
class Fault:
    """A class of fault.

    Attributes:
        name: What the issue calls it.
        faulty: The devices that have it.
        sound: Those next to them, which have to get the release.
        image: What is special about the image of the rolling release.
        older: What is special about those of the others.
        policy: What is special about the rollout.
        referee: What the referee has to know.
        prepare: What else is to be done before the simulation.
        reached: Whether devices with the fault may get offers; None if they need not.
    """

    name: str
    faulty: Kind
    sound: Kind = SOUND
    image: Mapping[str, Any] = field(default_factory=dict)
    older: Mapping[str, Any] = field(default_factory=dict)
    policy: Mapping[str, str] = field(default_factory=dict)
    referee: Mapping[str, Any] = field(default_factory=dict)
    prepare: Prepare = lambda simulation, referee, numbers: None
    reached: bool = False


def of_another_chip(run: Simulation, referee: Referee, numbers: list[int]) -> None:
    """Lets them report the digest of a release for the board that they really are."""
    reports = run.population.reports
    for number in numbers:
        reports[number] = reports[number]._replace(sketch_md5=reported_md5("1.0.0", "c3dev"))


def withdraw(run: Simulation, referee: Referee, numbers: list[int]) -> None:
    """Withdraws the rolling release eight hours after the start."""

    def on_tick(server: InProcess, now: Moment) -> None:
        if now.at >= START_AT + run.start_s + 8 * HOUR_S and not referee.withdrawn:
            referee.withdrawn.add(ROLLING)
            *others, rolling = server.targets.releases
            server.targets = Targets((*others, with_fields(rolling, withdrawn="withdrawn")))

    run._on_tick = on_tick


def pin(run: Simulation, referee: Referee, numbers: list[int]) -> None:
    """Pins devices to what they run, and holds every third of them."""
    pins = {number: "" if number % 3 == 0 else "1.0.0" for number in numbers}
    referee.pinned.update(pins)

    def on_tick(server: InProcess, now: Moment) -> None:
        for number in numbers:
            device = server.devices[f"{PRODUCT}/{run.population.reports[number].mac}"]
            device.hold = not pins[number]
            device.pin = Pin(pins[number]) if pins[number] else None
        run._on_tick = None

    run._on_tick = on_tick


GZIP = Compressed(size=200_000, md5="0" * 32, sha256="0" * 64)
FAULTS = (
    Fault(
        "wrong chip",
        replace(FAULTY, board="esp32dev", chip="esp32c3"),
        ESP32,
        prepare=of_another_chip,
    ),
    Fault("too big", replace(FAULTY, free_space=SIZE - 1)),
    Fault("wrong family", replace(FAULTY, chip="esp32")),
    Fault("downgrade", replace(FAULTY, runs="3.0.0")),
    Fault("loop", replace(FAULTY, rolls_back=100), reached=True),
    Fault("unknown board", replace(FAULTY, board="unknown")),
    Fault("lying version", replace(FAULTY, claims="9.9.9")),
    Fault("stale digest", replace(FAULTY, lies=100), reached=True),
    Fault("withdrawn", FAULTY, prepare=withdraw, reached=True),
    Fault("pinned", FAULTY, prepare=pin),
    Fault("out of window", FAULTY, policy={"window": "02:00-05:00"}, reached=True),
    Fault("out of ring", FAULTY, policy={"stages": "5%,20%,60%", "soak": "9h"}, reached=True),
    Fault(
        "requires not met",
        FAULTY,
        replace(SOUND, runs="1.5.0"),
        image={"requires": ">=1.5.0"},
        referee={"least": "1.5.0"},
    ),
    Fault(
        "a form it cannot take",
        replace(FAULTY, free_space=SIZE - 1),
        # Its bootloader inflates, so it may get the gzip.
        replace(SOUND, runs="1.5.0", free_space=2 * SIZE),
        image={"compressed": GZIP},
        older={"provenance": {"core": "2.6.3"}},
        referee={"inflating": frozenset({"1.5.0"})},
    ),
)


def with_fields(release: Release, **fields: Any) -> Release:
    images = tuple(replace(image, **fields) for image in release.images)
    return replace(release, images=images)


def releases_for(fault: Fault) -> tuple[Release, ...]:
    """Returns releases with the image that a class of fault is about; the rolling one is last."""
    kinds: Iterable[Kind] = (fault.sound, Kind(board="c3dev", chip="esp32c3"))
    older = [
        with_fields(made("1.0.0", kinds, SIZE, {CHANNEL: 1}), **fault.older),
        made("1.5.0", kinds, SIZE, {"beta": 2}),
        made("3.0.0", kinds, SIZE, {"beta": 3}),
    ]
    if fault.image.get("compressed"):
        older[1] = with_fields(older[1], provenance={"core": "3.1.2"}, flash_mode="dio")
    return (*older, with_fields(made(ROLLING, kinds, SIZE, {}), **fault.image))


def play(fault: Fault) -> tuple[Simulation, Referee, list[int]]:
    """Plays a class of fault; returns the devices that have it, too."""
    referee = Referee(**fault.referee)
    options = {"stages": "10%,50%,100%", "soak": "6h", "halt": NEVER, **fault.policy}
    run = simulation(
        profile(replace(fault.faulty, share=1), replace(fault.sound, share=1), lasts=5 * DAY_S),
        releases=releases_for(fault),
        on_offer=referee,
        **options,
    )
    referee.simulation = run
    faulty = [number for number, kind in enumerate(run.population.kinds) if kind.name == "faulty"]
    fault.prepare(run, referee, faulty)
    run.run()
    return run, referee, faulty


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_nobody_gets_an_offer_that_does_not_fit(fault: Fault) -> None:
    run, referee, faulty = play(fault)
    offers = referee.offers + referee.others
    to_faulty = sum(offers[number] for number in faulty)
    row(fault.name, f"{run.result.checks:,}", f"{offers.total():,}", len(referee.unfit))
    assert referee.unfit == []
    assert len(faulty) == DEVICES // 2
    assert bool(to_faulty) == fault.reached
    # It is the fault that keeps them from it.
    assert offers.total() - to_faulty > DEVICES // 20


def test_there_are_fourteen_classes() -> None:
    assert len({fault.name for fault in FAULTS}) == 14


def test_a_device_that_never_comes_back_with_it_is_boxed_outside_a_rollout() -> None:
    fault = Fault("loop", replace(FAULTY, rolls_back=100))
    *older, rolling = releases_for(fault)
    referee = Referee()
    run = simulation(
        profile(fault.faulty, known_for=10 * DAY_S, lasts=HOUR_S),
        devices=DEVICES // 10,
        releases=(*older, with_fields(rolling, channels={CHANNEL: 4})),
        on_offer=referee,
    )
    referee.simulation = run
    run.run()
    # Three at once, then after one day, two and four more.
    assert set(referee.others.values()) <= {5, 6}
    assert len(referee.others) == len(run.population)
