from __future__ import annotations

import asyncio

import pytest

from acpublish.server import deadlines
from acpublish.server.deadlines import Deadlines


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "TICK_S", 0.005)


async def _late(waits: dict[str, float], discarded: str = "") -> list[str]:
    said: list[str] = []
    calls = {name: lambda name=name: said.append(name) for name in waits}
    ours = Deadlines.of(asyncio.get_running_loop())
    for name, wait_s in waits.items():
        ours.add(calls[name], wait_s)
    if discarded:
        ours.discard(calls[discarded])
    await asyncio.sleep(0.05)
    return said


def test_who_is_late_is_called_once() -> None:
    assert asyncio.run(_late({"late": 0.01, "in time": 60.0})) == ["late"]


def test_who_is_discarded_is_not_called() -> None:
    assert asyncio.run(_late({"one": 0.01, "two": 0.01}, discarded="one")) == ["two"]


def test_adding_again_does_not_put_the_end_off() -> None:
    async def again() -> list[str]:
        said: list[str] = []
        ours = Deadlines.of(asyncio.get_running_loop())

        def late() -> None:
            said.append("late")

        ours.add(late, 0.01)
        ours.add(late, 60.0)
        await asyncio.sleep(0.05)
        return said

    assert asyncio.run(again()) == ["late"]


def test_nothing_is_kept_of_a_loop_without_deadlines() -> None:
    deadlines._LOOPS.clear()
    asyncio.run(_late({"late": 0.01}))
    assert not deadlines._LOOPS


def test_all_connections_of_a_loop_share_one() -> None:
    async def both() -> bool:
        loop = asyncio.get_running_loop()
        Deadlines.of(loop).add(print, 60.0)
        return Deadlines.of(loop) is Deadlines.of(loop)

    assert asyncio.run(both())
    deadlines._LOOPS.clear()
