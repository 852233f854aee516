"""Who may ask how a server is, and what it answers."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from acpublish.server import answer, status_routes
from acpublish.server.answer import Answer, Request
from acpublish.server.cache import AnswerCache
from acpublish.server.measured import Measured
from acpublish.server.status_routes import StatusRoutes
from acpublish.server.tokens import Tokens
from tests.support.tokens import create_token
from tests.unit.server.requests_made import request

HERE = [(b"host", b"localhost:8000")]


class Watched:
    """A server that is asked how it is."""

    def __init__(self, tmp: Path, *, proxied: bool = False) -> None:
        self.root, self.state = tmp / "catalog", tmp / "state"
        self.root.mkdir()
        self.proxied = proxied
        self.fleet: Any = SimpleNamespace(store_trouble="")

    def ask(
        self,
        target: bytes,
        headers: list[tuple[bytes, bytes]] | None = None,
        address: str = "127.0.0.1",
    ) -> tuple[int, bytes]:
        made = request(target, headers=headers if headers is not None else HERE, address=address)

        async def main() -> tuple[int, bytes]:
            given = await answer.answered(self.routes().of(target, from_catalog)(made))  # type: ignore[misc]
            return given.status, cast(bytes, given.body)

        return asyncio.run(main())

    def routes(self) -> StatusRoutes:
        metrics: Any = SimpleNamespace(text=lambda: b"metric 1\n")
        return StatusRoutes(
            *(self.root, Measured(), metrics, Tokens(self.state), AnswerCache(), self.fleet),
            proxied=self.proxied,
        )


def from_catalog(_: Request) -> Answer:
    return answer.text(200, "a file")


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    # Also on a busy machine.
    monkeypatch.setattr(status_routes, "_GLANCE_S", 20.0)
    monkeypatch.setattr(status_routes, "_PATIENCE_S", 20.0)


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


@pytest.mark.parametrize(
    "path", [b"/", b"/metrics/", b"/metric", b"/healthz/x", b"/METRICS", b"/_"]
)
def test_other_addresses_are_not_theirs(watched: Watched, path: bytes) -> None:
    assert watched.routes().of(path, from_catalog) is None


@pytest.mark.parametrize("name", ["metrics", "healthz", "readyz"])
def test_a_file_of_the_catalog_takes_precedence(watched: Watched, name: str) -> None:
    path = f"/{name}".encode()
    assert watched.ask(path)[1] != b"a file\n"
    (watched.root / name).write_bytes(b"x")
    assert watched.ask(path) == (200, b"a file\n")
    (watched.root / name).unlink()
    # A folder has no bytes to send, so its name is free.
    (watched.root / name).mkdir()
    assert watched.ask(path)[1] != b"a file\n"


def test_whoever_asks_hears_that_the_process_answers(watched: Watched) -> None:
    watched.root.rmdir()
    watched.fleet.store_trouble = "it is full"
    assert watched.ask(b"/healthz", [], "192.0.2.7") == (200, b"ok\n")


def test_ready_while_catalog_and_store_are_there(watched: Watched) -> None:
    assert watched.ask(b"/readyz", [], "192.0.2.7") == (200, b"ready\n")
    watched.fleet.store_trouble = "/srv/secret is full"
    status, body = watched.ask(b"/readyz")
    assert (status, body) == (503, b"The fleet's store cannot be read or written.\n")
    watched.fleet.store_trouble = ""
    watched.root.rmdir()
    assert watched.ask(b"/readyz") == (503, b"The catalog cannot be read.\n")
    watched.fleet = None
    watched.root.mkdir()
    assert watched.ask(b"/readyz")[0] == 200


def test_a_disk_that_never_answers_takes_one_thread_and_not_the_event_loop(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on, looks = threading.Event(), []
    look = status_routes._look

    def hang(root: Path, addresses: frozenset[bytes]) -> object:
        looks.append(root)
        goes_on.wait(20)
        return look(root, addresses)

    monkeypatch.setattr(status_routes, "_look", hang)
    monkeypatch.setattr(status_routes, "_PATIENCE_S", 0.05)
    monkeypatch.setattr(status_routes, "_GLANCE_S", 0.05)
    monkeypatch.setattr(status_routes, "_LOOK_EVERY_S", 0.0)
    routes = watched.routes()
    (watched.root / "healthz").write_bytes(b"x")

    async def body(path: bytes) -> object:
        route = routes.of(path, from_catalog)
        assert route is not None
        return (await answer.answered(route(request(path)))).body

    async def main() -> None:
        assert [await body(b"/readyz") for _ in range(3)] == [b"The catalog does not answer.\n"] * 3
        assert await body(b"/healthz") == b"ok\n"
        assert len(looks) == 1
        goes_on.set()
        while await body(b"/readyz") != b"ready\n":
            pass
        assert await body(b"/healthz") == b"a file\n"
        goes_on.clear()
        # What takes precedence is remembered.
        await body(b"/readyz")
        assert await body(b"/healthz") == b"a file\n"
        goes_on.set()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("127.0.0.1", HERE),
        ("127.0.0.9", [(b"host", b"127.0.0.1:8000")]),
        ("::1", [(b"host", b"[::1]:8000")]),
        ("::ffff:127.0.0.1", [(b"host", b"localhost")]),
        ("127.0.0.1", []),
    ],
)
def test_this_machine_needs_no_token(
    watched: Watched, address: str, headers: list[tuple[bytes, bytes]]
) -> None:
    assert watched.ask(b"/metrics", headers, address) == (200, b"metric 1\n")


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("192.0.2.7", HERE),
        ("127.0.0.1", [(b"host", b"updates.example.com")]),
        ("127.0.0.1", [(b"host", b"192.0.2.1")]),
        ("127.0.0.1", [(b"host", b"local host")]),
        ("127.0.0.1", [*HERE, (b"x-forwarded-for", b"127.0.0.1")]),
        ("127.0.0.1", [*HERE, (b"forwarded", b"for=127.0.0.1")]),
        ("127.0.0.1", [*HERE, (b"via", b"1.1 proxy")]),
        ("127.0.0.1", [*HERE, (b"x-real-ip", b"127.0.0.1")]),
    ],
)
def test_everyone_else_needs_a_token_that_may_read(
    watched: Watched, address: str, headers: list[tuple[bytes, bytes]]
) -> None:
    status, body = watched.ask(b"/metrics", headers, address)
    assert (status, b"acpublish token create --read" in body) == (401, True)
    token = create_token(watched.state, read=True)
    publishes = create_token(watched.state, "*")
    manages = create_token(watched.state, manage=True)

    def status_with(text: str) -> int:
        bearer = (b"authorization", f"Bearer {text}".encode())
        return watched.ask(b"/metrics", [*headers, bearer], address)[0]

    assert [status_with(text) for text in (token, manages, publishes, "acp_wrong")] == [
        *(200, 200, 403, 401)
    ]
    assert watched.ask(b"/metrics", headers, address)[0] == 401


def test_a_wrong_token_is_wrong_also_from_here(watched: Watched) -> None:
    create_token(watched.state, read=True)
    assert watched.ask(b"/metrics", [*HERE, (b"authorization", b"Bearer acp_wrong")])[0] == 401


def test_a_server_with_a_proxy_has_no_loopback_of_its_own(tmp_path: Path) -> None:
    assert Watched(tmp_path, proxied=True).ask(b"/metrics")[0] == 401


def test_tokens_that_cannot_be_read_open_nothing(watched: Watched) -> None:
    watched.state.mkdir()
    (watched.state / "tokens.json").write_text("{")
    status, body = watched.ask(b"/metrics", HERE, "192.0.2.7")
    assert (status, body) == (503, b"The server cannot read its tokens.\n")
