"""A device's HTTP: one request on one connection, and its response as HTTPClient reads it.

Sources: ``handleHeaderResponse`` and ``errorToString`` in ``ESP8266HTTPClient.cpp`` and in
arduino-esp32's ``HTTPClient.cpp``.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from acpublish.client.tls_faults import TlsFault, tls_fault
from acpublish.emulator.device_tls import RECORD_BYTES, verifying
from acpublish.errors import SettingsError
from acpublish.wire import authority_of

_MAX_HEAD_BYTES = 64 * 1024
_READ_BYTES = 64 * 1024
#: A slow device takes what its rate gives it in this time.
_PACED_S = 0.02


class HttpError(Exception):
    """A failure with the words of ``HTTPClient::errorToString``.

    Attributes:
        cause: What a device does not say of it, and what to do, as sentences; empty if unknown.
    """

    cause = ""


class NotConnectedError(HttpError):
    """There is no connection at all."""


class NoTlsError(HttpError):
    """There is a connection, but no TLS on it, which a device does not tell apart."""

    def __init__(self, words: str, fault: TlsFault) -> None:
        """Creates the error.

        Args:
            words: Those of the device.
            fault: Why there is no TLS.
        """
        super().__init__(words)
        self.fault = fault
        self.cause = f"{fault.reason}. {fault.hint}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """What a sketch's URL leads to: host, port, the raw target, and the URL's credentials.

    Attributes:
        host: The host, an address of IPv6 without its brackets.
        port: The port.
        target: What follows, raw.
        user: The user of ``user:password@``, None if there is none.
        password: The password.
        tls: What the sketch trusts; None for plain http.
    """

    host: str
    port: int
    target: bytes
    user: str | None = None
    password: str | None = None
    tls: ssl.SSLContext | None = None

    @property
    def authority(self) -> str:
        """Host and port, as in a URL."""
        return authority_of(self.host, self.port)


def parse_url(url: str, ca: Path | None = None) -> Endpoint:
    """Splits a URL as ``HTTPClient::begin`` does: the target stays as it is.

    Args:
        url: An http or https URL.
        ca: The file of the only CAs that the sketch trusts; None for those of browsers.

    Raises:
        SettingsError: It is not the URL of a server.
    """
    hint = "Use a URL such as http://192.168.1.10:8000/sensor.bin."
    scheme, _, rest = url.partition("://")
    secure = scheme.lower() == "https"
    if not (secure or scheme.lower() == "http") or any(
        mark < " " or mark == "\x7f" for mark in url
    ):
        raise SettingsError("a device accepts only http:// and https:// URLs", hint=hint)
    authority, slash, target = rest.partition("/")
    try:
        parts = urlsplit(f"http://{authority}/")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise SettingsError("the URL has an invalid host or port", hint=hint) from None
    if "?" in authority or "#" in authority:
        raise SettingsError(
            "the URL has a query without a path", hint="Write a / between the host and the query."
        )
    if not host or port == 0 or " " in authority:
        raise SettingsError("the URL has no host", hint=hint)
    return Endpoint(
        host=host,
        port=port or (443 if secure else 80),
        target=(slash + target).encode("utf-8", "surrogateescape"),
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        tls=verifying(ca) if secure else None,
    )


class DeviceResponse:
    """The head of a response, and its body on the socket.

    Attributes:
        status: The HTTP status.
        client: The address and the port of this end of the connection.
        size: Content-Length, -1 if there is none.
        head_bytes: The size of the head.
        in_first_segment: How many bytes of the body arrived in the head's last segment.
        received: The bytes of the body that were read last.
        stalled: Whether that ended because nothing more arrived, and not with the connection.
        secure: Whether it came over TLS.
    """

    def __init__(self, link: socket.socket, segment_bytes: int) -> None:
        self._link = link
        self._segment_bytes = segment_bytes
        self._pending = b""
        self._headers: dict[str, str] = {}
        self.client: tuple[str, int] = link.getsockname()[:2]
        self.status = -1
        self.size = -1
        self.head_bytes = 0
        self.in_first_segment = 0
        self.received = b""
        self.stalled = False
        self.secure = isinstance(link, ssl.SSLSocket)

    def header(self, name: str) -> str:
        """Returns a header; repeated values are joined, as in the C++ code."""
        return self._headers.get(name.lower(), "")

    def read_head(self, chip: str, timeout_s: float) -> None:
        """Reads up to the empty line.

        Raises:
            HttpError: It does not arrive, or the C++ code would not accept it.
        """
        self._link.settimeout(timeout_s)
        head = b""
        while b"\n\r\n" not in head and b"\n\n" not in head:
            part = self._receive("read Timeout")
            if not part:
                raise HttpError("connection lost")
            head += part
            if len(head) > _MAX_HEAD_BYTES:
                raise HttpError("too less ram")
        ends = [head.find(mark) + len(mark) for mark in (b"\n\r\n", b"\n\n") if mark in head]
        self.head_bytes = min(ends)
        self._pending = head[self.head_bytes :]
        self.in_first_segment = len(self._pending)
        for line in head[: self.head_bytes].decode("latin-1").split("\n"):
            self._read_line(line.strip())
        self._check(chip)

    def _read_line(self, line: str) -> None:
        if line.startswith("HTTP/1."):
            self.status = _leading_number(line[9:])
            return
        name, colon, value = line.partition(":")
        if not colon:
            return
        name, value = name.lower(), value.strip()
        if name == "content-length":
            self.size = _leading_number(value)
        earlier = self._headers.get(name)
        self._headers[name] = f"{earlier},{value}" if earlier else value

    def _check(self, chip: str) -> None:
        if self.status <= 0:
            raise HttpError("no HTTP server")
        encoding = self.header("Transfer-Encoding").lower()
        known = ("", "chunked") if chip == "esp8266" else ("", "chunked", "identity")
        if encoding not in known:
            raise HttpError("Transfer-Encoding not supported")

    def peek(self, count: int) -> bytes:
        """Returns the next bytes of the body without consuming them; fewer if no more arrive."""
        while len(self._pending) < count:
            try:
                part = self._receive("")
            except HttpError:
                break
            if not part:
                break
            self._pending += part
        return self._pending[:count]

    def read(self, count: int, stall_s: float, bytes_per_s: float | None = None) -> bytes:
        """Returns the next bytes of the body; fewer if the server stalls or disconnects.

        Args:
            count: How many bytes.
            stall_s: How long to wait for each next one, in seconds.
            bytes_per_s: How fast to read them at most; None for as fast as they come.
        """
        self._link.settimeout(stall_s)
        body = bytearray(self._pending[:count])
        self._pending = self._pending[count:]
        begin, at_once = time.monotonic(), _READ_BYTES
        if bytes_per_s is not None:
            at_once = max(1, min(at_once, int(bytes_per_s * _PACED_S)))
        while len(body) < count:
            if bytes_per_s is not None:
                time.sleep(max(0.0, begin + len(body) / bytes_per_s - time.monotonic()))
            try:
                part = self._link.recv(min(count - len(body), at_once))
            except OSError as fault:
                self.stalled = isinstance(fault, TimeoutError)
                break
            if not part:
                break
            body += part
        self.received = bytes(body)
        return self.received

    def _receive(self, late: str) -> bytes:
        try:
            return self._link.recv(self._segment_bytes)
        except TimeoutError:
            raise HttpError(late) from None
        except OSError:
            raise HttpError("connection lost") from None


@contextmanager
def connected(
    endpoint: Endpoint,
    *,
    chip: str,
    timeout_s: float,
    before: bytes = b"",
    source: str | None = None,
) -> Iterator[socket.socket]:
    """Connects, with TLS if the URL is https, and yields the socket.

    Args:
        endpoint: Where to connect.
        chip: The family of the device, because their clients differ.
        timeout_s: How long to wait for the connection, and for each next byte of the handshake.
        before: Bytes to send first, in the clear; no device sends any.
        source: The address of this machine to connect from; None for the usual one.

    Raises:
        NotConnectedError: There is no connection.
        NoTlsError: There is no TLS on it.
    """
    # Core 3 and arduino-esp32 word HTTPC_ERROR_CONNECTION_REFUSED (-1) differently.
    words = "connection failed" if chip == "esp8266" else "connection refused"
    try:
        link = socket.create_connection(
            (endpoint.host, endpoint.port), timeout_s, None if source is None else (source, 0)
        )
    except (OSError, UnicodeError):
        raise NotConnectedError(words) from None
    with link:
        try:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link.sendall(before)
        except OSError:
            raise HttpError("send header failed") from None
        if endpoint.tls is None:
            yield link
            return
        try:
            secured = endpoint.tls.wrap_socket(link, server_hostname=endpoint.host)
        except (OSError, ValueError) as error:
            raise NoTlsError(words, tls_fault(error, endpoint.authority)) from None
        with secured:
            yield secured


@contextmanager
def exchange(
    endpoint: Endpoint,
    request: bytes,
    *,
    chip: str,
    timeout_s: float,
    segment_bytes: int,
    before: bytes = b"",
    source: str | None = None,
) -> Iterator[DeviceResponse]:
    """Sends a request and yields its response, with the head read.

    Args:
        endpoint: Where to send it.
        request: Its bytes.
        chip: The family of the device, because their clients differ.
        timeout_s: How long to wait for the connection, and for each next byte of the head.
        segment_bytes: The size of the largest TCP segment.
        before: Bytes to send first, in the clear; no device sends any.
        source: The address of this machine to connect from; None for the usual one.

    Raises:
        HttpError: No response arrived, or the C++ code would not accept it.
    """
    with connected(endpoint, chip=chip, timeout_s=timeout_s, before=before, source=source) as link:
        # A client gets a record of TLS as a whole, in whichever segments it came.
        response = DeviceResponse(link, RECORD_BYTES if endpoint.tls else segment_bytes)
        try:
            link.sendall(request)
        except OSError:
            raise HttpError("send header failed") from None
        response.read_head(chip, timeout_s)
        yield response


def _leading_number(text: str) -> int:
    """Does what ``String::toInt`` does: returns the digits at the start, 0 if there are none."""
    digits = ""
    for character in text.lstrip():
        if not ("0" <= character <= "9") or len(digits) > 9:
            break
        digits += character
    return int(digits or "0")
