"""A walk that rests."""

from __future__ import annotations

from itertools import count

import pytest

from acpublish.control import pacing
from acpublish.control.pacing import REST_S, WORK_S, paced


class Clock:
    """A clock of which each look takes a tenth of the time to work, and that sleeps."""

    def __init__(self) -> None:
        self.now, self.slept = 0.0, 0.0

    def monotonic(self) -> float:
        self.now += WORK_S / 10
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    own = Clock()
    monkeypatch.setattr(pacing, "time", own)
    return own


def test_it_rests_four_fifths_of_the_time(clock: Clock) -> None:
    walked = list(paced(range(100_000)))
    assert walked == list(range(100_000))
    assert 0.75 < clock.slept / clock.now < 0.85


def test_a_short_walk_does_not_rest(clock: Clock) -> None:
    assert list(paced(range(100))) == list(range(100))
    assert clock.slept == 0


def test_it_takes_items_one_by_one(clock: Clock) -> None:
    walk = paced(count())
    assert [next(walk) for _ in range(3)] == [0, 1, 2]
    assert clock.slept < REST_S
