"""The URL of a server, split once, so that its secrets go no further than needed."""

from __future__ import annotations

import base64
import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from acpublish.errors import SettingsError
from acpublish.input_files import ca_file, expanded
from acpublish.redact import redact, redact_broken, without_query

_EXAMPLE = "Use a URL such as http://192.168.1.10:8000 or https://updates.example.com."


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a server is, and the credentials for it.

    Attributes:
        base: Scheme, host, port and path, without credentials and without a final ``/``.
        host: The host alone.
        secure: Whether it is https.
        user: The user of ``user:password@``, None if there is none.
        password: The password of ``user:password@``.
        token: The token to send as ``Authorization: Bearer``.
        ca: The file of the only CAs to trust; None for those that requests trusts.
        here: Whether it is known to be on this machine, whatever its address.
    """

    base: str
    host: str
    secure: bool
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    ca: Path | None = None
    here: bool = False

    @property
    def authority(self) -> str:
        """The host and the port, as in the URL."""
        return urlsplit(self.base).netloc

    @property
    def loopback(self) -> bool:
        """Whether requests to the server stay on this machine."""
        return self.here or _is_loopback(self.host)

    def redacted(self, text: str) -> str:
        """Returns the text without the secrets of this address."""
        basic = None
        if self.user is not None:
            # A server may repeat the encoded credentials without the word Basic.
            basic = base64.b64encode(f"{self.user}:{self.password or ''}".encode()).decode()
        return redact(text, (self.token, basic, self.password))


def parse_address(
    url: str, *, token: str | None, insecure_http: bool, ca: str | Path | None = None
) -> Address:
    """Splits the URL of a server.

    Args:
        url: An http or https URL, possibly with ``user:password@`` and a path.
        token: The server's token; it takes precedence over ``user:password@``.
        insecure_http: Whether secrets may be sent over plain http to another machine.
        ca: The file of the only CAs to trust.

    Raises:
        SettingsError: It or the CA cannot be used, or a secret would be sent in the clear.
    """
    parts = _split(url)
    if token is not None and not (token.isascii() and token.isprintable() and " " not in token):
        raise SettingsError(
            "the token contains invalid characters",
            hint="Set it exactly as 'acpublish token create' printed it, without spaces.",
        )
    host = parts.hostname or ""
    netloc = parts.netloc.rpartition("@")[2]
    address = Address(
        base=f"{parts.scheme.lower()}://{netloc}{parts.path.rstrip('/')}",
        host=host,
        secure=parts.scheme.lower() == "https",
        user=None if parts.username is None else unquote(parts.username),
        password=unquote(parts.password or ""),
        token=token or None,
        ca=None if ca is None else ca_file(expanded(ca)),
    )
    secret = address.token or address.user
    if secret and not (address.secure or address.loopback or insecure_http):
        what = "the token" if address.token else "the password"
        raise SettingsError(
            f"{what} would be sent to {address.base} over plain http, readable by anyone on the "
            "way",
            hint="Use https, or allow plain http with --insecure-http.",
        )
    return address


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme.lower() in ("http", "https") and parts.hostname
        valid = usable and not parts.query and not parts.fragment and parts.port != 0
    except ValueError:
        valid = False
    if not valid or any(character.isspace() or not character.isprintable() for character in url):
        shown = without_query(redact_broken(url))
        raise SettingsError(f"{shown!a} is not the URL of a server", hint=_EXAMPLE)
    return parts


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
