"""What is looked up at most once in a millisecond, and at once after a change of our own."""

from __future__ import annotations

import pytest

from acpublish.server import lately
from acpublish.server.lately import FRESH_S, Lately


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(lately, "time", made)
    return made


def test_each_argument_is_looked_up_once_in_a_millisecond(clock: Clock) -> None:
    calls: list[tuple[object, ...]] = []
    look: Lately[int] = Lately(lambda *arguments: calls.append(arguments) or len(calls))
    assert [look("a"), look("a"), look("b"), look("a", "b"), look("a")] == [1, 1, 2, 3, 1]
    clock.now += FRESH_S * 0.9
    assert look("a") == 1
    # The time counts from the first lookup, so no value is older than a millisecond.
    clock.now += FRESH_S * 0.2
    assert look("a") == 4
    assert look("b") == 5
    assert look("a") == 4


def test_what_was_forgotten_is_looked_up_at_once(clock: Clock) -> None:
    calls: list[object] = []
    look: Lately[int] = Lately(lambda value: calls.append(value) or len(calls))
    assert look("a") == 1
    look.forget()
    assert look("a") == 2
    assert look("a") == 2


def test_an_error_is_not_remembered(clock: Clock) -> None:
    faults = [OSError("gone")]

    def look_up(value: int) -> int:
        if faults:
            raise faults.pop()
        return value

    look = Lately(look_up)
    with pytest.raises(OSError, match="gone"):
        look(1)
    assert look(1) == 1


def test_nothing_of_the_millisecond_before_is_kept(clock: Clock) -> None:
    """Strangers choose the arguments, so the memory is that of a millisecond."""
    look = Lately(lambda value: value)
    for number in range(100):
        look(number)
    assert len(look._values) == 100
    clock.now += 2 * FRESH_S
    look(0)
    assert len(look._values) == 1
