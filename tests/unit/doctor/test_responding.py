"""Why nothing usable responds: http and https mixed up, and PROXY headers that one side lacks."""

from __future__ import annotations

import socket
import socketserver
import threading
from pathlib import Path

import pytest

from acpublish.doctor.findings import Finding, State
from acpublish.doctor.live_server import check_server
from tests.support.certificates import certificates
from tests.unit.doctor.faulty import Answer, Request, faulty


def nothing(request: Request, answer: Answer) -> None:
    pass


def bad_request(request: Request, answer: Answer) -> None:
    answer.status = 400


def the_error(url: str, ca: Path | None = None) -> Finding:
    (finding,) = check_server(url, ca)
    assert (finding.name, finding.state) == ("connection", State.ERROR)
    return finding


def test_http_on_a_port_that_speaks_tls(tmp_path: Path) -> None:
    with faulty(nothing, certificates(tmp_path).context()) as url:
        finding = the_error(url.replace("https", "http"))
    assert finding.what.endswith("speaks TLS, not plain http")
    assert finding.change.startswith(f"Use {url}, ")
    assert "firewall" not in finding.change


def test_https_on_a_port_that_does_not() -> None:
    with faulty(nothing) as url:
        finding = the_error(url.replace("http", "https"))
    assert finding.what.endswith("speaks plain http, not TLS")
    assert finding.change.startswith(f"Use {url}, ")


def test_a_server_that_refuses_everything() -> None:
    with faulty(bad_request) as url:
        finding = the_error(url)
    assert "refuses every request (status 400)" in finding.what
    assert "--proxy-protocol 127.0.0.1" in finding.change


@pytest.mark.parametrize("spared", ["lists", "client", "others"])
def test_a_server_that_refuses_only_some_requests_is_examined(spared: str) -> None:
    def fault(request: Request, answer: Answer) -> None:
        kinds = {"lists": request.lists, "client": request.target == b"/api/v1/client"}
        if not kinds.get(spared, not any(kinds.values())):
            answer.status = 400

    with faulty(fault) as url:
        findings = {each.name: each for each in check_server(url)}
    assert findings["connection"].state is State.OK
    assert len(findings) > 5


def test_tls_that_ends_at_once() -> None:
    class Ending(socketserver.BaseRequestHandler):
        """Closes each connection."""

    with socketserver.TCPServer(("127.0.0.1", 0), Ending) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            finding = the_error(f"https://127.0.0.1:{server.server_address[1]}")
        finally:
            server.shutdown()
            thread.join()
    assert "cannot be used over TLS: it does not respond with TLS" in finding.what
    assert "--proxy-protocol" in finding.change


def test_what_is_neither_nor() -> None:
    def nonsense(request: Request, answer: Answer) -> None:
        answer.said = b"nonsense\r\n\r\n"

    with faulty(nonsense) as url:
        finding = the_error(url)
    assert finding.what.startswith("no response from port ")
    assert "--tls-cert" not in finding.change


@pytest.mark.parametrize(("scheme", "options"), [("http", False), ("https", True)])
def test_nothing_listens(scheme: str, options: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    finding = the_error(f"{scheme}://127.0.0.1:{port}")
    assert "connection failed" in finding.what
    assert "firewall" in finding.change
    assert ("--tls-cert FILE --tls-key FILE" in finding.change) is options
