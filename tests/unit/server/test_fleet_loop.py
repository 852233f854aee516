from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from acpublish.control.following import Due
from acpublish.errors import CatalogError, StoreInUseError
from acpublish.fleet.rollout import halted
from acpublish.release.decision import Verdict
from acpublish.server import fleet_loop
from acpublish.server.answer import Answer, answered, text
from acpublish.server.fleet_loop import FleetLoop
from acpublish.store.database import path_of
from acpublish.store.stored import read
from tests.unit.fleet.making import mac
from tests.unit.server.fleet_catalog import Catalog
from tests.unit.store.making import opened, plain_device

TURNS = 2000


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_loop, "_TICK_S", 0.01)
    monkeypatch.setattr(fleet_loop, "_CATALOG_S", 0.02)
    monkeypatch.setattr(fleet_loop, "_AGAIN_S", 0.02)


def made(catalog: Catalog) -> FleetLoop:
    return FleetLoop(catalog.catalog, catalog.folder.parent / "state", 10)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog(tmp_path / "catalog")


def run(
    loop: FleetLoop, *steps: Callable[[], object], until: Callable[[], object] = lambda: True
) -> None:
    """Runs the task, and between its turns each step until it returns something true."""

    async def running() -> None:
        task = asyncio.create_task(loop.run())
        try:
            for step in (*steps, until):
                for _ in range(TURNS):
                    if step():
                        break
                    await asyncio.sleep(0.005)
                else:
                    raise AssertionError(f"{step} never was so")
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            loop.close()

    asyncio.run(running())


def test_nothing_is_made_before_a_device_asks(catalog: Catalog) -> None:
    loop = made(catalog)
    loop.open_existing()
    run(loop)
    assert not path_of(catalog.folder.parent / "state").parent.exists()


def test_a_server_that_ends_just_after_its_first_device_has_stored_it(catalog: Catalog) -> None:
    loop, state = made(catalog), catalog.folder.parent / "state"
    loop.open_existing()
    case = loop.updates.check_in(catalog.device(1), "lamp", "d1", "stable", catalog.snapshot())
    assert case is not None
    assert loop.state.store is None
    loop.close()
    assert read(state).devices.keys() == {f"lamp/{mac(1)}"}


def test_the_first_device_has_the_store_opened(catalog: Catalog) -> None:
    loop, state = made(catalog), catalog.folder.parent / "state"
    loop.open_existing()
    request = catalog.device(1)

    def asked() -> bool:
        case = loop.updates.check_in(request, "lamp", "d1", "stable", catalog.snapshot())
        return case is not None

    run(loop, asked, until=lambda: loop.state.store is not None)
    assert f"lamp/{mac(1)}" in read(state).devices
    assert read(state).listened_at > 0


def test_a_rollout_goes_from_the_catalog_to_its_end(catalog: Catalog) -> None:
    loop = made(catalog)
    offers: list[asyncio.Future[Answer]] = []

    def ask(version: str) -> bool:
        """Lets the device ask; returns whether it got the release."""
        request = catalog.device(1, version)
        case = loop.updates.check_in(request, "lamp", "d1", "stable", catalog.snapshot())
        assert case is not None
        if case.decision.verdict is not Verdict.OFFER:
            return False
        later = loop.updates.offer(case, "1.0.0", lambda: text(200, "x"))
        offers.append(asyncio.ensure_future(answered(later)))
        return True

    catalog.publish("1.1.0")
    assert catalog.snapshot().channels.rolling
    run(
        loop,
        lambda: ask("1.0.0"),
        lambda: not ask("1.1.0"),
        until=lambda: not catalog.snapshot().channels.rolling,
    )
    assert [str(change.action) for change in catalog.snapshot().channels.history][-1] == "settle"
    (rollout,) = loop.state.rollouts.values()
    assert rollout.state == "complete"
    assert [offer.result().status for offer in offers] == [200]


