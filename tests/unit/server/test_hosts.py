"""Under which names the server gives more than the original would (DNS rebinding)."""

from __future__ import annotations

import asyncio
import io
import json
import socket
from collections.abc import Iterable
from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import SettingsError
from acpublish.server.accesslog import AccessLog
from acpublish.server.app import Application, create_app
from acpublish.server.config import ServerOptions
from acpublish.server.hosts import OwnHosts, host_of, port_of
from acpublish.server.sockets import own_address
from acpublish.server.tokens import Tokens
from tests.support.tokens import create_token
from tests.unit.server.in_memory import ask, lamp_catalog
from tests.unit.server.requests_made import request

GUARDED = (
    b"/api/v1/products",
    b"/api/v1/products/lamp",
    b"/api/v1/products/lamp/devices",
    b"/api/v1/products/lamp/keys",
)
OPEN = (
    b"/_catalog?op=list&path=lamp",
    b"/lamp/lamp-1.0.0_c3.bin",
    b"/lamp/lamp-1.0.0_c3.bin.md5",
    b"/update/lamp/c3",
)


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return lamp_catalog(tmp_path)


def application(
    catalog: Path, hosts: Iterable[str] = (), bind: str | None = None, log: AccessLog | None = None
) -> Application:
    options = ServerOptions(catalog=catalog, hosts=tuple(hosts), bind=bind)
    state = catalog.parent / "state"
    return create_app(options, DirectoryCatalog(catalog), Tokens(state), log=log)


def status(
    app: Application, target: bytes, *hosts: bytes, more: tuple[bytes, bytes] | None = None
) -> int:
    headers = [(b"host", host) for host in hosts] + ([more] if more else [])
    return asyncio.run(ask(app, target, headers))[0]


@pytest.mark.parametrize("target", GUARDED)
def test_a_page_whose_name_was_rebound_learns_nothing(catalog: Path, target: bytes) -> None:
    app = application(catalog)
    answer = asyncio.run(ask(app, target, [(b"host", b"rebound.example:8000")]))
    assert answer[0] == 421
    document = json.loads(answer[1])
    assert document["code"] == "misdirected"
    assert "--host rebound.example" in document["hint"]
    assert b"lamp" not in answer[1]
    assert status(app, target, b"localhost", b"rebound.example") == 421


@pytest.mark.parametrize(("method", "status"), [("PUT", 403), ("POST", 421), ("DELETE", 421)])
def test_a_page_whose_name_was_rebound_changes_nothing(
    catalog: Path, method: str, status: int
) -> None:
    """Publishing requires a token, whatever the host, and names what is wrong with it."""
    target = b"/api/v1/releases/lamp/2.0.0/c3"
    headers = [(b"host", b"rebound.example"), (b"expect", b"100-continue")]
    answer = asyncio.run(ask(application(catalog), target, headers, method=method))
    assert answer[0] == status
    assert [release.version.minor for release in DirectoryCatalog(catalog).releases("lamp")] == [0]


@pytest.mark.parametrize("target", OPEN)
def test_devices_files_and_the_list_are_never_checked(catalog: Path, target: bytes) -> None:
    app = application(catalog)
    mode = (b"x-esp32-mode", b"sketch")
    assert status(app, target, b"rebound.example", more=mode) == 200


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LocalHost:8000",
        "localhost.",
        "127.0.0.1:8000",
        "[::ffff:127.0.0.1]:8000",
        socket.gethostname(),
        f"{socket.gethostname().partition('.')[0]}.local:80",
        own_address(),
        "updates.example.com:443",
        "203.0.113.7",
        "[2001:db8::7]:8000",
        "listens.example",
        "",
    ],
)
def test_the_server_knows_its_own_names(catalog: Path, host: str) -> None:
    # An address as an argument is not needed, but is accepted.
    hosts = ("Updates.Example.com", "203.0.113.7:8000", "2001:DB8:0::7")
    app = application(catalog, hosts, bind="listens.example")
    assert status(app, GUARDED[0], host.encode()) == 200


@pytest.mark.parametrize("host", ["192.0.2.9", "192.0.2.9:8000", "[2001:db8::8]:8000", "[::]"])
def test_an_address_cannot_be_rebound(catalog: Path, host: str) -> None:
    """As behind a router that forwards a port, or in a container, which knows only its own."""
    assert status(application(catalog), GUARDED[0], host.encode()) == 200


