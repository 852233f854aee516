from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.control.fleet_news import FleetNews
from acpublish.control.told import FILE, Told
from acpublish.fleet.fleet_events import FleetEvent
from acpublish.server import news_loop
from acpublish.server.news_loop import NewsLoop
from tests.unit.catalog.holding import put

TURNS = 2000


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(news_loop, "_LOOK_EVERY_S", 0.01)


class Server:
    """What a server has of the news."""

    def __init__(self, folder: Path) -> None:
        (folder / "catalog").mkdir(exist_ok=True)
        self.catalog, self.state = DirectoryCatalog(folder / "catalog"), folder / "state"
        self.events: list[FleetEvent] = []
        self.news = FleetNews(Told(self.state))
        self.news.listeners.append(self.events.append)
        self.loop = NewsLoop(self.catalog, self.news)

    def run(self, *steps: Callable[[], object]) -> None:
        """Runs the task, and between its turns each step until it returns something true."""

        async def running() -> None:
            task = asyncio.create_task(self.loop.run())
            try:
                for step in steps:
                    for _ in range(TURNS):
                        if step():
                            break
                        await asyncio.sleep(0.005)
                    else:
                        raise AssertionError(f"{step} never was so")
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                self.loop.close()

        asyncio.run(running())

    def looked(self) -> bool:
        return (self.state / FILE).exists()

    def versions(self) -> list[str]:
        return [event.data["version"] for event in self.events]


def test_what_another_process_publishes_is_told_once(tmp_path: Path) -> None:
    server = Server(tmp_path)
    put(server.catalog, "1.0.0")
    server.run(server.looked, lambda: put(tmp_path / "catalog", "1.1.0", seed=1), server.versions)
    assert server.versions() == ["1.1.0"]
    again = Server(tmp_path)
    put(again.catalog, "1.2.0", seed=2)
    again.run(again.versions)
    assert again.versions() == ["1.2.0"]


def test_nothing_counts_as_told_before_it_is_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = Server(tmp_path)
    server.run(server.looked)
    failures: list[str] = []

    def fail() -> None:
        failures.append("disk full")
        raise OSError(28, "No space left on device")

    server = Server(tmp_path)
    server.loop.keepers.append(fail)
    put(server.catalog, "1.0.0")
    server.run(server.versions, lambda: len(failures) > 3)
    assert server.versions() == ["1.0.0"]
    assert caplog.text.count("what was reported cannot be written down") == 1
    again = Server(tmp_path)
    again.run(again.versions)
    assert again.events[0].id == server.events[0].id


def test_a_fault_is_logged_and_the_task_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server = Server(tmp_path)
    looks = iter([ZeroDivisionError("a fault")])
    real = news_loop.catalog_news

    def look(*args: object) -> object:
        for error in looks:
            raise error
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(news_loop, "catalog_news", look)
    server.run(server.looked)
    assert "the catalog's news cannot be read" in caplog.text


def test_nobody_who_listens_later_is_told_what_is_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(news_loop, "_LOOK_EVERY_S", 3_600.0)
    monkeypatch.setattr(news_loop, "_IDLE_LOOK_S", 0.01)
    server = Server(tmp_path)
    server.news.listeners.clear()
    told = server.news.told

    def listen() -> bool:
        monkeypatch.setattr(news_loop, "_LOOK_EVERY_S", 0.01)
        server.news.listeners.append(server.events.append)
        return True

    server.run(
        server.looked,
        lambda: put(server.catalog, "1.0.0"),
        lambda: told.products == {"lamp": 1},
        listen,
        lambda: put(server.catalog, "1.1.0", seed=1),
        server.versions,
    )
    assert server.versions() == ["1.1.0"]