def test_a_halt_is_written_to_the_catalog(catalog: Catalog) -> None:
    loop = made(catalog)
    catalog.publish("1.1.0")

    def halt() -> bool:
        for live in loop.state.product("lamp").lives:
            reason = "1 device failed in stage 1: kitchen"
            live.rollout = halted(live.rollout, reason, loop.state.clock.now())
            loop.state.moved(live)
            return True
        return False

    def marked() -> list[str]:
        entries = catalog.snapshot().channels.rolling["stable"].values()
        return [entry.halted for entry in entries if entry.halted]

    run(loop, halt, until=marked)
    assert marked() == ["1 device failed in stage 1"]


def test_a_store_that_is_there_is_open_before_anybody_asks(catalog: Catalog) -> None:
    state = catalog.folder.parent / "state"
    with opened(state) as store:
        store.keep(plain_device(1, "kitchen"))
    loop = made(catalog)
    loop.open_existing()
    assert [device.name for device in loop.state.devices()] == ["kitchen"]
    other = made(catalog)
    with pytest.raises(StoreInUseError, match="is in use"):
        other.open_existing()
    loop.close()
    assert loop.state.store is None
    other.open_existing()
    other.close()


def test_a_damaged_store_is_tried_again_and_logged_once(
    catalog: Catalog, caplog: pytest.LogCaptureFixture
) -> None:
    state = catalog.folder.parent / "state"
    with opened(state) as store:
        store.keep(plain_device(1, "kitchen"))
    good = path_of(state).read_bytes()
    path_of(state).write_bytes(b"SQLite format 3\0" + b"\xff" * 20_000)
    loop = made(catalog)
    loop.open_existing()
    assert "the file is damaged" in loop.state.unread
    turns = 0

    def some_time() -> bool:
        nonlocal turns
        turns += 1
        return turns > 50

    def mended() -> bool:
        path_of(state).write_bytes(good)
        return True

    run(loop, some_time, mended, until=lambda: loop.state.store is not None)
    assert loop.state.unread == ""
    assert caplog.text.count("the file is damaged") == 1


def test_what_one_product_refuses_keeps_no_other_waiting(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loop = made(catalog)
    written: list[str] = []

    def write(change: Due) -> None:
        if change.product == "a":
            raise CatalogError("the disk is full", hint="Free some space.")
        written.append(change.product)

    def changes(_: object, product: str, __: object) -> list[Due]:
        return [Due("halt", product, "stable", "1.0.0", 1, "why")]

    monkeypatch.setattr(fleet_loop, "due", changes)
    monkeypatch.setattr(loop, "_write", write)
    snapshot = catalog.snapshot()
    asyncio.run(loop._write_due({"a": snapshot, "b": snapshot, "c": snapshot}))
    asyncio.run(loop._write_due({"a": snapshot}))
    assert written == ["b", "c"]
    assert caplog.text.count("the disk is full") == 1


def test_a_turn_that_fails_is_logged_and_the_next_one_comes(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loop = made(catalog)
    turns = 0

    def look() -> None:
        nonlocal turns
        turns += 1
        if turns == 1:
            raise ValueError("a mistake")

    monkeypatch.setattr(loop.state, "look_at_store", look)
    run(loop, until=lambda: turns > 3)
    assert caplog.text.count("the fleet's task failed") == 1


def test_what_devices_run_is_sampled(catalog: Catalog) -> None:
    folder = catalog.folder.parent / "state"
    with opened(folder) as store:
        store.keep(plain_device(1), plain_device(2)).result(20)
    loop = made(catalog)
    loop.open_existing()
    run(loop, lambda: loop.state.store is not None and loop.state.store.history.minutes)
    (sample,) = read(folder).samples
    assert sum(count.devices for count in sample.counts) == 2


def test_the_log_says_who_is_forgotten_and_that_there_is_no_room(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loop = made(catalog)
    monkeypatch.setattr(loop.state, "capacity", 40)
    for number in range(40):
        loop.updates.check_in(catalog.device(number), "lamp", "d1", "stable", catalog.snapshot())
    asyncio.run(loop._make_room())
    assert len(loop.state) == 38
    assert caplog.messages == [
        "to make room, devices that asked only once or not for long were forgotten: 2"
    ]
    caplog.clear()
    monkeypatch.setattr(loop.state, "capacity", 38)
    for device in loop.state.devices():
        device.name = "mine"
    asyncio.run(loop._make_room())
    assert caplog.messages == ["there are 38 devices, and no further one is remembered"]
