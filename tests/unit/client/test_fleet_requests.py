"""Requests about a fleet: pages, and answers that are not what they should be."""

from __future__ import annotations

import json

import pytest

from acpublish.client.address import parse_address
from acpublish.client.fleet_requests import FleetRequests
from acpublish.errors import RefusedError, TransferError
from tests.unit.client.asking import QUICK
from tests.unit.client.scripted import Script, json_answer, scripted


def requests(url: str) -> FleetRequests:
    return FleetRequests(parse_address(url, token="acp_reader", insecure_http=False), 2.0, QUICK)


def page(ids: list[str], after: str | None) -> Script:
    return json_answer(json.dumps({"devices": [{"id": key} for key in ids], "next": after}))


def test_a_list_that_never_ends_is_given_up() -> None:
    with (
        scripted(page(["a"], "a"), page(["a"], "a")) as server,
        pytest.raises(RefusedError, match="a list without an end"),
    ):
        list(requests(server.url).pages("/devices", "devices", {}))


@pytest.mark.parametrize("document", ["[]", "3", '{"devices": {}}', '{"devices": [1]}'])
def test_an_answer_that_is_no_list_is_refused(document: str) -> None:
    with (
        scripted(json_answer(document)) as server,
        pytest.raises(TransferError, match="something other than"),
    ):
        requests(server.url).items("GET", "/devices", "devices")
