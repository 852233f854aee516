"""TLS: the certificate that the server shows, and its replacement while the server runs.

1. TLS 1.2 is the oldest version, and 1.3 is not required: BearSSL of the ESP8266 core goes up to
   1.2 (``_tls_max`` in ``WiFiClientSecureBearSSL.cpp``), and so does mbedTLS 2 in Arduino cores for
   the ESP32 before 3.0.
2. Both files are looked at every few seconds. Programs that renew certificates write one file after
   the other, so a change counts when it is the same twice in a row.
3. A certificate and a key that do not belong together are not taken, nor what cannot be read: the
   server goes on with what it has, and logs that once.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
import socket
import ssl
import stat
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, cast

from acpublish.errors import SettingsError
from acpublish.input_files import read_bounded
from acpublish.server.bounds import HANDSHAKE_S, MAX_HANDSHAKES, TLS_LINGER_S
from acpublish.server.config import ServerOptions
from acpublish.server.connections import Connections, address_of
from acpublish.server.protocol import DeviceProtocol
from acpublish.server.proxy_header import ProxyHeader
from acpublish.server.socket_transport import SocketTransport

_log = logging.getLogger("acpublish.server")

#: How often the files are looked at.
LOOK_EVERY_S = 2.0
#: A chain of certificates has a few KB.
_MAX_BYTES = 1024 * 1024
_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_KEY = b"PRIVATE KEY-----"
_CERTIFICATE_HINT = (
    "Use the PEM file of the server's certificate, followed by those between it and its CA; "
    "certbot calls it fullchain.pem."
)
_KEY_HINT = "Use the PEM file of the certificate's private key; certbot calls it privkey.pem."
#: The reason that OpenSSL gives.
_MISMATCH = "KEY_VALUES_MISMATCH"
_PLAIN_HTTP = "HTTP_REQUEST"

_State = tuple[tuple[int, int, int], ...]


class _EncryptedError(Exception):
    """The key needs a password."""


def _handshake_options() -> dict[str, Any]:
    """Returns how long asyncio waits for a client that begins or ends TLS."""
    options: dict[str, Any] = {"ssl_handshake_timeout": HANDSHAKE_S}
    if sys.version_info >= (3, 11):
        options["ssl_shutdown_timeout"] = TLS_LINGER_S
    return options


def certificate_of(options: ServerOptions) -> Certificate | None:
    """Returns the certificate that options name.

    Returns:
        None if they do not ask for TLS.

    Raises:
        SettingsError: It cannot be used, or an option is missing.
    """
    given = {
        "--tls-cert": options.tls_cert,
        "--tls-key": options.tls_key,
        "--tls-port": options.tls_port,
    }
    if all(value is None for value in given.values()):
        return None
    if options.tls_cert is None or options.tls_key is None:
        used = next(name for name, value in given.items() if value is not None)
        missing = "--tls-cert" if options.tls_cert is None else "--tls-key"
        raise SettingsError(
            f"{used} is of no use without {missing}",
            hint="Pass both --tls-cert FILE and --tls-key FILE.",
        )
    return Certificate(options.tls_cert, options.tls_key)


class Certificate:
    """The server's certificate and its key.

    Attributes:
        context: What each connection begins with; it leads to the newest certificate.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        """Loads the files.

        Args:
            certificate: The server's certificate and its chain, in PEM.
            key: Its private key, in PEM.

        Raises:
            SettingsError: One of them cannot be used.
        """
        self._files = (certificate, key)
        self._taken = self._state()
        self._seen = self._taken
        self._refused: _State | None = None
        self.context = self._newest = load(certificate, key)
        self.context.sni_callback = self._show_newest
        self._ends_s = expiry(certificate)
        self._warned = False
        self._warn()

    def look(self) -> None:
        """Takes the files if they have changed."""
        state = self._state()
        settled, self._seen = state == self._seen, state
        if settled and state not in (self._taken, self._refused):
            try:
                self._newest = load(*self._files)
            except SettingsError as error:
                self._refused = state
                _log.error("the certificate stays as it was: %s", error)
            else:
                self._taken, self._refused, self._warned = state, None, False
                self._ends_s = expiry(self._files[0])
                _log.info("loaded the certificate again from %s", self._files[0])
        self._warn()

    async def watch(self) -> None:
        """Looks at the files again and again."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            # They may be in a network's file system.
            await asyncio.to_thread(self.look)

    def _state(self) -> _State:
        """Returns what changes with the files; without what is missing."""
        state = []
        for path in self._files:
            try:
                status = path.stat()
            except OSError:
                continue
            state.append((status.st_mtime_ns, status.st_ino, status.st_size))
        return tuple(state)

    def _show_newest(
        self, connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, context: ssl.SSLContext
    ) -> None:
        """Called by OpenSSL at the beginning of each handshake, with or without a name."""
        if self._newest is not context:
            connection.context = self._newest

    def _warn(self) -> None:
        """Says once that the certificate is no longer valid."""
        if self._warned or self._ends_s is None:
            return
        ends = datetime.fromtimestamp(self._ends_s, timezone.utc)
        if ends <= datetime.now(timezone.utc):
            self._warned = True
            _log.warning(
                "the certificate %s expired on %s; clients that verify it will refuse the server",
                self._files[0],
                ends.strftime("%Y-%m-%d %H:%M UTC"),
            )


class Handshake(asyncio.Protocol):
    """A connection until TLS has begun, when the protocol of devices gets it.

    Attributes:
        secure: That TLS follows.
        transport: What carries the connection before that.
    """

    secure = True

    def __init__(
        self,
        connections: Connections,
        certificate: Certificate,
        proxied: ProxyHeader | None = None,
    ) -> None:
        """Prepares for a connection.

        Args:
            connections: What all connections of the server share.
            certificate: The server's certificate.
            proxied: Whose connection it is, if a proxy says so.
        """
        self._connections = connections
        self._certificate = certificate
        self._proxied = proxied
        self.transport: SocketTransport
        self._address: str | None = None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins TLS on the socket, which a transport of the loop gets."""
        self.transport = cast(SocketTransport, transport)
        connections = self._connections
        self._address = address_of(transport, self._proxied)
        reason = connections.add(self, self._address)
        if connections.handshakes >= MAX_HANDSHAKES:
            connections.excess.note(f"there are {MAX_HANDSHAKES} handshakes of TLS already")
            self.transport.abort()
            return
        if reason and not connections.may_use_api(self._address):
            connections.excess.note(reason)
            self.transport.abort()
            return
        connections.handshakes += 1
        self._task = connections.loop.create_task(self._run(self.transport.detach()))
        self._task.add_done_callback(self._done)

    async def _run(self, connected: socket.socket) -> None:
        try:
            await self._connections.loop.connect_accepted_socket(
                lambda: DeviceProtocol(self._connections, self._proxied, secure=True),
                connected,
                ssl=self._certificate.context,
                **_handshake_options(),
            )
        except OSError as error:
            # Others went away, like the health checks of proxies, or were too slow.
            if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
                self._connections.excess.note(f"TLS did not begin: {_reason(error)}")

    def _done(self, task: asyncio.Task[None]) -> None:
        # With the task, this would be left to the garbage collector.
        self._task = None
        self._connections.handshakes -= 1
        self._connections.remove(self, self._address)
        if not task.cancelled() and task.exception() is not None:
            _log.error("a handshake failed", exc_info=task.exception())

    def connection_lost(self, exc: Exception | None) -> None:
        """Counts the connection no longer; only one that was refused ends like this."""
        self._connections.remove(self, self._address)

    def shutdown(self) -> None:
        """Ends the connection, as no request was read."""
        self.abort()

    def abort(self) -> None:
        """Breaks the handshake off."""
        if self._task is not None:
            self._task.cancel()


