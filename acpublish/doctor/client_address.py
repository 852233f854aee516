"""Whether the server gets the addresses of its clients, or that of a proxy in their place.

The server says which address and port it sees (``/api/v1/client``), and this end of the connection
has its own. Ports are compared as well, because a proxy may be on this machine.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from dataclasses import dataclass

from acpublish.doctor.findings import Examination, Finding, not_checked, warning
from acpublish.doctor.probe import Probe, Reply

_NAME = "addresses"
_FINE = "the server gets the addresses of its clients"
#: How proxies send the header.
PROXY_HEADER = "nginx: proxy_protocol on; in its stream module, HAProxy: send-proxy-v2"
_MISDIRECTED = 421


@dataclass(frozen=True, slots=True)
class _Client:
    """A client, as the server sees it.

    Attributes:
        address: Its address.
        port: Its port.
        proxy: Whether it is a proxy that ``--proxy-protocol`` names.
    """

    address: str
    port: int
    proxy: bool


def examine_address(examination: Examination, probe: Probe) -> None:
    """Compares the doctor's own address with the one that the server sees.

    Args:
        examination: Gets the finding.
        probe: Sends the request.
    """
    reply = probe.client()
    seen = _read(reply.body) if reply.status == 200 else None
    if seen is None or reply.answer is None:
        examination.add([_unknown(reply, probe.endpoint.host)])
    else:
        examination.record(_NAME, _FINE, _replaced(seen, reply.answer.client))


def _read(body: bytes) -> _Client | None:
    try:
        document = json.loads(body)
        address = _plain(document["address"])
        return _Client(address, int(document["port"]), document["proxy"] is True)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _unknown(reply: Reply, host: str) -> Finding:
    why = reply.fault or f"status {reply.status}"
    change = "Serve with this version of acpublish, or see the addresses in the server's log."
    if reply.status == 200:
        why = "the response is not that of acpublish serve"
    elif reply.status == _MISDIRECTED:
        change = f"Start acpublish serve with --host {host}."
    return not_checked(
        _NAME, f"the server does not say which address it gets for this machine: {why}", change
    )


def _replaced(seen: _Client, own: tuple[str, int]) -> Iterator[Finding]:
    if (seen.address, seen.port) == (_plain(own[0]), own[1]):
        return
    if seen.proxy:
        yield warning(
            _NAME,
            f"the proxy {seen.address} begins connections with a PROXY header that has no address "
            "of the client, so the server sees all devices at one address, and the limit for the "
            "connections of one address is off",
            f"Let the proxy send the addresses of its clients ({PROXY_HEADER}).",
        )
        return
    yield warning(
        _NAME,
        f"the server gets {seen.address} port {seen.port} as the address of this machine, which "
        f"has {own[0]} port {own[1]}: a proxy or the network in between replaces the addresses of "
        "devices, so all of them share the limit for the connections of one address",
        f"If it is a proxy, let it pass TCP through with the PROXY header ({PROXY_HEADER}), and "
        f"start acpublish serve with --proxy-protocol {seen.address}.",
    )


def _plain(address: str) -> str:
    """Returns an address without its zone, and one of IPv4 never as IPv6."""
    plain = ipaddress.ip_address(address.partition("%")[0])
    return str(getattr(plain, "ipv4_mapped", None) or plain)
