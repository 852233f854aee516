"""Why there is no TLS with a server, in words, and what to do about it."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass

#: What OpenSSL says of a certificate (``x509_vfy.h``); the numbers stay the same in all versions.
_NOT_YET_VALID, _EXPIRED, _OTHER_NAME, _OTHER_ADDRESS = 9, 10, 62, 64
#: OpenSSL's reasons when something other than TLS arrives, such as a response in plain HTTP. Which
#: of them it gives differs between versions.
_NOT_TLS = frozenset(
    {
        "HTTP_REQUEST",
        "PACKET_LENGTH_TOO_LONG",
        "RECORD_LAYER_FAILURE",
        "UNEXPECTED_EOF_WHILE_READING",
        "UNKNOWN_PROTOCOL",
        "WRONG_VERSION_NUMBER",
    }
)
#: The reasons for which the other side speaks TLS, but no version that this side accepts.
_OTHER_VERSION = frozenset(
    {"TLSV1_ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "VERSION_TOO_LOW"}
)
#: OpenSSL's texts have its own code in front, and a line of Python's source behind.
_AROUND = re.compile(r"^\[[^\]]*\] *|\ *\(_ssl\.c:\d+\)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFault:
    """Why there is no TLS.

    Attributes:
        reason: A sentence about the server ("it …") without a full stop.
        hint: What to do next, as sentences.
        untrusted: Whether the reason is the server's certificate.
        speaks_tls: Whether the other side has sent anything of TLS.
    """

    reason: str
    hint: str
    untrusted: bool = False
    speaks_tls: bool = True


def tls_fault(error: BaseException, authority: str) -> TlsFault:
    """Explains an error of a handshake.

    Args:
        error: What the handshake raised.
        authority: The host and the port in the URL.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return _of_certificate(error, authority)
    # Errors that OpenSSL did not raise have none.
    reason = getattr(error, "reason", None)
    ended = isinstance(error, ssl.SSLEOFError | ConnectionError | TimeoutError)
    if ended or reason in _NOT_TLS:
        return TlsFault(
            reason="it does not respond with TLS",
            hint=f"If that port has no TLS, use http://{authority}.",
            speaks_tls=False,
        )
    if reason in _OTHER_VERSION:
        return TlsFault(
            reason="it accepts no version of TLS that this side has",
            hint="Allow TLS 1.2 there (nginx: ssl_protocols TLSv1.2 TLSv1.3;): the ESP8266 has no "
            "newer one.",
        )
    # The text is the only thing that tells a refused certificate from the rest.
    text = _plain(error)
    return TlsFault(
        reason=text,
        hint="Check the URL and the server's certificate. If a CA of your own signed it, pass the "
        "CA's file with --ca.",
        untrusted="certificate" in text,
        speaks_tls=reason is not None,
    )


def _of_certificate(error: ssl.SSLCertVerificationError, authority: str) -> TlsFault:
    host = authority.rpartition(":")[0] if re.search(r":\d+$", authority) else authority
    if error.verify_code == _EXPIRED:
        reason = "its certificate has expired"
        hint = "Renew the server's certificate; if it is new, check this machine's clock."
    elif error.verify_code == _NOT_YET_VALID:
        reason = "its certificate is not valid yet"
        hint = "Check the clocks of the server and of this machine."
    elif error.verify_code in (_OTHER_NAME, _OTHER_ADDRESS):
        reason = f"its certificate is for another name than {host}"
        hint = f"Use a name that the certificate has, or get a certificate for {host}."
    else:
        text = error.verify_message or _plain(error)
        reason = f"no trusted CA signed its certificate ({text})"
        hint = (
            "Check the URL and the server's certificate. If a CA of your own signed it, pass the "
            "CA's file with --ca. If not, the server's file must also have the certificates "
            "between it and its CA (certbot: fullchain.pem)."
        )
    return TlsFault(reason=reason, hint=hint, untrusted=True)


def _plain(error: BaseException) -> str:
    text = (isinstance(error, OSError) and error.strerror) or str(error)
    return _AROUND.sub("", text).lower()
