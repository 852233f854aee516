"""``--ca`` against TLS of the real nginx, whose certificate a CA of one's own signed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import acpublish
from acpublish.cli import main
from acpublish.errors import UnreachableError
from bench.peers import free_port, http, nginx_with, tool
from bench.report import Unavailable
from tests.support import images
from tests.support.certificates import Certificates, certificates
from tests.support.server import running_server
from tests.support.tokens import create_token

NAMES = ("--product", "lamp", "--version", "1.0.0", "--board", "d1_mini")
FILE = "lamp/lamp-1.0.0_d1_mini.bin"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def secure(files: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of nginx, which speaks TLS and passes requests on to the real server."""
    try:
        tool("nginx", "nginx-light")
    except Unavailable as reason:
        pytest.skip(str(reason))
    folder = tmp_path_factory.mktemp("secure")
    (folder / "catalog").mkdir()
    token = create_token(folder / "state", "*")
    port = free_port()
    with running_server(folder / "catalog", folder) as server:
        block = (
            f"server {{ listen 127.0.0.1:{port} ssl; client_max_body_size 32m;"
            f" ssl_certificate {files.server}; ssl_certificate_key {files.key};"
            f" location / {{ proxy_pass {server.url}; proxy_set_header Host $http_host; }} }}"
        )
        with (
            nginx_with(http(block, folder / "nginx"), port, folder / "nginx") as url,
            pytest.MonkeyPatch.context() as patch,
        ):
            patch.setenv("ACPUBLISH_TOKEN", token)
            yield url.replace("http://", "https://")


@pytest.fixture
def firmware(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    path = tmp_path / "firmware.bin"
    path.write_bytes(images.esp8266_image())
    return path


def test_every_command_trusts_the_ca(
    secure: str, files: Certificates, firmware: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = ("--to", secure, "--ca", str(files.ca))
    assert main(["publish", str(firmware), *to, *NAMES]) == 0
    assert main(["check", str(firmware), *to, *NAMES]) == 0
    old = firmware.parent / "old"
    old.mkdir()
    (old / "lamp-0.9.0_d1_mini.bin").write_bytes(images.esp8266_image(seed=9))
    assert main(["import", str(old), *to, "--yes"]) == 0
    assert main(["diff", "lamp@0.9.0", "lamp@1.0.0", *to]) == 0
    capsys.readouterr()
    assert main(["list", *to, "--path", "lamp", "--json"]) == 0
    versions = {entry["version"] for entry in json.loads(capsys.readouterr().out)}
    assert versions == {"0.9.0", "1.0.0"}


@pytest.mark.parametrize("bundle", ["", "elsewhere"])
def test_without_the_ca_the_server_is_not_trusted(
    secure: str,
    files: Certificates,
    firmware: Path,
    bundle: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(files.server) if bundle else "")
    assert main(["publish", str(firmware), "--to", secure, *NAMES]) == 5
    error = capsys.readouterr().err
    assert "cannot be trusted" in error
    assert "pass the CA's file with --ca." in error
    # The option takes precedence over the bundle.
    assert main(["list", "--to", secure, "--ca", str(files.ca)]) == 0


def test_the_variable_and_the_file_of_settings_name_it(
    secure: str, files: Certificates, firmware: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACPUBLISH_CA", str(files.ca))
    assert main(["list", "--to", secure]) == 0
    monkeypatch.delenv("ACPUBLISH_CA")
    assert main(["list", "--to", secure]) == 5
    (firmware.parent / "acpublish.toml").write_text('ca = "certificates/ca.pem"\n')
    (firmware.parent / "certificates").mkdir()
    (firmware.parent / "certificates" / "ca.pem").write_bytes(files.ca.read_bytes())
    assert main(["list", "--to", secure]) == 0
    (firmware.parent / "acpublish.toml").unlink()
    (firmware.parent / "platformio.ini").write_text(
        f"[env:d1_mini]\nboard = d1_mini\ncustom_ota_ca = {files.ca}\n"
    )
    assert main(["list", "--to", secure]) == 0


def test_the_python_api_trusts_it(
    secure: str, files: Certificates, firmware: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    token = os.environ["ACPUBLISH_TOKEN"]
    publication = acpublish.publish(
        firmware, to=secure, ca=files.ca, token=token, product="bell", version="1.0.0", board="d1"
    )
    server = acpublish.UpdateServer(secure, ca=str(files.ca))
    downloaded = server.download(publication.file, firmware.parent / "downloaded.bin")
    assert acpublish.read_image(downloaded).sha256 == publication.receipt.sha256
    with pytest.raises(UnreachableError, match="cannot be trusted"):
        acpublish.UpdateServer(secure).catalog()


def test_a_file_that_is_not_a_ca_is_refused_before_anything_is_sent(
    files: Certificates, firmware: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["list", "--to", "https://127.0.0.1:9", "--ca"]
    for file, problem in {
        "missing.pem": "the CA file missing.pem cannot be read: no such file or directory",
        str(firmware): f"{firmware} does not contain a certificate in PEM",
        str(files.key): f"{files.key} does not contain a certificate in PEM",
    }.items():
        assert main([*words, file]) == 2
        assert f"error: --ca: {problem}. Use the PEM file" in capsys.readouterr().err
    with pytest.raises(acpublish.errors.SettingsError, match="does not contain a certificate"):
        acpublish.UpdateServer("https://127.0.0.1:9", ca=firmware)
