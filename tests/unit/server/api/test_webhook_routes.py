"""Webhooks over HTTP, without a socket."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from acpublish.fleet.fleet_events import HALTED, FleetEvent
from acpublish.notices.webhook_file import FILE, WebhookFile
from acpublish.notices.webhook_queue import WebhookQueue, queue_path
from tests.support.receiver import Receiver, receiving
from tests.support.tokens import create_token
from tests.unit.server.in_memory import ask, make


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


class Manager:
    """Sends requests with a token of the scope manage, or with another one."""

    def __init__(self, folder: Path) -> None:
        (folder / "catalog").mkdir()
        self.state = folder / "state"
        self.text = create_token(self.state, manage=True, name="admin")
        self.reader = create_token(self.state, read=True)
        self.app = make(folder / "catalog")

    def __call__(
        self, method: str, target: str, document: Any = None, token: str | None = None
    ) -> tuple[int, Any]:
        text = self.text if token is None else token
        headers = [(b"authorization", f"Bearer {text}".encode())] if text else []
        body = b"" if document is None else json.dumps(document).encode()
        status, answer = asyncio.run(
            ask(self.app, f"/api/v1{target}".encode(), headers, method=method, body=body)
        )
        return status, json.loads(answer)


@pytest.fixture
def manager(tmp_path: Path) -> Manager:
    return Manager(tmp_path)


def test_a_webhook_is_added_listed_tested_and_removed(
    manager: Manager, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    url = receiver.url.replace("://", "://user:hunter2@")
    status, added = manager("POST", "/webhooks", {"url": f"{url}/x", "events": ["halted"]})
    assert status == 201
    secret = added.pop("secret")
    assert manager("GET", "/webhooks") == (200, {"webhooks": [added]})
    assert added["url"] == receiver.url.replace("://", "://***@") + "/x"
    assert added["events"] == ["halted"]
    id_ = added["id"]
    assert manager("POST", f"/webhooks/{id_}/test") == (
        200,
        {"id": id_, "delivered": True, "error": ""},
    )
    assert manager("DELETE", f"/webhooks/{id_}")[0] == 200
    assert manager("GET", "/webhooks") == (200, {"webhooks": []})
    assert f"added webhook {id_} (127.0.0.1" in caplog.text
    assert f"removed webhook {id_}" in caplog.text
    assert secret not in caplog.text
    assert "hunter" not in caplog.text


def test_what_could_not_be_delivered_is_listed_and_tried_again(manager: Manager) -> None:
    _, added = manager("POST", "/webhooks", {"url": "https://ntfy.sh/topic", "format": "ntfy"})
    queue = WebhookQueue(queue_path(manager.state, added["id"]))
    queue.disable("gone")
    queue.add(FleetEvent(HALTED, 5.0, "lamp", {"rollout": "lamp-5"}), 5.0)
    queue.write()
    status, document = manager("GET", "/undelivered")
    assert status == 200
    assert [entry["event"] for entry in document["undelivered"]] == ["halted"]
    status, webhook = manager("POST", f"/webhooks/{added['id']}/retry")
    assert (status, webhook["disabled"]) == (200, "gone")
    assert WebhookFile(manager.state).find(added["id"]).again


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/webhooks"),
        ("POST", "/webhooks"),
        ("DELETE", "/webhooks/x"),
        ("POST", "/webhooks/x/test"),
        ("POST", "/webhooks/x/retry"),
        ("GET", "/undelivered"),
    ],
)
def test_only_managers_may(manager: Manager, method: str, target: str) -> None:
    assert manager(method, target, token="")[0] == 401
    assert manager(method, target, token=manager.reader)[0] == 403
    assert not (manager.state / FILE).exists()


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ([], "request is not an object"),
        ({}, "request.url is not of type str"),
        ({"url": "http://a\nb/"}, "is not a URL that webhooks can be sent to"),
        ({"url": "http://a/", "events": "halted"}, "request.events is not of type list"),
        ({"url": "http://a/", "events": [{"a": 1}]}, "is not a kind of event"),
        ({"url": "http://a/", "format": "slack"}, "'slack' is not a format of webhooks"),
        ({"url": "http://a/", "secret": "x"}, "secret"),
    ],
)
def test_what_is_not_valid_is_one_line(manager: Manager, document: Any, problem: str) -> None:
    status, answer = manager("POST", "/webhooks", document)
    assert status == 400
    assert problem in answer["error"]
    assert not (manager.state / FILE).exists()


def test_a_damaged_file_shows_no_path(manager: Manager) -> None:
    (manager.state / FILE).write_text("{")
    status, answer = manager("GET", "/webhooks")
    assert (status, answer["code"]) == (503, "webhooks")
    assert str(manager.state) not in json.dumps(answer)
