"""The fleet of a server over HTTP: what is sent, what is tried again, and what answers mean."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from acpublish.client.fleet_client import FleetClient
from acpublish.errors import (
    AcpublishError,
    AuthenticationError,
    ConflictError,
    NotFoundError,
    RefusedError,
    SettingsError,
    StoreError,
    UnreachableError,
    VersionError,
)
from acpublish.fleet.policy import Policy
from tests.unit.client.asking import QUICK
from tests.unit.client.scripted import Script, json_answer, scripted

POLICY = Policy.parse("1,100%")
OLDER = json_answer(
    '{"error": "there is nothing at this address", "hint": "See /api/v1/products.", '
    '"code": "not-found"}',
    "404 Not Found",
)
HANG_UP: Script = []
DEVICE = json_answer('{"id": "lamp/a"}')


def client(url: str, token: str | None = "acp_manager") -> FleetClient:
    return FleetClient(url, token, timeout_s=2.0, patience=QUICK)


def page(ids: list[str], after: str | None) -> Script:
    return json_answer(json.dumps({"devices": [{"id": one} for one in ids], "next": after}))


def problem(code: str, status: str, error: str = "no") -> Script:
    return json_answer(json.dumps({"error": error, "hint": "Look.", "code": code}), status)


def test_all_pages_are_read_and_conditions_are_sent_with_each() -> None:
    with scripted(page(["a", "b"], "b/ü"), page(["c"], None)) as server:
        devices = client(server.url).devices(product="lamp", tag="a&b", not_seen_s=5, stuck=True)
        assert [device["id"] for device in devices] == ["a", "b", "c"]
    first, second = server.requests
    assert first.startswith(
        b"GET /api/v1/fleet/devices?product=lamp&tag=a%26b&not_seen_s=5&stuck=true&limit=1000 "
    )
    assert b"&limit=1000&cursor=b%2F%C3%BC " in second
    assert b"Authorization: Bearer acp_manager" in second


CHANGES: list[tuple[Callable[[FleetClient], Any], bytes, Any]] = [
    (lambda own: own.change("lamp/a", name="x"), b"POST /devices/lamp%2Fa ", {"name": "x"}),
    (
        lambda own: own.change("a", add_tags=iter(["t"]), remove_groups=("g",)),
        b"POST /devices/a ",
        {"add_tags": ["t"], "remove_groups": ["g"]},
    ),
    (
        lambda own: own.pin("a b?", "1.0.0", order_back=True),
        b"POST /devices/a%20b%3F ",
        {"pin": {"version": "1.0.0", "order_back": True}, "hold": False},
    ),
    (lambda own: own.hold("a"), b"POST /devices/a ", {"pin": None, "hold": True}),
    (lambda own: own.clear("a"), b"POST /devices/a ", {"pin": None, "hold": False}),
    (lambda own: own.retry("a"), b"POST /devices/a/retry ", {}),
    (lambda own: own.pause("lamp-3", "why"), b"POST /rollouts/lamp-3/pause ", {"reason": "why"}),
    (lambda own: own.forget("a"), b"DELETE /devices/a ", None),
    (lambda own: own.resume("lamp"), b"POST /rollouts/lamp/resume ", {}),
    (lambda own: own.advance("lamp"), b"POST /rollouts/lamp/advance ", {}),
    (lambda own: own.abort("lamp", "bad"), b"POST /rollouts/lamp/abort ", {"reason": "bad"}),
    (
        lambda own: own.start("lamp", "1.0.0", "stable", POLICY, boards=["d1"]),
        b"POST /rollouts ",
        {
            "product": "lamp",
            "version": "1.0.0",
            "channel": "stable",
            "policy": POLICY.to_dict(),
            "offers_from": None,
            "boards": ["d1"],
        },
    ),
]


@pytest.mark.parametrize(("change", "line", "body"), CHANGES)
def test_what_a_change_sends(change: Callable[[FleetClient], Any], line: bytes, body: Any) -> None:
    with scripted(DEVICE) as server:
        assert change(client(server.url)) == {"id": "lamp/a"}
    (request,) = server.requests
    head, _, sent = request.partition(b"\r\n\r\n")
    assert head.replace(b"/api/v1/fleet", b"").startswith(line)
    assert (json.loads(sent) if sent else None) == body


@pytest.mark.parametrize("change", [change for change, *_ in CHANGES[:7]])
def test_what_may_happen_twice_is_tried_again(change: Callable[[FleetClient], Any]) -> None:
    with scripted(HANG_UP, DEVICE) as server:
        assert change(client(server.url)) == {"id": "lamp/a"}
    assert len(server.requests) == 2


@pytest.mark.parametrize("change", [change for change, *_ in CHANGES[7:]])
def test_what_must_not_happen_twice_is_tried_once(change: Callable[[FleetClient], Any]) -> None:
    with (
        scripted(HANG_UP, DEVICE) as server,
        pytest.raises(UnreachableError, match="it was not tried again"),
    ):
        change(client(server.url))
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (problem("not-found", "404 Not Found", "there is no device"), NotFoundError, "there is no"),
        (problem("conflict", "409 Conflict", "two devices"), ConflictError, "two devices. Look."),
        (problem("request", "400 Bad Request", "limit"), SettingsError, "limit. Look."),
        (problem("version", "422 Unprocessable", "one"), VersionError, "one. Look."),
        (problem("store", "503 Busy", "no disk"), StoreError, "no disk. Look."),
        (problem("forbidden", "403 Forbidden"), AuthenticationError, "403"),
        (OLDER, RefusedError, "runs an earlier acpublish"),
        (json_answer("[]"), RefusedError, "something other than an object"),
        (json_answer("<html>"), RefusedError, "HTML"),
        (json_answer('{"devices": {}}'), RefusedError, "something other than devices"),
        (json_answer('{"devices": [1]}'), RefusedError, "something other than devices"),
        (json_answer('{"devices": [], "next": 3}'), RefusedError, "a list without an end"),
    ],
)
def test_what_an_answer_means(answer: Script, kind: type[AcpublishError], words: str) -> None:
    with scripted(answer) as server, pytest.raises(kind) as caught:
        list(client(server.url).devices())
    assert type(caught.value) is kind
    assert words in str(caught.value)


def test_a_plan_is_a_list_of_numbers() -> None:
    with scripted(json_answer('{"stages": [1, 5]}'), json_answer('{"stages": ["1"]}')) as server:
        assert client(server.url).plan("lamp", "1.0.0", "stable", POLICY) == [1, 5]
        with pytest.raises(RefusedError, match="something other than a plan"):
            client(server.url).plan("lamp", "1.0.0", "stable", POLICY)


def test_what_is_wrong_before_anything_is_sent() -> None:
    nobody = "http://127.0.0.1:9"
    with pytest.raises(AuthenticationError, match="needs a token for its devices"):
        client(nobody, None).status()
    with pytest.raises(VersionError):
        client(nobody).pin("a", "one")
    with pytest.raises(SettingsError, match="no device or rollout is named"):
        client(nobody).device(" ")
    with pytest.raises(SettingsError, match="over plain http"):
        client("http://192.0.2.1")


def test_no_secret_of_the_client_is_in_an_error() -> None:
    echo = problem("conflict", "409 Conflict", "you sent acp_manager")
    with scripted(echo) as server, pytest.raises(ConflictError) as caught:
        client(server.url).device("a")
    assert "acp_manager" not in str(caught.value)


def test_a_server_of_this_machine_is_not_asked_through_a_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with scripted(DEVICE) as server, scripted(problem("conflict", "409 No")) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        # Not a loopback address by its name, but it leads here.
        url = server.url.replace("127.0.0.1", "0.0.0.0")
        assert FleetClient.on_this_machine(url, "acp_local").device("a") == {"id": "lamp/a"}
        assert not proxy.requests
        with pytest.raises(SettingsError, match="over plain http"):
            client(url)
        with pytest.raises(ConflictError):
            FleetClient(url, "acp_x", insecure_http=True, patience=QUICK).device("a")
        assert len(proxy.requests) == 1
