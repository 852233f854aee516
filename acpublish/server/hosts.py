"""The names of this server, against DNS rebinding.

A web page can let its own name point at a server in the visitor's network, and then read from that
server whatever its browser can reach. The browser still sends the page's name as Host. So whatever
shows more than AutoConnect's original server would, or changes something, is given only:

1. under a name of this server: ``localhost``, the names of this machine, what the server was told
   to listen on, and what ``--host`` names;
2. under any IP address, as behind a router that forwards a port or in a container: there is no name
   that could point elsewhere;
3. to whoever has a valid token, which such a page does not have;
4. to a request without a Host (HTTP/1.0), because every browser sends one.

A request to publish is refused for its token and not for its host: it changes nothing without a
valid token, and ``--host`` would not help whoever sent a wrong one.

Devices, files and ``/_catalog`` are never checked. Where a response contains a URL of the server,
that has one of the same names or an IP address as well (:meth:`OwnHosts.url_for`), namely the one
by which this client reached the server, and no cache may give it to another client.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from acpublish.errors import AcpublishError, SettingsError
from acpublish.server.answer import Answer, Request, json_body, length_and_type
from acpublish.server.response_head import response_head
from acpublish.server.sockets import machine_names
from acpublish.server.tokens import Tokens, bearer
from acpublish.wire import authority_of

#: Status and code of a response to a request for another host (RFC 9110, section 15.5.20).
MISDIRECTED = (421, "misdirected")
#: The method of the one request that changes something. Its route serves nobody without a token.
PUBLISHING_METHOD = "PUT"
#: What proxies add (RFC 7239, RFC 9110 section 7.6.3, and the names that were usual before).
OF_PROXIES = frozenset(
    {
        *(b"forwarded", b"via", b"x-real-ip"),
        *(b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto"),
    }
)
#: The most characters of a name in DNS (RFC 1035, section 2.3.4).
_MAX_NAME = 253
_BRACKETS = re.compile(r"\[([0-9a-f:.]+)(?:%[^\]]*)?\](?::[0-9]*)?\Z")
_NAME = re.compile(r"([a-z0-9._-]+)(?::[0-9]*)?\Z")
_PORT = re.compile(r":([0-9]*)\Z")
_PORT_DIGITS = 5
#: How ``--host`` begins where clients reach the server by https, through a proxy.
HTTPS = "https://"


def host_of(value: str) -> str | None:
    """Returns the host in the value of a Host header: lower case, without port and brackets.

    Returns:
        None if the value is neither a name nor an address.
    """
    text = value.strip().lower()
    if text.startswith("["):
        match = _BRACKETS.match(text)
        return _address(match[1]) if match else None
    match = _NAME.match(text)
    host = match[1].removesuffix(".") if match else ""
    return host if 0 < len(host) <= _MAX_NAME else None


def port_of(value: str) -> int | None:
    """Returns the port in the value of a Host header; None if it has none."""
    port = value.strip().rpartition(":")[2] if ":" in value else ""
    return int(port) if port.isascii() and port.isdigit() and len(port) < 6 else None


def is_loopback(host: str | None) -> bool:
    """Returns whether a host, or an address, is reached on its own machine only; None is none."""
    try:
        address = ipaddress.ip_address((host or "").partition("%")[0])
    except ValueError:
        return host == "localhost"
    # A socket that listens on all addresses shows those of IPv4 as IPv6.
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _address(text: str) -> str | None:
    """Returns an address in its one short form, None if it is none."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


class OwnHosts:
    """The names and addresses under which this server gives more than the original would."""

    def __init__(self, hosts: Iterable[str] = (), bind: str | None = None) -> None:
        """Prepares the check.

        Args:
            hosts: Further names and addresses, from ``--host``.
            bind: The name or address to listen on.

        Raises:
            SettingsError: One of the hosts is neither a name nor an address.
        """
        self._machine = machine_names()
        self._hosts = {"localhost"}
        self._further: set[str] = set()
        #: Those that clients reach by https, through a proxy.
        self._secure: set[str] = set()
        for text in hosts:
            host = checked_host(text.removeprefix(HTTPS))
            self._hosts.add(host)
            self._further.add(host)
            if text.startswith(HTTPS):
                self._secure.add(host)
        if bind is not None:
            self._hosts.add(bind.lower())

    def has(self, host: str) -> bool:
        """Returns whether a host, as :func:`host_of` returns it, may be one of this server."""
        return host in self._hosts or host in self._machine or _address(host) is not None

    def is_further(self, host: str | None) -> bool:
        """Returns whether a host is one that ``--host`` names, such as that of a proxy."""
        return host in self._further

    def is_secure(self, host: str | None) -> bool:
        """Returns whether clients reach a host by https, through a proxy."""
        return host in self._secure

    def url_for(self, request: Request) -> str | None:
        """Returns the URL of the server's root, without a slash, as the client knows it.

        Returns:
            None if the request is for a name that is not one of this server.
        """
        given = request.header(b"host")
        if given is None or not given.strip():
            # An old client without a Host; it did reach the address that it is connected to.
            scheme = "https" if request.secure else "http"
            return f"{scheme}://{authority_of(*request.server)}" if request.server else None
        text = given.decode("latin-1").strip()
        host, match = host_of(text), _PORT.search(text)
        port = match[1] if match else ""
        if host is None or not self.has(host) or len(port) > _PORT_DIGITS:
            return None
        scheme = "https" if request.secure or host in self._secure else "http"
        return f"{scheme}://{authority_of(host, int(port) if port else None)}"


def checked_host(text: str) -> str:
    """Returns the name or the address of a host, in its one form and without brackets.

    Raises:
        SettingsError: It is neither.
    """
    host = _address(text) or host_of(text)
    if host is None:
        raise SettingsError(
            f"{text!a} is not a host",
            hint="Use only the name, as in --host updates.example.com, or the name after https:// "
            "if clients reach it by https.",
        )
    return host


class HostGuard:
    """Finds the requests that were meant for another host."""

    def __init__(self, hosts: OwnHosts, tokens: Tokens) -> None:
        """Prepares the check.

        Args:
            hosts: The hosts of this server.
            tokens: Whoever has one of these is not checked.
        """
        self._hosts = hosts
        self._tokens = tokens

    def foreign_host(self, request: Request) -> str | None:
        """Returns the host that a request is for if it is not this server, and may not be served.

        Returns:
            None if it may be served; NAME for what is not a host at all.
        """
        if request.method == PUBLISHING_METHOD:
            return None
        for key, value in request.headers:
            if key == b"host" and value.strip():
                host = host_of(value.decode("latin-1"))
                if host is None or not self._hosts.has(host):
                    return None if self._has_token(request) else host or "NAME"
        return None

    def _has_token(self, request: Request) -> bool:
        text = bearer((request.header(b"authorization") or b"").decode("latin-1"))
        try:
            return self._tokens.find(text) is not None
        except AcpublishError:
            # Whoever publishes hears of tokens that cannot be read; here nobody has one.
            return False


def refusal(host: str) -> Answer:
    """Answers a request for a foreign host, with the option that would admit it."""
    status, code = MISDIRECTED
    document = {
        "error": f"{host} is not a name of this server",
        "hint": f"If it should be, start the server with: --host {host}",
        "code": code,
    }
    body = json_body(document)
    head = response_head(status, length_and_type(body, b"application/json"))
    note = f"{host} is not a name of this server; see --host"
    return Answer(status, head, body, note=note)
