"""Tokens over HTTP, without a socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from acpublish import atomic
from acpublish.server.token_file import FILE, Token, TokenStore
from acpublish.server.tokens import Refusal, Tokens
from tests.support.tokens import create_token
from tests.unit.server.in_memory import ask, make


class Manager:
    """Sends requests with a token of the scope manage."""

    def __init__(self, folder: Path) -> None:
        (folder / "catalog").mkdir()
        self.state = folder / "state"
        self.text = create_token(self.state, manage=True, name="admin")
        self.app = make(folder / "catalog")
        self.tokens = Tokens(self.state)

    def __call__(self, method: str, target: str, document: Any = None) -> tuple[int, Any]:
        headers = [(b"authorization", f"Bearer {self.text}".encode())]
        body = b"" if document is None else json.dumps(document).encode()
        status, answer = asyncio.run(
            ask(self.app, f"/api/v1/tokens{target}".encode(), headers, method=method, body=body)
        )
        return status, json.loads(answer)


@pytest.fixture
def manager(tmp_path: Path) -> Manager:
    return Manager(tmp_path)


def test_a_token_is_created_listed_and_revoked(
    manager: Manager, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    wanted = {"publish": "lamp*", "channels": ["dev"], "name": "ci", "expires_s": 3600}
    status, created = manager("POST", "", wanted)
    assert status == 201
    assert created["scopes"] == ["publish:lamp*"]
    assert created["replaces"] is None
    assert isinstance(manager.tokens.allowed(created["token"], "lamp", channel="dev"), Token)
    status, listed = manager("GET", "")
    assert status == 200
    admin, ci = listed["tokens"]
    assert admin["name"] == "admin"
    assert admin["last_used"] is not None
    assert {**ci, "token": created["token"], "replaces": None} == created
    secrets = (created["token"], manager.text)
    assert not any(text in json.dumps(listed) for text in secrets)
    status, revoked = manager("DELETE", f"/{ci['id']}")
    assert (status, revoked) == (200, ci)
    assert manager.tokens.allowed(created["token"], "lamp") is Refusal.WRONG
    assert f"token {admin['id']} created token {ci['id']}" in caplog.text
    assert f"token {admin['id']} revoked token {ci['id']}" in caplog.text
    assert not any(text in caplog.text for text in secrets)


def test_a_token_is_replaced_by_another(manager: Manager, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    old = create_token(manager.state, "lamp", name="ci")
    id_ = TokenStore(manager.state).all()[1].id
    status, created = manager("POST", f"/{id_}/rotate", {"grace_s": 3600})
    assert status == 201
    assert created["replaces"]["id"] == id_
    assert created["replaces"]["replaced_by"] == created["id"]
    for text in (old, created["token"]):
        assert isinstance(manager.tokens.allowed(text, "lamp"), Token)
    assert f"created token {created['id']} in place of {id_}" in caplog.text
    status, document = manager("POST", f"/{id_}/rotate", {"grace_s": 3600})
    assert (status, document["code"]) == (409, "conflict")


def test_a_manager_may_revoke_itself(manager: Manager) -> None:
    (admin,) = TokenStore(manager.state).all()
    assert manager("DELETE", f"/{admin.id}")[0] == 200
    assert manager("GET", "")[0] == 403


@pytest.mark.parametrize(
    ("method", "target", "document"),
    [
        ("POST", "", {"manage": True}),
        ("POST", "/{id}/rotate", {"grace_s": 0}),
        ("DELETE", "/{id}", None),
    ],
)
def test_a_token_that_is_revoked_while_it_waits_for_the_lock_changes_nothing(
    manager: Manager, method: str, target: str, document: Any
) -> None:
    create_token(manager.state, "lamp", name="ci")
    admin, ci = TokenStore(manager.state).all()
    answers: list[tuple[int, Any]] = []
    request = threading.Thread(
        target=lambda: answers.append(manager(method, target.format(id=ci.id), document))
    )
    with watched() as waits:
        with atomic.exclusive(manager.state):
            request.start()
            assert waits.wait(30)
            # As another process revokes it, which had the lock first.
            file = json.loads((manager.state / FILE).read_bytes())
            left = [token for token in file["tokens"] if token["id"] != admin.id]
            after = json.dumps({**file, "tokens": left}).encode()
            atomic.write(manager.state / FILE, after)
        request.join(30)
    ((status, refusal),) = answers
    assert status == 401, refusal
    assert (manager.state / FILE).read_bytes() == after


@contextlib.contextmanager
def watched() -> Iterator[threading.Event]:
    """Yields an event that is set when another thread waits for a lock."""
    waits, really = threading.Event(), atomic._wait_for_lock

    def wait(descriptor: int, directory: Path) -> None:
        if threading.current_thread() is not threading.main_thread():
            waits.set()
        really(descriptor, directory)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(atomic, "_wait_for_lock", wait)
        yield waits


@pytest.mark.parametrize(
    ("method", "target", "document", "status", "problem"),
    [
        ("POST", "", [], 400, "request is not an object"),
        ("POST", "", {}, 400, "would allow nothing"),
        ("POST", "", {"publish": "La mp"}, 400, "La mp"),
        ("POST", "", {"publish": "lamp", "chanel": "dev"}, 400, "is not a field"),
        ("POST", "", {"read": True, "name": "a" * 300_000}, 413, "longer than"),
        ("POST", "/{id}/rotate", {}, 400, "request.grace_s"),
        ("POST", "/{id}/rotate", {"grace_s": "1d"}, 400, "request.grace_s"),
        ("POST", "/{id}/rotate", {"grace_s": 9, "expires_s": 9}, 400, "'expires_s' is not a field"),
        ("POST", "/{id}/rotate", {"grace_s": 2**62}, 400, "a hundred years"),
        ("POST", "/nothing/rotate", {"grace_s": 0}, 404, "there is no token"),
        ("DELETE", "/nothing", None, 404, "there is no token"),
        ("DELETE", "", None, 405, "does not accept this method"),
        ("GET", "/{id}", None, 405, "does not accept this method"),
    ],
)
def test_what_is_not_valid_is_refused_and_changes_nothing(
    manager: Manager, method: str, target: str, document: Any, status: int, problem: str
) -> None:
    (admin,) = TokenStore(manager.state).all()
    before = (manager.state / FILE).read_bytes()
    answer, refusal = manager(method, target.format(id=admin.id), document)
    assert answer == status
    assert problem in refusal["error"]
    assert refusal["hint"]
    assert (manager.state / FILE).read_bytes() == before


def test_tokens_that_cannot_be_written_are_no_fault_of_the_client(
    manager: Manager, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: object, **more: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("acpublish.atomic.write", fail)
    status, document = manager("POST", "", {"read": True})
    assert (status, document["code"]) == (503, "tokens")
    assert str(manager.state) not in json.dumps(document)
    assert "cannot be written: no space left" in caplog.text
