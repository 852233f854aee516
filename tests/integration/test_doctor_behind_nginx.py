"""The doctor in front of the real server: as it is, behind nginx both ways, and as plain files."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from acpublish import publish
from acpublish.cli import main
from acpublish.doctor.findings import Finding, State
from acpublish.doctor.live_server import check_server
from bench.peers import STREAM_MODULE, free_port, http, nginx, nginx_with, tool
from bench.report import Unavailable
from tests.docs.documents import ROOT, blocks
from tests.support import images
from tests.support.certificates import certificates
from tests.support.proxy import between, pass_on
from tests.support.server import RunningServer, running_server

needs_stream = pytest.mark.skipif(
    not STREAM_MODULE.exists(),
    reason="nginx has no stream module (Debian: apt-get install libnginx-mod-stream)",
)
#: Where the set-ups are described that run here, word for word.
DOCUMENT = ROOT / "docs" / "how-to" / "server.md"


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog with an image for each family."""
    root = tmp_path_factory.mktemp("catalog")
    made = root.with_name("images")
    made.mkdir()
    for board, image in {
        "attic": images.esp8266_image(60_000),
        "cellar": images.esp32_image("esp32c3", 60_000),
    }.items():
        (made / board).write_bytes(image)
        publish(made / board, to=root, product="lamp", version="1.0.0", board=board)
    return root