@pytest.mark.parametrize(
    "host",
    [
        b"updates.example",
        b"updates.example.com.evil.example",
        b"192.0.2.9.evil.example",
        b"192.0.2",
        b"192.0.2.256",
        b"0xc0000209",
        b"192.0.2.9.nip.example",
        b"2001:db8::8",
        b"[2001:db8::7",
        b"[localhost]",
        b"localhost.evil.example",
        b"user@localhost",
        b"localhost/..",
        b"local host",
        b"\xff",
        b"a" * 300,
    ],
)
def test_other_hosts_are_refused(catalog: Path, host: bytes) -> None:
    assert status(application(catalog, ["updates.example.com"]), GUARDED[0], host) == 421


def test_what_is_no_host_is_not_repeated(catalog: Path) -> None:
    host = b'"<script>alert(1)</script>'
    answer = asyncio.run(ask(application(catalog), GUARDED[0], [(b"host", host)]))
    assert answer[0] == 421
    assert b"script" not in answer[1]
    assert b"--host NAME" in answer[1]


def test_a_request_without_a_host_is_not_from_a_browser(catalog: Path) -> None:
    assert status(application(catalog), GUARDED[0]) == 200


def test_a_token_is_proof_enough(catalog: Path) -> None:
    token = create_token(catalog.parent / "state", "door").encode()
    app = application(catalog)
    for value, expected in (
        (b"Bearer " + token, 200),
        (b"bearer " + token, 200),
        (b"Bearer acp_wrong", 421),
        (b"Bearer ", 421),
        (b"Basic " + token, 421),
        (b"\xff\xfe", 421),
    ):
        assert status(app, GUARDED[0], b"proxy.example", more=(b"authorization", value)) == expected


def test_tokens_that_cannot_be_read_admit_nobody(catalog: Path) -> None:
    state = catalog.parent / "state"
    token = create_token(state, "lamp").encode()
    (state / "tokens.json").write_text("damaged")
    more = (b"authorization", b"Bearer " + token)
    assert status(application(catalog), GUARDED[0], b"proxy.example", more=more) == 421


def test_the_log_names_the_option(catalog: Path) -> None:
    stream = io.StringIO()
    log = AccessLog(stream)
    status(application(catalog, log=log), GUARDED[0], b"proxy.example:443")
    log.flush()
    assert "421 (proxy.example is not a name of this server; see --host)" in stream.getvalue()


@pytest.mark.parametrize(
    "text", ["http://updates.example.com", "https://", "https://a/b", "a b", "", "*", "x/y", "[::1"]
)
def test_what_is_no_host_is_a_settings_error(text: str) -> None:
    with pytest.raises(SettingsError, match="is not a host"):
        OwnHosts([text])


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("A.example:80", "a.example"),
        (" a.example. ", "a.example"),
        ("[FE80::1%25eth0]:80", "fe80::1"),
        ("[0:0::1]", "::1"),
        ("a.example:", "a.example"),
        ("a.example:x", None),
        ("[a]", None),
        (".", None),
    ],
)
def test_the_host_in_a_header(value: str, host: str | None) -> None:
    assert host_of(value) == host


@pytest.mark.parametrize(
    ("value", "port"),
    [
        ("a.example:8000", 8000),
        (" [::1]:80 ", 80),
        ("[::1]", None),
        ("a.example", None),
        ("a.example:", None),
        ("a.example:x", None),
        ("a.example:123456", None),
        ("a.example:\N{SUPERSCRIPT TWO}", None),
        ("", None),
    ],
)
def test_the_port_in_a_header(value: str, port: int | None) -> None:
    assert port_of(value) == port


@pytest.mark.parametrize(
    ("host", "url"),
    [
        (b"a.example", "http://a.example"),
        (b"A.example.:8000", "http://a.example:8000"),
        (b"a.example:", "http://a.example"),
        (b"b.example:8443", "https://b.example:8443"),
        (b"[2001:DB8::7]:80", "http://[2001:db8::7]:80"),
        (b"", "http://192.0.2.1:8000"),
        (b"c.example", None),
        (b"a.example:123456", None),
        (b"a.example/../c.example", None),
        (b'a.example"<script>', None),
    ],
)
def test_the_url_of_the_server(host: bytes, url: str | None) -> None:
    hosts = OwnHosts(["a.example", "https://b.example", "2001:db8::7"])
    headers = [(b"host", host)]
    assert hosts.url_for(request(headers=headers, server=("192.0.2.1", 8000))) == url
    assert hosts.url_for(request(server=("192.0.2.1", 8000))) == "http://192.0.2.1:8000"
    assert hosts.url_for(request()) is None


def test_a_name_with_https_is_a_name_of_the_server(catalog: Path) -> None:
    app = application(catalog, ["https://updates.example.com:8443"])
    assert status(app, GUARDED[0], b"updates.example.com:8443") == 200
