"""``doctor``, ``emulate`` and ``list`` in front of a server with TLS, and of the wrong port."""

from __future__ import annotations

import datetime
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from acpublish import publish
from acpublish.cli import main
from acpublish.doctor.findings import Finding, State
from acpublish.doctor.live_server import check_server
from tests.support import images
from tests.support.certificates import Certificates, certificates
from tests.support.loops import tls_port
from tests.support.server import running_server
from tests.unit.server.in_memory import lamp_catalog

AUTO = ("--auto", "lamp/attic")


@dataclass(frozen=True)
class Site:
    """A server on two ports."""

    http: str
    https: str
    files: Certificates

    @property
    def ca(self) -> tuple[str, str]:
        return "--ca", str(self.files.ca)

    @property
    def swapped(self) -> tuple[str, str]:
        """The URLs with http on the port for TLS, and with https on the other."""
        return self.https.replace("https", "http"), self.http.replace("http", "https")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("certificates"), valid=datetime.timedelta(days=400))


def tls_options(files: Certificates) -> list[str]:
    return ["--tls-cert", str(files.server), "--tls-key", str(files.key), "--tls-port", "0"]


@pytest.fixture(scope="module")
def site(files: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    catalog = folder / "catalog"
    catalog.mkdir()
    for board, image in {
        "attic": images.esp8266_image(60_000),
        "cellar": images.esp32_image("esp32c3", 60_000),
    }.items():
        (folder / board).write_bytes(image)
        publish(folder / board, to=catalog, product="lamp", version="1.0.0", board=board)
    with running_server(catalog, folder, *tls_options(files)) as server:
        yield Site(server.url, f"https://127.0.0.1:{tls_port(server)}", files)


@pytest.fixture(autouse=True)
def _no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)


def troubles(url: str, ca: Path | None = None) -> dict[str, Finding]:
    return {each.name: each for each in check_server(url, ca) if each.state is not State.OK}


def test_the_doctor_trusts_the_ca(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--to", site.https, *site.ca]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("ok ") and " certificate " in line for line in lines)
    assert lines[-1] == "14 ok, 1 not checked"


def test_the_doctor_finds_a_certificate_of_an_unknown_ca_and_examines_the_rest(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = troubles(site.https)
    assert set(found) == {"certificate", "catalog"}
    assert found["certificate"].state is State.ERROR
    assert "pass the CA's file with --ca." in found["certificate"].change
    assert main(["doctor", "--to", site.https]) == 1
    monkeypatch.setenv("ACPUBLISH_CA", str(site.files.ca))
    assert main(["doctor", "--to", site.https]) == 0


def test_a_file_that_is_not_a_ca_is_refused(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("doctor", "emulate"):
        assert main([command, "--to", site.https, "--ca", str(site.files.key)]) == 2
        assert "error: --ca: " in capsys.readouterr().err


@pytest.mark.parametrize("chip", ["esp8266", "esp32"])
def test_the_software_device_updates(
    site: Site, chip: str, capsys: pytest.CaptureFixture[str]
) -> None:
    board = "lamp/attic" if chip == "esp8266" else "lamp/cellar"
    words = ["emulate", "--to", site.https, "--auto", board, "--chip", chip]
    assert main([*words, *site.ca]) == 0
    assert capsys.readouterr().out.startswith("updated: now runs lamp 1.0.0, ")
    assert main(words) == 1
    said = capsys.readouterr()
    name = "failed" if chip == "esp8266" else "refused"
    assert said.out == f"failed: HTTP error: connection {name}\n"
    assert "no trusted CA signed its certificate" in said.err
    assert "pass the CA's file with --ca." in said.err
    assert main(["emulate", "--to", site.https, "--list", *site.ca]) == 0
    assert "lamp/lamp-1.0.0_" in capsys.readouterr().out
    assert main(["emulate", "--to", site.https, "--list"]) == 1
    assert "--ca" in capsys.readouterr().err


def test_http_and_https_mixed_up(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    http, https = site.swapped
    assert main(["doctor", "--to", http]) == 1
    said = capsys.readouterr().out
    assert "speaks TLS, not plain http" in said
    assert f"Use {site.https}, " in said
    assert main(["doctor", "--to", https, *site.ca]) == 1
    said = capsys.readouterr().out
    assert "speaks plain http, not TLS" in said
    assert f"Use {site.http}, " in said
    assert main(["list", "--to", http]) == 5
    assert f"If that port speaks TLS, use {site.https}." in capsys.readouterr().err
    assert main(["list", "--to", https, *site.ca]) == 5
    said = capsys.readouterr().err
    assert "cannot be reached: it does not respond with TLS" in said
    assert f"If that port has no TLS, use {site.http}." in said
    assert "_ssl.c" not in said
    assert main(["emulate", "--to", https, *AUTO]) == 1
    assert f"use {site.http}." in capsys.readouterr().err


def test_a_server_that_expects_a_proxy_header(files: Certificates, tmp_path: Path) -> None:
    named = ("--proxy-protocol", "127.0.0.1")
    catalog = lamp_catalog(tmp_path)
    with running_server(catalog, tmp_path, *tls_options(files), *named) as server:
        for url in (server.url, f"https://127.0.0.1:{tls_port(server)}"):
            (finding,) = troubles(url, files.ca).values()
            assert "do not begin with a PROXY header" in finding.what
            assert "serve without --proxy-protocol" in finding.change


def test_a_server_at_an_address_of_ipv6(tmp_path: Path) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with running_server(lamp_catalog(tmp_path), tmp_path, "--bind", "::1") as server:
        assert server.url.startswith("http://[::1]:")
        findings = {each.name: each for each in check_server(server.url)}
        assert findings["addresses"].state is State.OK
        assert findings["catalog"].state is State.OK


def test_the_start_line_names_the_folder_without_detours(tmp_path: Path) -> None:
    (tmp_path / "tls").mkdir()
    catalog = lamp_catalog(tmp_path)
    detour = tmp_path / "tls" / ".." / catalog.name
    with running_server(detour, tmp_path) as server:
        assert server.line.startswith(f"acpublish: serving {catalog.resolve()} at http://")
