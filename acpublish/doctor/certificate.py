"""Whether devices that verify the server's certificate accept it, and for how long."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from dataclasses import replace

from acpublish.doctor.findings import Examination, Finding, error, warning
from acpublish.emulator.connection import Endpoint, HttpError, NoTlsError, connected
from acpublish.emulator.device_tls import unverified

_NAME = "certificate"
_TIMEOUT_S = 5.0
#: certbot renews a certificate 30 days before its end, so something is wrong by then.
_SOON_S = 14 * 86400.0


def examine_certificate(examination: Examination, endpoint: Endpoint) -> Endpoint | None:
    """Checks the chain, the name and the dates of the server's certificate.

    If there is no TLS for another reason, that is for the check of the connection.

    Args:
        examination: Gets the finding.
        endpoint: The server.

    Returns:
        The server for the other checks; they accept a certificate that this one does not. None if
        they would send a password to a server that may be another.
    """
    try:
        with connected(endpoint, chip="esp32", timeout_s=_TIMEOUT_S) as link:
            ends_s = _end_s(link)
    except NoTlsError as failure:
        if not failure.fault.untrusted:
            return endpoint
        what = f"devices that verify the server refuse it: {failure.fault.reason}"
        examination.add([error(_NAME, what, failure.fault.hint)])
        return None if endpoint.user is not None else replace(endpoint, tls=unverified())
    except HttpError:
        return endpoint
    fine = f"the server's certificate is trusted, until {_date(ends_s)}"
    examination.record(_NAME, fine, _ends_soon(ends_s))
    return endpoint


def _end_s(link: object) -> float:
    certificate = link.getpeercert() if isinstance(link, ssl.SSLSocket) else None
    # A certificate that was verified has this date (RFC 5280, section 4.1.2.5).
    return float(ssl.cert_time_to_seconds(str((certificate or {})["notAfter"])))


def _ends_soon(ends_s: float) -> Iterator[Finding]:
    left_s = ends_s - time.time()
    if left_s < _SOON_S:
        yield warning(
            _NAME,
            f"the server's certificate expires on {_date(ends_s)}, and devices that verify it "
            "refuse the server from then on",
            "Renew it; acpublish serve loads the new files without a restart.",
        )


def _date(time_s: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(time_s))
