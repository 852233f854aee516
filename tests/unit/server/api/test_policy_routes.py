"""The policies of channels over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acpublish.fleet.policy import Policy
from acpublish.release.version import Version
from acpublish.server.api.policy_routes import policy_sent
from tests.support.tokens import create_token
from tests.unit.catalog.holding import put
from tests.unit.server.api.requesting import Client

POLICY = {"stages": ["1", "10%", "100%"], "soak": ["1h"], "halt": "2"}


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path)


def test_a_policy_is_set_shown_and_cleared(client: Client) -> None:
    status, document, _ = client.policy("PUT", POLICY, client.manage, query="?why=carefully")
    assert (status, document["applied"]) == (200, True)
    change = document["change"]
    assert (change["action"], change["channel"], change["why"]) == ("policy", "stable", "carefully")
    assert client.note == f"token {change['by']}; policy of stable set: change {change['serial']}"
    status, document, _ = client.policy("GET")
    assert status == 200
    assert document == {
        "product": "lamp",
        "channel": "stable",
        "policy": Policy.parse("1,10%,100%", soak="1h", halt="2").to_dict(),
    }
    listed = client.get("/products/lamp/channels")[1]["policies"]
    assert listed == {"stable": document["policy"]}
    status, document, _ = client.policy("DELETE", token=client.manage)
    assert (status, document["change"]["action"]) == (200, "policy")
    assert client.policy("DELETE", token=client.manage)[1]["change"] is None
    assert client.policy("GET")[1]["policy"] is None
    assert client.get("/products/lamp/channels")[1]["policies"] == {}


def test_what_is_on_its_way_is_in_the_documents(client: Client) -> None:
    client.policy("PUT", POLICY, client.manage)
    put(client.catalog, "1.2.0")
    (row,) = client.get("/products/lamp/channels")[1]["channels"]
    assert (row["current"]["version"], row["rolling"]["version"]) == ("1.1.0", "1.2.0")
    client.catalog.rollouts.halt("lamp", "stable", Version.parse("1.2.0"), "two failed")
    # A halt changes no release, but everybody may see it at once.
    (row,) = client.get("/products/lamp/channels")[1]["channels"]
    assert row["rolling"]["halted"] == "two failed"
    releases = client.get("/products/lamp")[1]["releases"]
    assert [image["rolling"] for image in releases[-1]["images"]] == [{"stable": 4}]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "the policy has no stages"),
        ({"stages": []}, "the policy has no stages"),
        ({"stages": ["0"]}, "the stage '0' reaches nobody"),
        ({"stages": "1,10%"}, "policy.stages is not of type list"),
        ({"stages": ["1"], "halts": "3"}, "'halts' is not a field of policy"),
        ({"stages": ["1"], "at_once": "yes"}, "policy.at_once is not of type bool"),
        ({"stages": ["1"], "soak": ["1x"]}, "'1x' is not a duration"),
        ({"stages": ["1"], "on_halt": "explode"}, "is not something to do on a halt"),
        ({"stages": ["1"], "window": "05:00-05:00"}, "never opens"),
        (["1"], "policy is not an object"),
        (b"{", "the body is not valid JSON"),
    ],
)
def test_what_is_not_a_policy_is_refused(client: Client, body: Any, problem: str) -> None:
    before = client.document
    status, document, _ = client.policy("PUT", body, client.manage)
    assert (status, document["code"]) == (400, "request")
    assert problem in document["error"]
    assert document["hint"]
    assert client.document == before


def test_only_manage_may_change_it_and_everybody_may_read_it(client: Client) -> None:
    before = client.document
    for token, status in (
        (None, 401),
        ("acp_wrong", 401),
        (create_token(client.state, "lamp"), 403),
        (create_token(client.state, read=True), 403),
    ):
        assert client.policy("PUT", POLICY, token)[0] == status
        assert client.policy("DELETE", token=token)[0] == status
        assert client.policy("GET", token=token)[0] == 200
    assert client.document == before


@pytest.mark.parametrize("action", ["policy", "start", "settle", "halt", "abort"])
def test_rollouts_are_not_changed_like_channels(client: Client, action: str) -> None:
    put(client.catalog, "1.2.0", channel="beta")
    before = client.document
    body = {"action": action, "version": "1.2.0", "channel": "stable"}
    status, document, _ = client.change(body)
    assert (status, document["code"]) == (400, "request")
    assert client.document == before


def test_an_unknown_product_and_a_bad_name(client: Client) -> None:
    assert client.get("/products/door/channels/stable/policy")[0] == 404
    assert client.get("/products/lamp/channels/Not%20a%20name/policy")[0] == 422


def test_what_is_left_out_has_the_default_of_the_command() -> None:
    assert policy_sent({"stages": ["5", "100%"]}) == Policy.parse("5,100%")
