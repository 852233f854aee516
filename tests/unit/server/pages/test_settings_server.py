"""How the server is, as its page says it: each state of the store, and what is wrong."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Any

import pytest

from acpublish.control.fleet_state import FleetState
from acpublish.server.pages.settings_server import TOPIC
from acpublish.server.tokens import Scope
from tests.unit.server.pages.settings_site import HOSTILE, manager, reader
from tests.unit.server.pages.visiting import application

PATH = "/_/settings"


class Store:
    away = ""


@pytest.mark.parametrize(
    ("set_up", "words"),
    [
        (lambda state: None, "none yet"),
        (lambda state: setattr(state, "store", Store()), ">open<"),
        (lambda state: setattr(state, "unread", "it is damaged"), "nobody is offered anything"),
        (lambda state: setattr(state, "turned_at", time.time()), "on time"),
        (lambda state: setattr(state, "turned_at", time.time() - 60), ">late<"),
        (lambda state: state.unreadable.add("x"), "policy of a rollout cannot be read"),
        (lambda state: setattr(state, "capacity", 0), "no room for further devices"),
    ],
)
def test_the_fleet(tmp_path: Path, set_up: Any, words: str) -> None:
    async def shown() -> str:
        app = application(tmp_path)
        app.site.state = FleetState()
        set_up(app.site.state)
        parts = await app.site.live.topics[TOPIC].parts("")
        page = (await (await manager(app)).get(PATH)).text
        assert words in parts["health"]
        return page

    assert words in asyncio.run(shown())


def test_a_store_that_is_away(tmp_path: Path) -> None:
    async def shown() -> str:
        app = application(tmp_path)
        app.site.state = FleetState()
        store = Store()
        store.away = "the disk is full"
        app.site.state.store = store  # type: ignore[assignment]
        return (await (await manager(app)).get(PATH)).text

    assert "cannot be written" in asyncio.run(shown())


def test_a_server_without_a_fleet(tmp_path: Path) -> None:
    async def shown() -> str:
        app = application(tmp_path)
        assert app.site.live.topics[TOPIC].needs is Scope.READ
        return (await (await manager(app)).get(PATH)).text

    page = asyncio.run(shown())
    assert ">off<" in page
    assert "Rollouts halted" not in page


def test_what_is_wrong_with_folders_and_tokens(tmp_path: Path) -> None:
    async def shown() -> str:
        app = application(tmp_path)
        browser = await reader(app)
        (tmp_path / "catalog/platformio.ini").touch()
        return (await browser.get(PATH)).text

    page = asyncio.run(shown())
    assert "looks like a project" in page
    assert "No token may manage" in page


def test_what_the_log_says_is_for_who_may_manage(tmp_path: Path) -> None:
    async def shown() -> None:
        app = application(tmp_path)
        record = logging.makeLogRecord(
            {
                "msg": "%s is gone%s",
                "args": ("/srv/x", HOSTILE),
                "levelno": 40,
                "levelname": "ERROR",
            }
        )
        app.site.problems.handle(record)
        app.site.problems.handle(record)
        page = (await (await manager(app)).get(PATH)).text
        assert "/srv/x is gone&#34;&gt;&lt;script" in page
        assert str(tmp_path / "catalog") in page
        page = (await (await reader(app)).get(PATH)).text
        assert "/srv/x" not in page

    asyncio.run(shown())
