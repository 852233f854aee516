"""The rings: the same on every server, and no share that grows ever loses a device."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acpublish.fleet.known_device import Device, Pin
from acpublish.fleet.moments import HOUR_S
from acpublish.fleet.policy import MILLION, Policy, Stage
from acpublish.fleet.rings import (
    RINGS,
    below_share,
    first_of_each_board,
    first_reaching,
    ring_of,
)
from tests.unit.fleet.making import device, mac, moment, report

SHARES = st.integers(min_value=1, max_value=MILLION)
NUMBERS = st.lists(st.integers(min_value=0, max_value=2**31), min_size=1, max_size=60, unique=True)


def share(millionths: int) -> Stage:
    return Stage(f"{millionths}", "share", millionths)


def ring(made: Device) -> int:
    return ring_of("lamp", "r1", made.mac or "")


def test_a_ring_is_the_same_everywhere() -> None:
    # It decides who is a canary, also after an update of the server: these must never change.
    assert ring_of("lamp", "r1", "a4:cf:12:00:ab:01") == 4804133343087170934
    assert ring_of("lamp", "r2", "a4:cf:12:00:ab:01") != ring_of("lamp", "r1", "a4:cf:12:00:ab:01")
    assert ring_of("door", "r1", "a4:cf:12:00:ab:01") != ring_of("lamp", "r1", "a4:cf:12:00:ab:01")


@given(st.text(max_size=40), st.text(max_size=40), SHARES, SHARES)
def test_raising_a_share_only_ever_adds_devices(
    seed: str, address: str, first: int, second: int
) -> None:
    own = ring_of("lamp", seed.encode("utf-8", "replace").decode(), repr(address))
    assert 0 <= own < RINGS
    if below_share(own, share(min(first, second))):
        assert below_share(own, share(max(first, second)))
    assert below_share(own, share(MILLION))


def test_a_share_is_about_that_part_of_the_devices() -> None:
    rings = [ring_of("lamp", "r1", mac(number)) for number in range(10_000)]
    reached = sum(below_share(own, share(100_000)) for own in rings)
    assert 900 <= reached <= 1100


@given(NUMBERS, st.integers(min_value=1, max_value=20), st.randoms(use_true_random=False))
def test_those_chosen_by_number_come_first_whatever_the_order_of_the_devices(
    numbers: list[int], amount: int, chance: object
) -> None:
    devices = [device(number) for number in numbers]
    chosen = first_of_each_board(devices, amount, ring, 0.0, {})
    shuffled = list(devices)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert first_of_each_board(shuffled, amount, ring, 0.0, {}) == chosen
    assert len(chosen) == min(amount, len(devices))
    rings = {made.id: ring(made) for made in devices}
    highest = max(rings[key] for key in chosen)
    assert all(rings[made.id] > highest for made in devices if made.id not in chosen)
    # So they lie in every share that reaches at least as many.
    below = [key for key, own in rings.items() if below_share(own, share(500_000))]
    if len(below) >= len(chosen):
        assert set(chosen) <= set(below)


@given(NUMBERS, st.lists(st.sampled_from(["1%", "5%", "30%", "80%", "100%"]), unique=True))
def test_each_stage_reaches_what_those_before_it_reach(
    numbers: list[int], shares: list[str]
) -> None:
    texts = ["2", *sorted(shares, key=lambda text: int(text[:-1]))]
    stages = Policy.parse(",".join(texts)).stages
    devices = [device(number) for number in numbers]
    chosen = dict.fromkeys(first_of_each_board(devices, 2, ring, 0.0, {}), 0)
    for made in devices:
        first = None
        for last in range(len(stages)):
            reached = first_reaching(stages, last, made, "r1", chosen)
            if first is not None:
                assert reached == first
            first = reached
        if stages[-1].everybody:
            assert first is not None


def test_a_number_counts_for_each_board() -> None:
    devices = [device(number, board=f"b{number % 3}") for number in range(30)]
    chosen = first_of_each_board(devices, 2, ring, 0.0, {})
    boards = {made.id: made.board for made in devices}
    assert sorted(boards[key] for key in chosen) == ["b0", "b0", "b1", "b1", "b2", "b2"]
    taken = {"b0": 1, "b1": 2, "b2": 5}
    again = first_of_each_board(devices, 2, ring, 0.0, taken)
    assert [boards[key] for key in again] == ["b0"]


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(device(pin=Pin("1.0.0")), id="pinned"),
        pytest.param(device(hold=True), id="held"),
        pytest.param(device(said=report(number=None)), id="no MAC address"),
        pytest.param(device(seen=-3), id="not seen lately"),
        pytest.param(device(seen=-49, gaps=(24 * HOUR_S,) * 3), id="not seen for two days"),
    ],
)
def test_those_that_may_not_or_are_not_there_are_not_chosen(made: Device) -> None:
    others = [device(2), device(3)]
    chosen = first_of_each_board([made, *others], 9, ring, moment().heard, {})
    assert sorted(chosen) == sorted(other.id for other in others)


@pytest.mark.parametrize(
    ("stages", "last", "made", "expected"),
    [
        ("tag:a,100%", 0, device(tags=frozenset({"a"})), 0),
        ("tag:a,100%", 0, device(tags=frozenset({"b"})), None),
        ("tag:a,group:g,100%", 1, device(groups=frozenset({"g"})), 1),
        ("tag:a,group:g,100%", 0, device(groups=frozenset({"g"})), None),
        ("tag:a,100%", 1, device(), 1),
        ("100%", 0, device(hold=True), None),
        ("100%", 0, device(pin=Pin("1.0.0")), None),
        ("1,100%", 1, device(said=report(number=None)), 1),
        ("50%,100%", 0, device(said=report(number=None)), None),
        ("tag:a,50%", 1, device(said=report(number=None), tags=frozenset({"a"})), None),
        ("5", 0, device(), None),
    ],
)
def test_who_is_in_a_stage(stages: str, last: int, made: Device, expected: int | None) -> None:
    assert first_reaching(Policy.parse(stages).stages, last, made, "r1", {}) == expected


def test_a_choice_counts_from_its_stage_on() -> None:
    stages = Policy.parse("1,5").stages
    made = device()
    assert first_reaching(stages, 0, made, "r1", {made.id: 1}) is None
    assert first_reaching(stages, 1, made, "r1", {made.id: 1}) == 1
