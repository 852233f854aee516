"""Changes over HTTP: what is sent, how often, and what each response means."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from acpublish.client.remote import RemoteCatalog
from acpublish.client.retry import Patience
from acpublish.errors import (
    AcpublishError,
    AuthenticationError,
    ConflictError,
    NotFoundError,
    RefusedError,
    UnreachableError,
)
from acpublish.release import names
from acpublish.release.change_request import ChangeRequest
from acpublish.release.version import Version
from tests.unit.client.scripted import Script, head, json_answer, scripted

QUICK = Patience(attempts=2, first_wait_s=0.02, total_s=3.0)
MOVE = {"channel": "beta", "board": "d1", "kind": "firmware", "from": None, "to": "1.0.0"}
CHANGE = {
    "serial": 7,
    "action": "promote",
    "at": "2026-06-01T00:00:00Z",
    "by": "ab12",
    "why": "",
    "version": "1.0.0",
    "channel": "beta",
    "images": [{"board": "d1", "kind": "firmware"}],
    "moves": [MOVE],
}
CHANGED: dict[str, Any] = {
    "serial": 7,
    "change": CHANGE,
    "applied": True,
    "notes": [],
    "ordered_back": [],
    "freed": [],
    "devices": None,
}
POINTER = {"version": "1.0.0", "serial": 7, "at": "2026-06-01T00:00:00Z", "by": "", "why": ""}
PROMOTION = ChangeRequest(
    action="promote", version=Version.parse("1.0.0"), channel=names.channel("beta")
)
ROLLBACK = ChangeRequest(action="rollback", channel=names.channel("beta"))


def catalog(url: str, token: str | None = "acp-token-1234") -> RemoteCatalog:
    return RemoteCatalog(url, token, timeout_s=1.0, patience=QUICK)


def answer(document: Any = CHANGED, status: str = "200 OK") -> Script:
    return json_answer(json.dumps(document), status)


def refused(status: str, error: str, hint: str = "Do so.") -> Script:
    return answer({"error": error, "hint": hint, "code": "x"}, status)


def sent(request: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(request.partition(b"\r\n\r\n")[2])
    return document


def test_a_change_is_one_request_with_the_token() -> None:
    with scripted(answer()) as server:
        changed = catalog(server.url).changes.make("lamp", PROMOTION)
        (request,) = server.requests
    head_ = request.partition(b"\r\n\r\n")[0].decode()
    assert head_.startswith("POST /api/v1/products/lamp/changes HTTP/1.1\r\n")
    assert "\r\nAuthorization: Bearer acp-token-1234" in head_
    assert "\r\nContent-Type: application/json" in head_
    assert ChangeRequest.from_dict(sent(request)) == PROMOTION
    assert changed.applied
    assert changed.change is not None
    assert [str(move.after) for move in changed.change.moves] == ["1.0.0"]


def test_a_lost_response_never_leads_to_a_second_rollback() -> None:
    """A second one would go one release further back."""
    conflict = refused("409 Conflict", "another change was made meanwhile: rollback by ab12")
    with scripted(answer({**CHANGED, "applied": False, "serial": 6}), [], conflict) as server:
        with pytest.raises(ConflictError, match="made meanwhile: rollback by ab12"):
            catalog(server.url).changes.make("lamp", ROLLBACK)
        plan, *attempts = map(sent, server.requests)
    assert (plan["apply"], plan["serial"]) == (False, None)
    assert [(one["apply"], one["serial"]) for one in attempts] == [(True, 6), (True, 6)]


def test_a_plan_or_a_known_state_needs_no_other_request() -> None:
    for request in (replace(ROLLBACK, apply=False), replace(ROLLBACK, serial=6), PROMOTION):
        with scripted(answer()) as server:
            catalog(server.url).changes.make("lamp", request)
            assert len(server.requests) == 1


def test_whoever_hears_nothing_is_told_where_to_look() -> None:
    with scripted([]) as server, pytest.raises(UnreachableError) as caught:
        catalog(server.url).changes.make("lamp", PROMOTION)
    assert caught.value.hint.endswith("Whether the change was made: acpublish history lamp.")
    plan = replace(PROMOTION, apply=False)
    with scripted([]) as server, pytest.raises(UnreachableError) as caught:
        catalog(server.url).changes.make("lamp", plan)
    assert "history" not in caught.value.hint


@pytest.mark.parametrize(("request_", "scope"), [(PROMOTION, "--publish"), (ROLLBACK, "--manage")])
def test_without_a_token_nothing_is_sent(request_: ChangeRequest, scope: str) -> None:
    with scripted(answer()) as server:
        with pytest.raises(AuthenticationError, match="only with a token") as caught:
            catalog(server.url, None).changes.make("lamp", request_)
        assert server.requests == []
    assert f"acpublish token create {scope}" in caught.value.hint


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        (refused("404 Not Found", "there is no release 9.0.0"), NotFoundError, "no release 9.0.0"),
        (
            refused("404 Not Found", "there is nothing at this address"),
            RefusedError,
            "runs an earlier acpublish",
        ),
        (json_answer("{}", "404 Not Found"), RefusedError, "responded with 404 to the change"),
        (
            [head("404 Not Found", Content_Type="text/html", Content_Length=6), b"<html>"],
            RefusedError,
            "is not an acpublish server",
        ),
        (refused("409 Conflict", "1.0.0 is lower"), ConflictError, "the change: 1.0.0 is lower"),
        (refused("403 Forbidden", "the scope manage"), AuthenticationError, "the scope manage"),
        (refused("400 Bad Request", "no channel"), RefusedError, "no channel"),
        (answer({**CHANGED, "serial": "seven"}), RefusedError, "something other than the change"),
        (answer([]), RefusedError, "something other than the change"),
        (json_answer("what"), RefusedError, "did not respond to the change with JSON"),
    ],
)
def test_what_each_response_means(script: Script, error: type[AcpublishError], words: str) -> None:
    with scripted(script) as server, pytest.raises(error, match=words) as caught:
        catalog(server.url).changes.make("lamp", PROMOTION)
    assert caught.value.hint
    assert type(caught.value) is error


def test_a_catalog_that_cannot_be_written_is_not_tried_again() -> None:
    document = {"error": "the server cannot write its catalog", "hint": "x", "code": "read-only"}
    with scripted(answer(document, "503 Service Unavailable")) as server:
        with pytest.raises(RefusedError, match="cannot write its catalog"):
            catalog(server.url).changes.make("lamp", PROMOTION)
        assert len(server.requests) == 1


def test_the_channels_and_the_history_are_read() -> None:
    row = {"channel": "beta", "board": "d1", "kind": "firmware", "current": POINTER, "before": []}
    with scripted(answer({"product": "lamp", "channels": [row]})) as server:
        (read,) = catalog(server.url, None).changes.rows("lamp")
        assert server.requests[0].startswith(b"GET /api/v1/products/lamp/channels HTTP/1.1\r\n")
    assert read.current is not None
    assert (read.channel, str(read.current.version)) == ("beta", "1.0.0")
    with scripted(answer({"product": "lamp", "history": [CHANGE]})) as server:
        (line,) = catalog(server.url, None).changes.history("lamp")
        assert server.requests[0].startswith(b"GET /api/v1/products/lamp/history HTTP/1.1\r\n")
    assert (line.serial, line.author.by) == (7, "ab12")


@pytest.mark.parametrize("document", [[], {"channels": [{}]}, {"history": ["x"]}])
def test_documents_of_something_else(document: Any) -> None:
    with scripted(answer(document)) as server:
        changes = catalog(server.url, None).changes
        read = changes.history if "history" in document else changes.rows
        with pytest.raises(RefusedError, match="something other than the"):
            read("lamp")
