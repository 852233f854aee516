"""The OpenAPI document is true: each endpoint is called, and its answer compared with the schema.

Objects may get further keys one day, but a key that is not in the document is a mistake today, so
the schemas are closed here.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from acpublish.server.api.api_schemas import SCHEMAS
from acpublish.server.fleet_updates import FleetUpdates
from tests.support.tokens import create_token
from tests.unit.catalog.holding import image
from tests.unit.control.asking import Asking, mac
from tests.unit.server.in_memory import ask, make

API = "/api/v1"
DEVICE = f"/fleet/devices/lamp%2F{mac(1)}"
RELEASE = "/releases/lamp/1.1.0/d1"
POLICY = {"stages": ["1", "100%"], "soak": ["0s"]}
WHAT = {"product": "lamp", "version": "1.1.0", "channel": "beta", "policy": POLICY}
#: Each request with the status of its answer, in an order in which all succeed that can.
REQUESTS: list[tuple[str, str, Any, int]] = [
    ("GET", "/openapi.json", None, 200),
    ("GET", "/client", None, 200),
    ("GET", "/products", None, 200),
    ("GET", "/products/lamp", None, 200),
    ("GET", "/products/lamp/devices", None, 200),
    ("GET", "/products/lamp/keys", None, 200),
    ("GET", "/products/door", None, 404),
    ("PUT", "/releases/lamp/1.2.0/d1?channel=dev&compress=yes", image("1.2.0"), 201),
    ("PUT", "/releases/lamp/1.2.0/d1?channel=dev", image("1.2.0"), 200),
    ("PUT", "/releases/lamp/1.2.0/d1?compress=maybe", image("1.2.0"), 400),
    ("GET", f"{RELEASE}/image?kind=firmware", None, 200),
    ("GET", f"{RELEASE}/image?kind=filesystem", None, 404),
    (
        "POST",
        "/products/lamp/changes",
        {"action": "promote", "version": "1.0.0", "channel": "old"},
        200,
    ),
    ("POST", "/products/lamp/changes", {"action": "explode"}, 400),
    (
        "POST",
        "/products/lamp/changes",
        {"action": "withdraw", "version": "1.2.0", "why": "bad", "order_back": True},
        200,
    ),
    ("PUT", "/products/lamp/channels/beta/policy?why=care", POLICY, 200),
    ("PUT", "/products/lamp/channels/beta/policy", {"stages": ["0"]}, 400),
    ("GET", "/products/lamp/channels/beta/policy", None, 200),
    ("GET", "/products/lamp/channels", None, 200),
    ("GET", "/products/lamp/history", None, 200),
    ("GET", "/tokens", None, 200),
    ("POST", "/tokens", {"read": True, "name": "x", "expires_s": 60}, 201),
    ("POST", "/tokens", {}, 400),
    ("POST", "/tokens/x/rotate", {"grace_s": 0}, 201),
    ("POST", "/login-links", None, 201),
    ("DELETE", "/tokens/nothing", None, 404),
    ("POST", "/webhooks", {"url": "http://127.0.0.1:9/x", "events": ["halted"]}, 201),
    ("POST", "/webhooks", {"url": "ftp://127.0.0.1/"}, 400),
    ("GET", "/webhooks", None, 200),
    ("POST", "/webhooks/none/test", None, 404),
    ("POST", "/webhooks/none/retry", None, 404),
    ("DELETE", "/webhooks/none", None, 404),
    ("POST", "/webhooks/NEW/test", None, 200),
    ("POST", "/webhooks/NEW/retry", None, 200),
    ("DELETE", "/webhooks/NEW", None, 200),
    ("GET", "/undelivered", None, 200),
    ("GET", "/fleet/devices", None, 200),
    ("GET", "/fleet/devices?limit=1&cursor=&stuck=false&not_seen_s=0", None, 200),
    ("GET", "/fleet/devices?limit=0", None, 400),
    ("GET", "/fleet/devices?stuck=perhaps", None, 400),
    ("GET", "/fleet/devices?not_seen_s=x", None, 400),
    ("GET", "/fleet/devices?version=x", None, 400),
    ("GET", DEVICE, None, 200),
    ("POST", DEVICE, {"name": "kitchen", "pin": {"version": "1.0.0"}, "add_tags": ["a"]}, 200),
    ("GET", "/fleet/devices/kitchen", None, 200),
    ("POST", DEVICE, {"pin": None, "hold": False}, 200),
    ("POST", DEVICE, {"nmae": "kitchen"}, 400),
    ("POST", DEVICE, {"name": "a\nb"}, 400),
    ("POST", DEVICE, {"add_tags": ["A b"]}, 422),
    ("GET", f"{DEVICE}/explanation", None, 200),
    ("POST", f"{DEVICE}/retry", None, 200),
    ("POST", "/fleet/retry-flagged", None, 200),
    ("GET", "/fleet/status", None, 200),
    ("POST", "/fleet/plan", WHAT, 200),
    ("POST", "/fleet/plan", {**WHAT, "boards": ["d1"]}, 200),
    ("POST", "/fleet/plan", {**WHAT, "boards": ["d9"]}, 404),
    ("POST", "/fleet/plan", {**WHAT, "board": "d1"}, 400),
    ("POST", "/fleet/plan", {**WHAT, "version": "9.0.0"}, 404),
    ("POST", "/fleet/plan", {**WHAT, "policy": {"stages": ["tag:x", "100%"]}}, 400),
    ("POST", "/fleet/rollouts", {**WHAT, "boards": ["d1"], "offers_from": 5}, 201),
    ("POST", "/fleet/rollouts", {**WHAT, "channel": "A b"}, 400),
    ("POST", "/fleet/rollouts", {**WHAT, "board": "d1"}, 400),
    ("GET", "/fleet/rollouts", None, 200),
    ("GET", "/fleet/rollouts?product=lamp&limit=1", None, 200),
    ("GET", "/fleet/rollouts/lamp", None, 200),
    ("POST", "/fleet/rollouts/lamp/pause", {"reason": "at the fair"}, 200),
    ("POST", "/fleet/rollouts/lamp/pause", {"why": "x"}, 400),
    ("POST", "/fleet/rollouts/lamp/advance", None, 409),
    ("POST", "/fleet/rollouts/lamp/resume", None, 200),
    ("POST", "/fleet/rollouts/lamp/advance", None, 200),
    ("POST", "/fleet/rollouts/lamp/abort", None, 200),
    ("POST", "/fleet/rollouts/lamp/abort", None, 404),
    ("DELETE", "/products/lamp/channels/beta/policy", None, 200),
    ("DELETE", DEVICE, None, 200),
    ("DELETE", DEVICE, None, 404),
]


class Served:
    """An application with a fleet, and a token that may do everything."""

    def __init__(self, folder: Path) -> None:
        self.fleet = Asking(folder)
        self.fleet.put("1.0.0", "1.1.0")
        for number in (1, 2):
            self.fleet.ask(number)
        self.token = create_token(folder / "state", "*", manage=True, read=True)
        updates = FleetUpdates(self.fleet.serving, lambda: None)
        self.app = make(self.fleet.catalog.root, fleet=updates)

    def send(
        self, method: str, target: str, body: Any = None, token: str = ""
    ) -> tuple[int, bytes]:
        """Sends a request with the token, or another one."""
        data = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        headers = [
            (b"authorization", f"Bearer {token or self.token}".encode()),
            (b"content-length", str(len(data)).encode()),
        ]
        return asyncio.run(
            ask(self.app, f"{API}{target}".encode(), headers, method=method, body=data)
        )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("served"))
    with served.fleet.stored():
        yield served


def closed(schema: Any) -> Any:
    """Returns a schema whose objects may have no keys but those that it names."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items()}
    properties = schema.get("properties")
    # "properties" itself may be a map of the names.
    is_object = isinstance(properties, dict) and schema.get("type") == "object"
    return {**inner, "additionalProperties": False} if is_object else inner


