"""Masks secrets in all text that a person or a log may see."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

MASK = "***"

# Each pattern takes time proportional to the length of the text, whatever a stranger puts in it: it
# begins with a fixed string or at the start, and no two matches are tried over the same characters.
_CREDENTIALS = re.compile(r"://[^\s/?#]*@")
_SCHEMES = re.compile(r"\b(?P<scheme>Bearer|Basic)\s+[A-Za-z0-9._~+/=-]+", re.IGNORECASE)
_WORD = re.compile(r"\S+")
_QUERY = re.compile(r"[?#].*", re.DOTALL)
#: ``user:password@host`` at the start, without a scheme; no path begins like this.
_BARE = re.compile(r"\A[^\s/\\@][^\s/\\@:]*:[^\s/\\]*@(?=[^\s/\\])")
#: A token that ``acpublish token create`` made, wherever it appears.
_TOKEN = re.compile(r"acp_[A-Za-z0-9_-]{20,}")
_PEM = re.compile(r"-----BEGIN .*?(?:-----END [A-Z0-9 ]+-----|\Z)", re.DOTALL)
#: How the base64 of a key begins: of PKCS#8 and RSA in DER, of SEC1 in DER, and of a whole PEM.
_KEY_BEGINS = "MIG", "MII", "MHc", "LS0tLS1CRUdJ"
#: The lines of such a base64, of which the last may be short.
_KEY = re.compile(
    rf"\b(?:{'|'.join(_KEY_BEGINS)})[A-Za-z0-9+/=_-]{{37,}}(?:\s+[A-Za-z0-9+/=_-]{{16,}})*"
)
#: Longer than paths that people type, and shorter than any private key.
_LONG_CHARACTERS = 200


def redact(text: str, secrets: Iterable[str | None] = ()) -> str:
    """Returns the text with its secrets masked.

    Args:
        text: Any text, such as the message of an error.
        secrets: Strings that must not appear in it, not even percent-encoded. Strings shorter than
            four characters are left to the patterns, because masking them would shred the text.

    Returns:
        The text without these secrets, without ``user:password@`` in URLs, the credentials of
        ``Authorization`` headers, acpublish's own tokens, and keys in PEM or base64.
    """
    for secret in secrets:
        if secret and len(secret) >= 4:
            for form in (secret, quote(secret), quote(secret, safe="")):
                text = text.replace(form, MASK)
    text = _KEY.sub(MASK, _PEM.sub(MASK, text))
    text = _TOKEN.sub(MASK, _CREDENTIALS.sub(f"://{MASK}@", text))
    return _SCHEMES.sub(rf"\g<scheme> {MASK}", text)


def redact_broken(text: str) -> str:
    """Returns text that should have been a URL, without anything that could be a password.

    A URL that cannot be parsed may contain its password anywhere before the last ``@``.
    """
    return redact(_WORD.sub(_masked_after_scheme, _BARE.sub(f"{MASK}@", text)))


def _masked_after_scheme(word: re.Match[str]) -> str:
    scheme, separator, rest = word[0].partition("://")
    _, at, after = rest.rpartition("@")
    return f"{scheme}{separator}{MASK}@{after}" if at else word[0]


def has_bare_password(text: str) -> bool:
    """Returns whether the text is ``user:password@host``, a URL without its scheme."""
    return _BARE.match(text) is not None


def is_token(text: str) -> bool:
    """Returns whether the text is one of acpublish's own tokens."""
    return _TOKEN.fullmatch(text) is not None


def may_be_key(text: str) -> bool:
    """Returns whether a text that should be the path of a key's file may be the key itself."""
    whole = len(text) <= _LONG_CHARACTERS and len(text.splitlines()) <= 1
    return not whole or "-----" in text or text.lstrip().startswith(_KEY_BEGINS)


def without_query(url: str) -> str:
    """Returns a URL with its query masked, because a query may contain a token."""
    return _QUERY.sub(f"?{MASK}", url)
