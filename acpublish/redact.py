"""Keeping secrets out of every text that a person or a log may see."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

MASK = "***"

_CREDENTIALS = re.compile(r"(?P<scheme>\b[a-zA-Z][a-zA-Z0-9+.-]*://)[^\s/?#]*@")
_SCHEMES = re.compile(r"\b(?P<scheme>Bearer|Basic)\s+[A-Za-z0-9._~+/=-]+", re.IGNORECASE)
_AFTER_SCHEME = re.compile(r"://\S*@")
_QUERY = re.compile(r"[?#].*", re.DOTALL)
#: ``user:password@host`` at the start, where the scheme was left out; no path begins so.
_BARE = re.compile(r"\A[^\s/\\@]+:[^\s/\\]*@(?=[^\s/\\])")
#: What ``acpublish token create`` makes, wherever somebody put it.
_TOKEN = re.compile(r"acp_[A-Za-z0-9_-]{20,}")
_PEM = re.compile(r"-----BEGIN .*?(?:-----END [A-Z0-9 ]+-----|\Z)", re.DOTALL)


def redact(text: str, secrets: Iterable[str | None] = ()) -> str:
    """Returns the text with its secrets masked.

    Args:
        text: Any text, such as the message of an error.
        secrets: What must not appear in it, also not in its percent-encoded form. What has fewer
            than four characters is left to the patterns: masking it would shred the text.

    Returns:
        The text without the secrets, without ``user:password@`` in URLs, without the values of
        ``Authorization`` headers, without tokens of acpublish and without keys.
    """
    for secret in secrets:
        if secret and len(secret) >= 4:
            for form in (secret, quote(secret), quote(secret, safe="")):
                text = text.replace(form, MASK)
    text = _PEM.sub(MASK, text)
    text = _TOKEN.sub(MASK, _CREDENTIALS.sub(rf"\g<scheme>{MASK}@", text))
    return _SCHEMES.sub(rf"\g<scheme> {MASK}", text)


def redact_broken(text: str) -> str:
    """Returns a text that should have been a URL, without anything that could be a password.

    A URL that cannot be taken apart may hold its password anywhere before the last ``@``.
    """
    return redact(_AFTER_SCHEME.sub(f"://{MASK}@", _BARE.sub(f"{MASK}@", text)))


def has_bare_password(text: str) -> bool:
    """Tells whether a text is ``user:password@host``, an address without its scheme."""
    return _BARE.match(text) is not None


def is_token(text: str) -> bool:
    """Tells whether a text is a token of acpublish itself."""
    return _TOKEN.fullmatch(text) is not None


def without_query(url: str) -> str:
    """Returns the text of a URL with its query masked, which may hold a token."""
    return _QUERY.sub(f"?{MASK}", url)