def operation_of(document: Any, method: str, target: str) -> Any:
    """Returns what the document says of a request."""
    path = f"{API}{target.partition('?')[0]}"
    matches = [
        own[method.lower()]
        for template, own in document["paths"].items()
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) and method.lower() in own
    ]
    assert len(matches) == 1, path
    return matches[0]


def fits(document: Any, content: Any, value: Any) -> None:
    schemas = closed(document["components"]["schemas"])
    schema = {**content["application/json"]["schema"], "components": {"schemas": schemas}}
    Draft202012Validator(schema).validate(value)


def test_each_endpoint_answers_as_the_document_says(served: Served) -> None:
    document = json.loads(served.send("GET", "/openapi.json")[1])
    called, new = set(), ""
    for method, target_of_new, body, expected in REQUESTS:
        target = target_of_new.replace("NEW", new)
        operation = operation_of(document, method, target)
        status, answer = served.send(method, target, body)
        assert status == expected, (method, target, answer)
        responses = operation["responses"]
        assert status >= 400 or str(status) in responses, (method, target, status)
        content = responses.get(str(status), responses["default"])["content"]
        if "application/json" in content:
            fits(document, content, json.loads(answer))
        if (target, status) == ("/webhooks", 201):
            new = json.loads(answer)["id"]
        if status < 400:
            called.add((operation["summary"], status))
            for name in re.findall(r"[?&](\w+)=", target):
                known = [one["name"] for one in operation["parameters"] if one["in"] == "query"]
                assert name in known, (target, name)
        sent = operation.get("requestBody", {}).get("content", {})
        if status < 400 and body is not None and "application/json" in sent:
            fits(document, sent, body)
    every = {
        (operation["summary"], int(status))
        for own in document["paths"].values()
        for operation in own.values()
        for status in operation["responses"]
        if status.isdigit()
    }
    # The token that is revoked has an id that only its creation shows.
    assert every - called == {("Revokes a token.", 200)}


