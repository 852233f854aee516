"""The certificate: what is refused in one line, what is warned of, and how it is replaced."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
import uvicorn
from uvicorn.server import ServerState

from acpublish.errors import SettingsError
from acpublish.server import tls
from acpublish.server.config import ServerOptions
from acpublish.server.connections import Connections
from acpublish.server.listener import Listener
from acpublish.server.sockets import listen
from acpublish.server.tls import Certificate, Handshake, certificate_of, expiry, load
from tests.support.certificates import Certificates, certificates
from tests.support.openssl import needs_openssl, openssl
from tests.unit.server.in_memory import lamp_catalog, make


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("others"))


def test_the_oldest_version_is_1_2(files: Certificates) -> None:
    context = load(files.server, files.key)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.maximum_version is ssl.TLSVersion.MAXIMUM_SUPPORTED


def test_a_missing_file_is_named(files: Certificates, tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    with pytest.raises(SettingsError, match=r"the certificate file .*missing\.pem cannot be read"):
        load(missing, files.key)
    with pytest.raises(SettingsError, match=r"the key file .*missing\.pem cannot be read"):
        load(files.server, missing)
    with pytest.raises(SettingsError, match=r"the key file .* cannot be read"):
        load(files.server, tmp_path)


def test_files_of_another_kind_are_named(files: Certificates) -> None:
    with pytest.raises(SettingsError, match="does not contain a certificate in PEM"):
        load(files.key, files.key)
    with pytest.raises(SettingsError, match="does not contain a private key in PEM") as caught:
        load(files.server, files.server)
    assert "privkey.pem" in str(caught.value.hint)


def test_a_key_of_another_certificate_is_refused(files: Certificates, others: Certificates) -> None:
    with pytest.raises(SettingsError, match="does not belong to the certificate"):
        load(files.server, others.key)


@needs_openssl
def test_an_encrypted_key_is_refused_with_the_command_that_helps(
    files: Certificates, tmp_path: Path
) -> None:
    encrypted = tmp_path / "my key"
    openssl("pkey", "-in", files.key, "-aes128", "-passout", "pass:secret", "-out", encrypted)
    with pytest.raises(SettingsError, match="is encrypted") as caught:
        load(files.server, encrypted)
    assert f"openssl pkey -in '{encrypted}' -out" in str(caught.value.hint)


def test_damaged_files_are_refused(files: Certificates, tmp_path: Path) -> None:
    for source in (files.server, files.key):
        damaged = tmp_path / source.name
        lines = source.read_text().splitlines()
        damaged.write_text("\n".join([*lines[:1], "AAAA" + lines[1][4:], *lines[2:]]))
    with pytest.raises(SettingsError, match="cannot be used"):
        load(tmp_path / files.server.name, files.key)
    with pytest.raises(SettingsError, match="cannot be used"):
        load(files.server, tmp_path / files.key.name)


def test_a_key_that_everyone_can_read_is_warned_of(
    files: Certificates, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = tmp_path / "key.pem"
    shutil.copy(files.key, key)
    key.chmod(0o640)
    load(files.server, key)
    assert not caplog.records
    key.chmod(0o644)
    load(files.server, key)
    assert f"chmod o= {key}" in caplog.text


def test_an_expired_certificate_is_warned_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old = certificates(tmp_path, valid=datetime.timedelta(hours=-1))
    old.key.chmod(0o600)
    certificate = Certificate(old.server, old.key)
    certificate.look()
    (record,) = caplog.records
    assert "expired on" in record.getMessage()
    assert str(old.server) in record.getMessage()


@needs_openssl
@pytest.mark.parametrize("days", [-1, 1, 365 * 40])
def test_the_end_is_read_from_the_certificate(tmp_path: Path, days: int) -> None:
    """After 2049 it has another type (RFC 5280, section 4.1.2.5)."""
    valid = datetime.timedelta(days=days)
    files = certificates(tmp_path, valid=valid)
    expected = (datetime.datetime.now(datetime.timezone.utc) + valid).timestamp()
    ends = expiry(files.server)
    assert ends is not None
    assert abs(ends - expected) < 60
    shown = subprocess.run(
        ["openssl", "x509", "-noout", "-enddate", "-in", str(files.server)],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert ssl.cert_time_to_seconds(shown.strip().partition("=")[2]) == ends


@pytest.mark.parametrize(
    "text", ["", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"]
)
def test_an_end_that_cannot_be_read_is_unknown(tmp_path: Path, text: str) -> None:
    file = tmp_path / "certificate.pem"
    file.write_text(text)
    assert expiry(file) is None


def test_options_without_their_partner_are_refused(tmp_path: Path, files: Certificates) -> None:
    def of(**options: object) -> Certificate | None:
        return certificate_of(ServerOptions(catalog=tmp_path, **options))  # type: ignore[arg-type]

    assert of() is None
    for options, line in (
        ({"tls_key": files.key}, "--tls-key is of no use without --tls-cert"),
        ({"tls_cert": files.server}, "--tls-cert is of no use without --tls-key"),
        ({"tls_port": 8443}, "--tls-port is of no use without --tls-cert"),
        ({"tls_port": 0, "tls_key": files.key}, "--tls-key is of no use without --tls-cert"),
    ):
        with pytest.raises(SettingsError, match=line):
            of(**options)
    assert of(tls_cert=files.server, tls_key=files.key) is not None


def shown(certificate: Certificate) -> bytes:
    """Returns the certificate that a client is shown, in DER, whether it sends a name or not."""
    seen = set()
    for name in ("127.0.0.1", None):
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = trusting.wrap_bio(to_client, to_server, server_hostname=name)
        server = certificate.context.wrap_bio(to_server, to_client, server_side=True)
        for side in (client, server, client):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
        seen.add(client.getpeercert(binary_form=True) or b"")
    (der,) = seen
    return der


def der(file: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(file.read_text())


def renamed(source: Path, target: Path) -> None:
    """Replaces a file as certbot does."""
    new = target.with_suffix(".new")
    shutil.copy(source, new)
    new.chmod(0o600)
    new.rename(target)


@pytest.fixture
def live(files: Certificates, tmp_path: Path) -> Certificates:
    """Files that are replaced while they are in use."""
    renamed(files.server, tmp_path / "live.pem")
    renamed(files.key, tmp_path / "live.key")
    return Certificates(files.ca, tmp_path / "live.pem", tmp_path / "live.key")


def test_a_renewed_certificate_is_shown(
    live: Certificates, others: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    certificate = Certificate(live.server, live.key)
    before = der(live.server)
    assert shown(certificate) == before
    renamed(others.server, live.server)
    certificate.look()
    renamed(others.key, live.key)
    certificate.look()
    # The files have to be the same twice.
    assert shown(certificate) == before
    certificate.look()
    assert shown(certificate) == der(others.server) != before
    assert caplog.text.count("loaded the certificate again") == 1
    assert "stays as it was" not in caplog.text


def test_a_pair_that_does_not_fit_is_logged_once_and_not_taken(
    live: Certificates, others: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    certificate = Certificate(live.server, live.key)
    before = der(live.server)
    renamed(others.server, live.server)
    for _ in range(5):
        certificate.look()
    assert caplog.text.count("the certificate stays as it was: the key ") == 1
    live.key.unlink()
    for _ in range(5):
        certificate.look()
    assert caplog.text.count("stays as it was") == 2
    assert "cannot be read" in caplog.text
    assert shown(certificate) == before
    renamed(others.key, live.key)
    for _ in range(2):
        certificate.look()
    assert shown(certificate) == der(others.server)


def test_a_handshake_that_does_not_end_is_given_up(
    files: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "HANDSHAKE_S", 0.05)

    app = make(lamp_catalog(tmp_path))

    async def main() -> None:
        loop = asyncio.get_running_loop()
        connections = Connections(app.routes, app.log, uvicorn.Config(app), ServerState(), loop)
        certificate = Certificate(files.server, files.key)
        listening = listen("127.0.0.1", 0)
        listener = Listener(
            loop, listening, lambda: Handshake(connections, certificate), pytest.fail
        )
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        while not connections.open:
            await asyncio.sleep(0.001)
        assert await asyncio.wait_for(reader.read(), 20) == b""
        assert not connections.open
        writer.close()
        listener.close()

    asyncio.run(main())


def test_a_handshake_counts_as_a_connection(files: Certificates, tmp_path: Path) -> None:
    app = make(lamp_catalog(tmp_path))

    async def main() -> None:
        loop = asyncio.get_running_loop()
        connections = Connections(
            app.routes, app.log, uvicorn.Config(app), ServerState(), loop, most=2
        )
        certificate = Certificate(files.server, files.key)
        listening = listen("127.0.0.1", 0)
        listener = Listener(
            loop, listening, lambda: Handshake(connections, certificate), pytest.fail
        )
        opened = [await asyncio.open_connection(*listening.getsockname()) for _ in range(3)]
        for reader, _ in opened[1:]:
            assert await asyncio.wait_for(reader.read(), 20) == b""
        assert len(connections.open) == 1
        for connection in list(connections.open):
            connection.abort()
        while connections.open:
            await asyncio.sleep(0.001)
        for _, writer in opened:
            writer.close()
        listener.close()

    asyncio.run(main())