def _reason(error: ssl.SSLError) -> str:
    """Returns why a handshake failed; one of few texts, as OpenSSL's own reasons are."""
    if error.reason == _PLAIN_HTTP:
        return "a client sent plain HTTP to the port with TLS"
    return str(error.reason).replace("_", " ").lower()


def load(certificate: Path, key: Path) -> ssl.SSLContext:
    """Returns a context with a certificate and its key.

    Raises:
        SettingsError: One of them cannot be used, or they do not belong together.
    """
    chain = _read(certificate, "certificate", _CERTIFICATE_HINT)
    if _CERTIFICATE not in chain:
        raise SettingsError(
            f"{certificate} does not contain a certificate in PEM", hint=_CERTIFICATE_HINT
        )
    if _KEY not in _read(key, "key", _KEY_HINT):
        raise SettingsError(f"{key} does not contain a private key in PEM", hint=_KEY_HINT)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except _EncryptedError:
        copy = shlex.quote(f"{key}.plain")
        raise SettingsError(
            f"the key {key} is encrypted, and the server cannot ask for a password",
            hint=f"Use a key without one: openssl pkey -in {shlex.quote(str(key))} -out {copy}",
        ) from None
    except (OSError, ValueError) as error:
        raise _unusable(certificate, key, error) from error
    if os.name == "posix" and key.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
        _log.warning(
            "every user of this machine can read the key %s; to change that: chmod o= %s",
            key,
            shlex.quote(str(key)),
        )
    return context


