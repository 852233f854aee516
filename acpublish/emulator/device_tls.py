"""TLS as the updaters have it: version 1.2, with or without a check of the server's certificate.

Sources: ``WiFiClientSecureBearSSL.h`` of the ESP8266 core 3 and ``ssl_client.cpp`` of arduino-esp32
2, whose newest version is TLS 1.2.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from acpublish.errors import SettingsError

#: The longest record of TLS (RFC 8446, section 5.1): what a client gets at once.
RECORD_BYTES = 16 * 1024


def verifying(ca: Path | None) -> ssl.SSLContext:
    """Returns TLS that verifies the server, as with ``setTrustAnchors`` or ``setCACert``.

    Args:
        ca: The file of the only CAs to trust; None for those that requests trusts, which are those
            of browsers, as in the bundle of an ESP32.

    Raises:
        SettingsError: The variable that names these CAs leads nowhere.
    """
    context = _context()
    bundle = _bundle() if ca is None else ca
    try:
        if bundle.is_dir():
            context.load_verify_locations(capath=bundle)
        else:
            context.load_verify_locations(cafile=bundle)
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{bundle} does not contain a certificate in PEM",
            hint="Check the variable REQUESTS_CA_BUNDLE, or pass the CA's file with --ca.",
        ) from error
    return context


def unverified() -> ssl.SSLContext:
    """Returns TLS that accepts every certificate, as after ``setInsecure``."""
    context = _context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def _bundle() -> Path:
    import requests
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    # It reads the same variables for the commands that use requests.
    with requests.Session() as session:
        merged = session.merge_environment_settings("https://localhost", {}, None, None, None)
    verify = merged["verify"]
    return Path(verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH)