@pytest.fixture(scope="module")
def server(catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The real server."""
    with running_server(catalog, tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(autouse=True, scope="module")
def _with_nginx() -> None:
    try:
        tool("nginx", "nginx-light")
    except Unavailable as reason:
        pytest.skip(str(reason))


def troubles(url: str) -> dict[str, Finding]:
    return {one.name: one for one in check_server(url) if one.state is not State.OK}


def documented(start: str, port: int, server: RunningServer) -> str:
    """Returns a block of the document, with the addresses of here in it."""
    (text,) = (
        block.text
        for block in blocks(DOCUMENT)
        if block.language == "nginx" and block.text.startswith(start)
    )
    here, found = re.subn(r"(?<=\blisten )\d+(?=;)", f"127.0.0.1:{port}", text)
    assert found == 1
    assert here.count("127.0.0.1:8000") == 1
    return here.replace("127.0.0.1:8000", f"{server.host}:{server.port}")


def test_the_server_itself(server: RunningServer) -> None:
    assert troubles(server.url) == {}


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_nginx_as_an_http_proxy(
    server: RunningServer, tmp_path: Path, version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    block = documented("server", port, server).replace(
        "location / {", f"location / {{ proxy_http_version {version};"
    )
    with nginx_with(http(block, tmp_path), port, tmp_path) as url:
        found = troubles(url)
        assert main(["doctor", url]) == 1
    addresses = found.pop("addresses")
    assert addresses.state is State.WARNING
    assert addresses.what.startswith("the server gets 127.0.0.1 port ")
    assert set(found) == {"slash-less", "raw-names"}
    for one in found.values():
        assert one.state is State.ERROR
        assert "nginx refuses (status 400)" in one.what
        assert "no setting of nginx's http module fixes this" in one.what
        assert "libnginx-mod-stream" in one.change
        assert f"listen {port};" in one.change
    assert capsys.readouterr().out.splitlines()[-1].startswith("2 errors, 1 warning, ")


@needs_stream
def test_nginx_that_passes_tcp_through_under_its_own_address(
    server: RunningServer, tmp_path: Path
) -> None:
    port = free_port()
    block = documented("stream", port, server)
    with nginx_with(block, port, tmp_path, load=[STREAM_MODULE]) as url:
        found = troubles(url)
    assert set(found) == {"addresses"}
    assert found["addresses"].state is State.WARNING
    assert "share the limit for the connections of one address" in found["addresses"].what
    assert "--proxy-protocol 127.0.0.1" in found["addresses"].change


@needs_stream
def test_nginx_that_passes_tcp_through_with_the_addresses(
    catalog: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    with running_server(catalog, tmp_path, "--proxy-protocol", "127.0.0.1") as server:
        block = documented("stream", port, server)
        passed = f"proxy_pass {server.host}:{server.port};"
        assert block.count(passed) == 1
        block = block.replace(passed, f"{passed} proxy_protocol on;")
        with nginx_with(block, port, tmp_path, load=[STREAM_MODULE]) as url:
            assert troubles(url) == {}
            assert main(["doctor", url]) == 0
    assert re.fullmatch(r"\d+ ok", capsys.readouterr().out.splitlines()[-1])


@needs_stream
def test_nginx_that_sends_a_header_which_the_server_does_not_expect(
    server: RunningServer, tmp_path: Path
) -> None:
    port = free_port()
    block = documented("stream", port, server)
    passed = f"proxy_pass {server.host}:{server.port};"
    block = block.replace(passed, f"{passed} proxy_protocol on;")
    with nginx_with(block, port, tmp_path, load=[STREAM_MODULE]) as url:
        (finding,) = troubles(url).values()
    assert finding.name == "connection"
    assert "refuses every request (status 400)" in finding.what
    assert "acpublish serve with --proxy-protocol" in finding.change


@needs_stream
def test_nginx_without_the_header_that_the_server_expects(catalog: Path, tmp_path: Path) -> None:
    port = free_port()
    with running_server(catalog, tmp_path, "--proxy-protocol", "127.0.0.1") as server:
        block = documented("stream", port, server)
        with nginx_with(block, port, tmp_path, load=[STREAM_MODULE]) as url:
            (finding,) = troubles(url).values()
    assert finding.name == "connection"
    assert "do not begin with a PROXY header" in finding.what
    assert "nginx: proxy_protocol on;" in finding.change


def test_nginx_that_speaks_tls_on_the_port(
    server: RunningServer, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """It reports that with status 400, and in plain HTTP."""
    port, files = free_port(), certificates(tmp_path_factory.mktemp("certificates"))
    block = (
        f"server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {files.server};"
        f" ssl_certificate_key {files.key}; location / {{ proxy_pass {server.url}; }} }}"
    )
    with nginx_with(http(block, tmp_path), port, tmp_path) as url:
        (finding,) = troubles(url).values()
        assert "speaks TLS, not plain http" in finding.what
        found = {each.name: each for each in check_server(url.replace("http", "https"), files.ca)}
    assert found["certificate"].state is State.WARNING
    assert "proxy_pass 127.0.0.1:8443;" in found["raw-names"].change
    assert "slash-less" not in found


def test_a_proxy_whose_header_has_no_addresses(catalog: Path, tmp_path: Path) -> None:
    def way(link: socket.socket, head: bytes, upstream: socket.socket) -> None:
        upstream.sendall(b"PROXY UNKNOWN\r\n")
        pass_on(link, head, upstream)

    named = ("--proxy-protocol", "127.0.0.1")
    with (
        running_server(catalog, tmp_path, *named) as server,
        between(server, *[way] * 99, every=True) as proxy,
    ):
        found = troubles(proxy.url)
    assert set(found) == {"addresses"}
    assert "the limit for the connections of one address is off" in found["addresses"].what


def test_nginx_that_sends_to_https(server: RunningServer, tmp_path: Path) -> None:
    port = free_port()
    block = f"server {{ listen 127.0.0.1:{port}; return 301 https://$host$request_uri; }}"
    with nginx_with(http(block, tmp_path), port, tmp_path) as url:
        found = troubles(url)
    assert "redirected to https (status 301)" in found["redirect"].what


def test_nginx_that_changes_bodies(server: RunningServer, tmp_path: Path) -> None:
    port = free_port()
    block = (
        f"server {{ listen 127.0.0.1:{port}; location / {{ ssi on; ssi_types *; "
        f"proxy_hide_header x-MD5; proxy_pass {server.url}; }} }}"
    )
    with nginx_with(http(block, tmp_path), port, tmp_path) as url:
        found = troubles(url)
    assert "chunked" in found


def test_a_catalog_as_plain_files(catalog: Path, tmp_path: Path) -> None:
    with nginx(catalog, tmp_path) as url:
        found = troubles(url)
    assert "status 404" in found["catalog"].what
