"""Devices over HTTP: who changed what is logged, and what the server cannot do is said."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from acpublish.errors import StoreError
from acpublish.server.api.authority import NOTE
from acpublish.server.fleet_updates import FleetUpdates
from tests.support.tokens import create_token
from tests.unit.control.asking import Asking, mac
from tests.unit.server.in_memory import ask, make

DEVICE = f"/api/v1/fleet/devices/lamp%2F{mac(1)}"


class Served:
    """A fleet behind the whole application."""

    def __init__(self, folder: Path) -> None:
        self.fleet = Asking(folder)
        self.fleet.put("1.0.0")
        self.fleet.ask(1)
        self.token = create_token(folder / "state", manage=True)
        self.app = make(
            self.fleet.catalog.root, fleet=FleetUpdates(self.fleet.serving, lambda: None)
        )
        self.note = ""

    def send(self, method: str, target: str, body: Any = None) -> tuple[int, Any]:
        data = b"" if body is None else json.dumps(body).encode()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await self.app(scope, receive, send)
            self.note = scope.get(NOTE, "")

        headers = [(b"authorization", f"Bearer {self.token}".encode())]
        status, answer = asyncio.run(ask(app, target.encode(), headers, method=method, body=data))
        return status, json.loads(answer)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    with served.fleet.stored():
        yield served


def test_the_log_says_who_changed_what_but_no_note_of_a_person(served: Served) -> None:
    assert served.send("POST", DEVICE, {"name": "kitchen", "note": "my secret"})[0] == 200
    assert served.note.startswith("token ")
    assert served.note.endswith(f"; changed name, note of lamp/{mac(1)}")
    served.send("POST", f"{DEVICE}/retry")
    assert served.note.endswith(f"; lamp/{mac(1)} had not failed")
    served.send("POST", "/api/v1/fleet/retry-flagged")
    assert served.note.endswith("; 0 devices may try again")
    served.send("DELETE", DEVICE)
    assert served.note.endswith(f"; forgot lamp/{mac(1)}")


def test_a_store_that_does_not_write_is_said_and_nothing_is_changed(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed: Future[None] = Future()
    failed.set_exception(StoreError("/srv/fleet.db cannot be written", hint="Free some space."))
    assert served.fleet.state.store is not None
    monkeypatch.setattr(served.fleet.state.store, "keep", lambda *_: failed)
    status, document = served.send("POST", DEVICE, {"name": "kitchen"})
    assert (status, document["code"]) == (503, "store")
    assert "nothing was changed" in document["error"]
    assert "/srv" not in json.dumps(document)
    assert served.send("GET", DEVICE)[1]["name"] == ""


@pytest.mark.parametrize(
    "ref",
    [f"lamp%2f{mac(1)}", mac(1), mac(1).replace(":", "").upper(), "K%C3%BCche%20%2F%20%3F%23"],
)
def test_every_spelling_of_a_device_in_an_address(served: Served, ref: str) -> None:
    served.send("POST", DEVICE, {"name": "Küche / ?#"})
    assert served.send("GET", f"/api/v1/fleet/devices/{ref}")[1]["id"] == f"lamp/{mac(1)}"
    status, document = served.send("GET", f"/api/v1/fleet/devices/{ref}/explanation")
    assert (status, document["verdict"]) == (200, "up-to-date")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/api/v1/fleet/devices/%ff%00%0a", 404),
        ("/api/v1/fleet/devices/" + "x" * 5000, 404),
        ("/api/v1/fleet/devices/a/b/c", 404),
        ("/api/v1/fleet/devices/", 404),
        ("/api/v1/fleet/devices?limit=1001", 400),
        ("/api/v1/fleet/devices?limit=%D9%A1", 400),
        ("/api/v1/fleet/devices?not_seen_s=nan", 400),
        ("/api/v1/fleet/devices?not_seen_s=1e999", 400),
        ("/api/v1/fleet/devices?cursor=%ff" + "x" * 5000, 200),
        ("/api/v1/fleet/rollouts/%ff", 404),
        ("/api/v1/fleet/rollouts?limit=x", 400),
    ],
)
def test_an_address_that_makes_no_sense(served: Served, target: str, status: int) -> None:
    answered, document = served.send("GET", target)
    assert answered == status, document
    assert status == 200 or document["hint"]
