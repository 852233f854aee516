"""Deadlines: who is late is called once, and nobody else is."""

from __future__ import annotations

import asyncio

import pytest

from acpublish.server import deadlines
from acpublish.server.deadlines import Deadlines


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "TICK_S", 0.005)


class Waiting:
    """Who has to be in time, and says so when it is not."""

    def __init__(self, name: str, said: list[str]) -> None:
        self._name = name
        self._said = said

    def too_slow(self) -> None:
        self._said.append(self._name)


async def _late(waits: dict[str, float], discarded: str = "") -> list[str]:
    said: list[str] = []
    waiting = {name: Waiting(name, said) for name in waits}
    ours = Deadlines(asyncio.get_running_loop())
    for name, wait_s in waits.items():
        ours.add(waiting[name], wait_s)
    if discarded:
        ours.discard(waiting[discarded])
    await asyncio.sleep(0.05)
    return said


def test_who_is_late_is_called_once() -> None:
    assert asyncio.run(_late({"late": 0.01, "in time": 60.0})) == ["late"]


def test_one_that_fails_does_not_end_the_deadlines_of_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Failing:
        def too_slow(self) -> None:
            raise ZeroDivisionError

    async def main() -> list[str]:
        said: list[str] = []
        ours = Deadlines(asyncio.get_running_loop())
        ours.add(Failing(), 0.01)
        ours.add(Waiting("later", said), 0.03)
        await asyncio.sleep(0.1)
        return said

    assert asyncio.run(main()) == ["later"]
    assert "could not be ended" in caplog.text


def test_who_is_discarded_is_not_called() -> None:
    assert asyncio.run(_late({"one": 0.01, "two": 0.01}, discarded="one")) == ["two"]


def test_adding_again_does_not_put_the_end_off() -> None:
    async def again() -> list[str]:
        said: list[str] = []
        ours, late = Deadlines(asyncio.get_running_loop()), Waiting("late", said)
        ours.add(late, 0.01)
        ours.add(late, 60.0)
        await asyncio.sleep(0.05)
        return said

    assert asyncio.run(again()) == ["late"]


def test_all_deadlines_of_a_loop_share_one_timer() -> None:
    async def timers() -> tuple[int, int]:
        loop = asyncio.get_running_loop()
        ours, said = Deadlines(loop), list[str]()
        for number in range(100):
            ours.add(Waiting(str(number), said), 0.01)
        first = len(loop._scheduled)  # type: ignore[attr-defined]
        while len(said) < 100:
            await asyncio.sleep(0.01)
        # Nobody waits, so nothing ticks and no reference is left to the loop.
        return first, len([timer for timer in loop._scheduled if not timer.cancelled()])  # type: ignore[attr-defined]

    assert asyncio.run(timers()) == (1, 0)


def test_whoever_is_late_may_set_the_next_deadline() -> None:
    async def again() -> int:
        ours, said = Deadlines(asyncio.get_running_loop()), list[str]()

        class Again(Waiting):
            def too_slow(self) -> None:
                super().too_slow()
                if len(said) < 3:
                    ours.add(self, 0.001)

        ours.add(Again("late", said), 0.001)
        await asyncio.sleep(0.1)
        return len(said)

    assert asyncio.run(again()) == 3
