"""Tokens over HTTP: what is sent, and what each answer means."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from acpublish.client.token_requests import RemoteTokens
from acpublish.errors import (
    AuthenticationError,
    NotFoundError,
    RefusedError,
    SettingsError,
    UnreachableError,
)
from acpublish.release.grants import Grant, TokenInfo, TokenRequest
from tests.unit.client.asking import QUICK
from tests.unit.client.scripted import Script, json_answer, scripted

INFO = TokenInfo(
    id="1234abcd", name="c i/ü", scopes=("read",), channels=(), created="2026-11-27T14:35:50Z"
)
REQUEST = TokenRequest(grant=Grant.of("lamp", ["dev"]), lifetime=timedelta(days=1))
#: What a server of 0.1.0 says.
OLDER = json_answer(
    '{"error": "there is nothing at this address", "hint": "See /api/v1/products.", '
    '"code": "not-found"}',
    "404 Not Found",
)

CHANGES: list[Callable[[RemoteTokens], Any]] = [
    lambda tokens: tokens.create(REQUEST),
    lambda tokens: tokens.revoke("1234abcd"),
    lambda tokens: tokens.rotate("1234abcd", timedelta(0)),
]


def listed(*infos: TokenInfo) -> Script:
    return json_answer(json.dumps({"tokens": [info.to_dict() for info in infos]}))


def remote(url: str) -> RemoteTokens:
    return RemoteTokens(url, "acp_manager", timeout_s=2.0, patience=QUICK)


def test_a_token_is_named_by_its_id_whatever_was_given() -> None:
    with scripted(listed(INFO), json_answer(json.dumps(INFO.to_dict()))) as server:
        assert remote(server.url).revoke("c i/ü") == INFO
    read, revoked = server.requests
    assert read.startswith(b"GET /api/v1/tokens HTTP")
    assert revoked.startswith(b"DELETE /api/v1/tokens/1234abcd HTTP")
    assert b"Authorization: Bearer acp_manager" in revoked


def test_a_request_is_sent_as_json() -> None:
    answer = {"token": "acp_new", **INFO.to_dict(), "replaces": None}
    with scripted(json_answer(json.dumps(answer), "201 Created")) as server:
        new = remote(server.url).create(REQUEST)
    assert (new.text, new.info) == ("acp_new", INFO)
    (sent,) = server.requests
    assert json.loads(sent.partition(b"\r\n\r\n")[2]) == REQUEST.to_dict()


def test_an_unknown_token_is_not_sent() -> None:
    with (
        scripted(listed(INFO)) as server,
        pytest.raises(NotFoundError, match="there is no token 'x'"),
    ):
        remote(server.url).rotate("x", timedelta(0))
    assert len(server.requests) == 1


@pytest.mark.parametrize("action", [lambda tokens: tokens.all(), *CHANGES])
def test_a_server_of_an_earlier_version_is_named(action: Callable[[RemoteTokens], Any]) -> None:
    with (
        scripted(OLDER) as server,
        pytest.raises(RefusedError, match="does not handle tokens over HTTP") as error,
    ):
        action(remote(server.url))
    assert "without --to" in error.value.hint


def test_the_reason_of_a_refusal_is_the_servers() -> None:
    said = {"error": "this needs a token with the scope manage", "hint": "Do so.", "code": "x"}
    with (
        scripted(json_answer(json.dumps(said), "403 Forbidden")) as server,
        pytest.raises(AuthenticationError, match="needs a token with the scope manage"),
    ):
        remote(server.url).all()


@pytest.mark.parametrize("number", range(len(CHANGES)))
def test_a_change_is_not_sent_twice(number: int) -> None:
    """The first may have been made, and its answer lost."""
    lost: Script = [b""]
    scripts = [lost] if number == 0 else [listed(INFO), lost]
    with scripted(*scripts) as server, pytest.raises(UnreachableError) as error:
        CHANGES[number](remote(server.url))
    assert len(server.requests) == len(scripts)
    assert "acpublish token list" in error.value.hint


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"tokens": {}}', '{"tokens": [1]}', '{"tokens": [{"id": 1}]}', "<html>"]
)
def test_something_other_than_tokens_is_refused(text: str) -> None:
    with scripted(json_answer(text)) as server, pytest.raises(RefusedError):
        remote(server.url).all()


@pytest.mark.parametrize("id_", ["", "../x", "a/b", "a?b", "ü"])
def test_an_id_that_would_lead_elsewhere_is_refused(id_: str) -> None:
    info = TokenInfo(id=id_, name="ci", scopes=(), channels=(), created="")
    with (
        scripted(listed(info)) as server,
        pytest.raises(RefusedError, match="without a usable id"),
    ):
        remote(server.url).revoke("ci")
    assert len(server.requests) == 1


def test_tokens_are_not_sent_in_the_clear() -> None:
    with pytest.raises(SettingsError, match="plain http"):
        RemoteTokens("http://192.0.2.1", "acp_manager")
