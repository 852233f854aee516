"""Whether a server responds at all and, if not, which of the usual mistakes that is.

A device has the same few words for most of them. So the doctor also tries what no device would: TLS
on a port without it and the reverse, and a PROXY header in front of a request.
"""

from __future__ import annotations

from dataclasses import replace

from acpublish.doctor.client_address import PROXY_HEADER
from acpublish.doctor.findings import Examination, Finding, error
from acpublish.doctor.probe import Probe, Reply
from acpublish.emulator.connection import (
    Endpoint,
    HttpError,
    NotConnectedError,
    NoTlsError,
    connected,
)
from acpublish.emulator.device_tls import unverified

_NAME = "connection"
_TIMEOUT_S = 5.0
_BAD_REQUEST = 400
#: A PROXY header, version 1, of a connection without addresses.
_HEADER = b"PROXY UNKNOWN\r\n"
_SENDS_HEADER = (
    f"If a proxy in front of the server begins connections with a PROXY header ({PROXY_HEADER}), "
    "start acpublish serve with --proxy-protocol and the address from which the proxy connects, "
    "such as --proxy-protocol 127.0.0.1, or turn that header off in the proxy."
)


def examine_response(examination: Examination, probe: Probe, reply: Reply) -> bool:
    """Checks that there are responses which a device accepts, at least to some requests.

    Args:
        examination: Gets the finding.
        probe: Sends further requests.
        reply: The result of the first request.

    Returns:
        Whether there are any.
    """
    endpoint = probe.endpoint
    fine = f"{endpoint.host} responds on port {endpoint.port}"
    return examination.record(_NAME, fine, [] if _responds(probe, reply) else [_why(probe, reply)])


def _responds(probe: Probe, reply: Reply) -> bool:
    if reply.answer is None or reply.status != _BAD_REQUEST:
        return reply.answer is not None
    others = (probe.update(b"/"), probe.client())
    return any(other.status != _BAD_REQUEST for other in others)


def _why(probe: Probe, reply: Reply) -> Finding:
    endpoint = probe.endpoint
    where = f"port {endpoint.port} of {endpoint.host}"
    if not isinstance(reply.error, NotConnectedError):
        mistake = _other_scheme(probe, where) or _header_problem(probe, reply, where)
        if mistake is not None:
            return mistake
    if isinstance(reply.error, NoTlsError):
        fault = reply.error.fault
        what = f"{where} cannot be used over TLS: {fault.reason}"
        # A header before the handshake ends the connection as well.
        change = fault.hint if fault.speaks_tls else f"{fault.hint} {_SENDS_HEADER}"
        return error(_NAME, what, change)
    options = "" if endpoint.tls is None else " --tls-cert FILE --tls-key FILE"
    return error(
        _NAME,
        f"no response from {where} that a device would accept: {reply.fault}",
        f"Start acpublish serve --to DIR --bind 0.0.0.0{options} there, and open the port in the "
        "firewall.",
    )


def _other_scheme(probe: Probe, where: str) -> Finding | None:
    endpoint = probe.endpoint
    if endpoint.tls is None and _speaks_tls(endpoint):
        return error(
            _NAME,
            f"{where} speaks TLS, not plain http",
            f"Use https://{endpoint.authority}, also in sketches, or the port without TLS (8000 by "
            "default); AutoConnectUpdate has plain http only.",
        )
    if endpoint.tls is not None and _speaks_http(probe):
        return error(
            _NAME,
            f"{where} speaks plain http, not TLS",
            f"Use http://{endpoint.authority}, also in sketches, or the port for TLS (8443 by "
            "default).",
        )
    return None


def _header_problem(probe: Probe, reply: Reply, where: str) -> Finding | None:
    if reply.answer is not None:
        return error(
            _NAME,
            f"{where} refuses every request (status {_BAD_REQUEST}), as it does if "
            "something that is not HTTP comes first, such as a PROXY header",
            _SENDS_HEADER,
        )
    # Who signed the certificate does not matter here, and nothing secret is sent.
    endpoint = replace(probe.endpoint, tls=probe.endpoint.tls and unverified())
    if Probe(probe.chip, endpoint).client(before=_HEADER).answer is None:
        return None
    return error(
        _NAME,
        f"{where} closes connections that do not begin with a PROXY header: the "
        "server's --proxy-protocol names the address from which this one reaches it",
        f"If a proxy is in front of it, let that send the header ({PROXY_HEADER}). If not, start "
        "acpublish serve without --proxy-protocol, or with the address of the proxy only.",
    )


def _speaks_tls(endpoint: Endpoint) -> bool:
    try:
        with connected(replace(endpoint, tls=unverified()), chip="esp32", timeout_s=_TIMEOUT_S):
            return True
    except NoTlsError as failure:
        return failure.fault.speaks_tls
    except HttpError:
        return False


def _speaks_http(probe: Probe) -> bool:
    plain = replace(probe.endpoint, tls=None)
    # nginx reports on a port for TLS in plain HTTP that it is one.
    return Probe(probe.chip, plain).client().status not in (None, _BAD_REQUEST)