def test_a_token_is_revoked_as_the_document_says(served: Served) -> None:
    document = json.loads(served.send("GET", "/openapi.json")[1])
    created = json.loads(served.send("POST", "/tokens", {"read": True})[1])
    status, answer = served.send("DELETE", f"/tokens/{created['id']}")
    operation = operation_of(document, "DELETE", "/tokens/x")
    assert status == 200
    fits(document, operation["responses"]["200"]["content"], json.loads(answer))


def test_what_is_closed_notices_a_key_too_many() -> None:
    document = {"components": {"schemas": SCHEMAS}}
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Plan"}}}
    fits(document, content, {"stages": [1]})
    for value in ({"stages": [1], "more": 1}, {}, {"stages": [-1]}):
        with pytest.raises(Exception, match=r"stages|more|-1"):
            fits(document, content, value)


def test_each_schema_is_valid_and_used(served: Served) -> None:
    text = served.send("GET", "/openapi.json")[1].decode()
    for name, schema in SCHEMAS.items():
        Draft202012Validator.check_schema(schema)
        assert f'"#/components/schemas/{name}"' in text, name


def test_everybody_may_read_it_and_it_says_which_scope_is_needed(served: Served) -> None:
    status, answer = served.send("GET", "/openapi.json", token="acp_wrong")
    assert status == 200
    paths = json.loads(answer)["paths"]
    assert "security" not in paths[f"{API}/products"]["get"]
    assert "manage" in paths[f"{API}/fleet/rollouts"]["post"]["description"]
    assert "read" in paths[f"{API}/fleet/rollouts"]["get"]["description"]
    device = paths[f"{API}/fleet/devices/{{device}}"]
    assert [one["name"] for one in device["get"]["parameters"]] == ["device"]