def _read(path: Path, kind: str, hint: str) -> bytes:
    return read_bounded(path, _MAX_BYTES, SettingsError, hint=hint, name=f"the {kind} file {path}")


def _no_password() -> str:
    raise _EncryptedError


def _unusable(certificate: Path, key: Path, error: Exception) -> SettingsError:
    reason = getattr(error, "reason", None) or "it is damaged"
    if reason == _MISMATCH:
        return SettingsError(
            f"the key {key} does not belong to the certificate {certificate}",
            hint="Use the key that the certificate was requested with. In a file with several "
            "certificates, the server's own comes first.",
        )
    shown = str(reason).replace("_", " ").lower()
    return SettingsError(
        f"the certificate {certificate} and the key {key} cannot be used: {shown}",
        hint="Let OpenSSL check them: openssl x509 -noout -in CERT; openssl pkey -noout -in KEY",
    )


def expiry(certificate: Path) -> float | None:
    """Returns until when the first certificate of a PEM file is valid, in seconds since 1970.

    Returns:
        None if that cannot be read; OpenSSL has judged the file already.
    """
    try:
        text = certificate.read_text("ascii", "replace")
        begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
        first = begin + text.partition(begin)[2].partition(end)[0] + end
        return _not_after(ssl.PEM_cert_to_DER_cert(first))
    except (OSError, ValueError, IndexError):
        return None


def _not_after(der: bytes) -> float:
    """Returns ``notAfter`` of a certificate (RFC 5280, section 4.1)."""
    fields = _elements(_elements(_elements(der)[0][1])[0][1])
    # An explicit version comes first, if it is not 1; then serial number, algorithm and issuer.
    first = 1 if fields[0][0] == _VERSION_TAG else 0
    tag, value = _elements(fields[first + 3][1])[1]
    text = value.decode("ascii")
    if tag == _UTC_TIME_TAG:
        # Section 4.1.2.5.1: years from 50 on are in the last century.
        text = ("19" if text[:2] >= "50" else "20") + text
    moment = datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc)
    return moment.timestamp()


_VERSION_TAG, _UTC_TIME_TAG = 0xA0, 0x17
_LONG_LENGTH = 0x80


def _elements(data: bytes) -> list[tuple[int, bytes]]:
    """Returns tags and values of a sequence in DER (X.690, section 8.1)."""
    elements = []
    at = 0
    while at < len(data):
        tag, length = data[at], data[at + 1]
        at += 2
        if length & _LONG_LENGTH:
            digits = length & ~_LONG_LENGTH
            length = int.from_bytes(data[at : at + digits], "big")
            at += digits
        elements.append((tag, data[at : at + length]))
        at += length
    return elements
