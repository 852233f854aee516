"""Each way in which a handshake fails has a reason in words; real handshakes, in memory."""

from __future__ import annotations

import contextlib
import datetime
import ssl
from pathlib import Path

import pytest

from acpublish.client.tls_faults import TlsFault, tls_fault
from tests.support.certificates import Certificates, certificates

HERE = "127.0.0.1:8443"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("certificates"))


def client_of(ca: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    if ca is not None:
        context.load_verify_locations(cafile=ca)
    return context


def fault_of(client: ssl.SSLContext, server: ssl.SSLContext, authority: str = HERE) -> TlsFault:
    """Returns the fault of a handshake that the client gives up, or the server."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    host = authority.rpartition(":")[0]
    ours = client.wrap_bio(to_client, to_server, server_hostname=host)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(10):
        try:
            ours.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except OSError as error:
            return tls_fault(error, authority)
        with contextlib.suppress(ssl.SSLError):
            theirs.do_handshake()
    raise AssertionError("the handshake did not fail")


def fault_after(received: bytes) -> TlsFault:
    """Returns the fault of a handshake with what does not speak TLS."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client_of(None).wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    to_client.write(received)
    to_client.write_eof()
    with pytest.raises(ssl.SSLError) as caught:
        ours.do_handshake()
    return tls_fault(caught.value, HERE)


def test_a_certificate_of_an_unknown_ca(files: Certificates) -> None:
    fault = fault_of(client_of(None), files.context())
    assert fault.untrusted
    assert fault.speaks_tls
    assert fault.reason.startswith("no trusted CA signed its certificate (unable to get local")
    assert "pass the CA's file with --ca." in fault.hint
    assert "fullchain.pem" in fault.hint


def test_a_certificate_that_has_expired(tmp_path: Path) -> None:
    old = certificates(tmp_path, valid=datetime.timedelta(hours=-1))
    fault = fault_of(client_of(old.ca), old.context())
    assert fault.untrusted
    assert fault.reason == "its certificate has expired"


@pytest.mark.parametrize(
    ("authority", "name"),
    [("updates.example.com:8443", "updates.example.com"), ("192.0.2.1:8443", "192.0.2.1")],
)
def test_a_certificate_for_another_name(files: Certificates, authority: str, name: str) -> None:
    fault = fault_of(client_of(files.ca), files.context(), authority)
    assert fault.untrusted
    assert fault.reason == f"its certificate is for another name than {name}"
    assert fault.hint.endswith(f"or get a certificate for {name}.")


def test_a_server_with_newer_versions_only(files: Certificates) -> None:
    newer = files.context()
    newer.minimum_version = ssl.TLSVersion.TLSv1_3
    fault = fault_of(client_of(files.ca), newer)
    assert not fault.untrusted
    assert fault.speaks_tls
    assert fault.reason == "it accepts no version of TLS that this side has"
    assert "ssl_protocols TLSv1.2" in fault.hint


@pytest.mark.parametrize("received", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n"])
def test_what_does_not_speak_tls(received: bytes) -> None:
    fault = fault_after(received)
    assert not fault.untrusted
    assert not fault.speaks_tls
    assert fault.reason == "it does not respond with TLS"
    assert fault.hint == "If that port has no TLS, use http://127.0.0.1:8443."


def test_a_connection_that_breaks() -> None:
    for error in (ConnectionResetError(104, "Connection reset by peer"), TimeoutError()):
        assert not tls_fault(error, HERE).speaks_tls


def test_another_error_has_its_text_without_its_place_in_the_source() -> None:
    error = ssl.SSLError(1, "[SSL: NO_CIPHERS_AVAILABLE] no ciphers available (_ssl.c:1006)")
    assert tls_fault(error, HERE).reason == "no ciphers available"
