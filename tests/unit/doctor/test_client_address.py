"""What the doctor says about the address that a server sees."""

from __future__ import annotations

import json
from typing import Any

import pytest

from acpublish.doctor.client_address import examine_address
from acpublish.doctor.findings import Examination, Finding, State
from acpublish.doctor.probe import Probe
from acpublish.emulator.connection import parse_url
from tests.unit.doctor.faulty import Answer, Fault, Request, faulty


def the_finding(fault: Fault) -> Finding:
    examination = Examination()
    with faulty(fault) as url:
        examine_address(examination, Probe("esp32", parse_url(url)))
    (finding,) = examination.findings()
    assert finding.name == "addresses"
    return finding


def says(body: Any, status: int = 200) -> Fault:
    def fault(request: Request, answer: Answer) -> None:
        answer.status, answer.body = status, body if isinstance(body, bytes) else b""
        if isinstance(body, dict):
            address, port = request.client
            answer.body = json.dumps({"address": address, "port": port, **body}).encode()
        answer.headers["Content-Length"] = str(len(answer.body))

    return fault


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1"])
def test_the_own_address(address: str) -> None:
    finding = the_finding(says({"address": address, "proxy": True}))
    assert (finding.state, finding.change) == (State.OK, "")


@pytest.mark.parametrize("seen", [{"address": "192.0.2.7"}, {"port": 1}])
def test_another_address_or_port(seen: dict[str, Any]) -> None:
    finding = the_finding(says(seen | {"proxy": False}))
    address = seen.get("address", "127.0.0.1")
    assert finding.state is State.WARNING
    assert finding.what.startswith(f"the server gets {address} port ")
    assert "which has 127.0.0.1 port " in finding.what
    assert "share the limit" in finding.what
    assert finding.change.endswith(f" acpublish serve with --proxy-protocol {address}.")


def test_a_named_proxy_whose_header_has_no_address() -> None:
    finding = the_finding(says({"address": "192.0.2.7", "proxy": True}))
    assert finding.state is State.WARNING
    assert finding.what.startswith("the proxy 192.0.2.7 begins connections with a PROXY header")
    assert "the limit for the connections of one address is off" in finding.what
    assert "send-proxy-v2" in finding.change


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"<html>",
        b"[" * 9999,
        b"{}",
        {"address": None},
        {"address": "here", "proxy": False},
        {"address": 5, "proxy": False},
        {"port": None},
    ],
)
def test_another_document(body: Any) -> None:
    finding = the_finding(says(body))
    assert finding.state is State.NOT_CHECKED
    assert finding.what.endswith(": the response is not that of acpublish serve")
    assert finding.change.startswith("Serve with this version of acpublish")


def test_an_older_server() -> None:
    finding = the_finding(says(b"", 404))
    assert finding.state is State.NOT_CHECKED
    assert finding.what.endswith(": status 404")


def test_a_name_that_the_server_does_not_know() -> None:
    finding = the_finding(says(b"", 421))
    assert finding.state is State.NOT_CHECKED
    assert finding.change == "Start acpublish serve with --host 127.0.0.1."


def test_no_response() -> None:
    def nonsense(request: Request, answer: Answer) -> None:
        answer.said = b"nonsense\r\n\r\n"

    finding = the_finding(nonsense)
    assert finding.state is State.NOT_CHECKED
    assert finding.what.endswith(": no HTTP server")
