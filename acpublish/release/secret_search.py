"""Searches an image for secrets; what it finds is never shown in full.

Anyone who can reach an image can read it: every device, and everybody on its network. Anything in
it that looks like a secret is therefore reported before it is published. Two kinds are found:

1. shapes that only a key or token has, which both sides of an upload search for;
2. values that the client knows to be secret, which it never sends.

Literal prefixes are searched first, because ``bytes.find`` is many times as fast as an expression.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

#: A shorter value may be in an image by chance, or as a part of another word.
MIN_VALUE_BYTES = 6
#: Digits of the digest that are shown.
SHOWN_DIGITS = 12
_HIDDEN_REST = "********"
_MAX_FOUND = 20
#: A larger block of text is not a private key.
_MAX_KEY_BYTES = 16384


@dataclass(frozen=True, slots=True)
class _Shape:
    kind: str
    prefixes: tuple[bytes, ...]
    pattern: re.Pattern[bytes]


def _shape(kind: str, pattern: bytes, *prefixes: bytes) -> _Shape:
    # It must not continue a longer word, which would be something else.
    return _Shape(kind, prefixes, re.compile(rb"(?<![A-Za-z0-9_])" + pattern))


#: A heading alone is not a key: TLS libraries contain the headings that they look for. A string in
#: a C source may have its line breaks as two characters, or none.
_PEM = re.compile(
    rb"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\[rn]){0,4}"
    rb"(?:[A-Za-z-]{1,40}: [^\r\n\\]{0,200}(?:\s|\\[rn]){1,4}){0,4}"
    rb"(?=(?:[A-Za-z0-9+/=]|\s|\\[rn]){40})(?:[A-Za-z0-9+/=]{1,100}(?:\s|\\[rn]){0,4}){1,400}"
)
#: Sources: "Unique identifiers" in the AWS IAM user guide; "About authentication to GitHub";
#: Slack's "Token types" and "Incoming webhooks"; Google's "API keys overview"; Stripe's "API
#: keys"; RFC 7519, 3.1 (each part of a JWT is base64url, and ``{"`` begins as ``eyJ``); GitLab's
#: "Token overview"; npm's "About access tokens"; Hugging Face's "User access tokens"; the API
#: references of OpenAI, Anthropic, SendGrid and Telegram; RFC 3986, 3.2.1 (user information).
_SHAPES = (
    _Shape("private key", (b"-----BEGIN ",), _PEM),
    _shape("AWS access key", rb"(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Za-z0-9])", b"AKIA", b"ASIA"),
    _shape(
        "GitHub token",
        rb"(?:gh[pousr]_[A-Za-z0-9]{36,251}|github_pat_[A-Za-z0-9_]{22,244})",
        *(b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_"),
    ),
    _shape("Slack token", rb"xox[abeoprs]-[A-Za-z0-9-]{10,250}", b"xox"),
    _shape(
        "Slack webhook",
        rb"hooks\.slack\.com/services/T[A-Za-z0-9_]{6,20}/B[A-Za-z0-9_]{6,20}/[A-Za-z0-9]{16,40}",
        b"hooks.slack.com/services/",
    ),
    _shape("Google API key", rb"AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])", b"AIza"),
    _shape(
        "Stripe key",
        rb"(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,250}",
        *(b"sk_live_", b"sk_test_", b"rk_live_", b"rk_test_"),
    ),
    _shape(
        "JSON web token",
        rb"eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{16,1000}",
        b"eyJ",
    ),
    _shape("GitLab token", rb"glpat-[A-Za-z0-9_-]{20,100}", b"glpat-"),
    _shape("npm token", rb"npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])", b"npm_"),
    _shape("Hugging Face token", rb"hf_[A-Za-z]{34}(?![A-Za-z0-9])", b"hf_"),
    _shape(
        "language model key",
        rb"sk-(?:proj|svcacct|ant-[a-z0-9]{3,10})-[A-Za-z0-9_-]{20,250}",
        *(b"sk-proj-", b"sk-svcacct-", b"sk-ant-"),
    ),
    _shape("SendGrid key", rb"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}", b"SG."),
    _Shape(
        "Telegram bot token",
        (b":AA",),
        re.compile(rb"(?<=[0-9]{8}):AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])"),
    ),
    _Shape(
        "password in a URL",
        (b"://",),
        # A placeholder of printf or of a template is not a password.
        re.compile(
            rb"(?<=[a-z])://[A-Za-z0-9._~-]{1,64}:[A-Za-z0-9._~!$&*+,;=-]{4,64}@(?=[A-Za-z0-9])"
        ),
    ),
    _shape("acpublish token", rb"acp_[A-Za-z0-9_-]{40,64}", b"acp_"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretFound:
    """A secret in an image.

    Attributes:
        what: What it is, such as ``a GitHub token``; for a known value, its name.
        masked: As much of it as may be shown: what all of its kind begin with.
        offset: Where it begins in the file, in bytes.
        digest: The first digits of its SHA-256, by which it can be accepted.
    """

    what: str
    masked: str
    offset: int
    digest: str


def find_secrets(
    data: bytes, values: Mapping[str, str] | None = None, accepted: Collection[str] = ()
) -> tuple[SecretFound, ...]:
    """Searches an image for secrets.

    Args:
        data: The image.
        values: What is known to be secret: the name to show, and the value.
        accepted: Prefixes of SHA-256 digests of secrets that should not be reported.

    Returns:
        The first 20, in the order of the file; each only once.
    """
    secrets: dict[str, SecretFound] = {}
    for secret in (*_known(data, values or {}), *_shaped(data)):
        if not secret.digest.startswith(tuple(accepted)):
            secrets.setdefault(secret.digest, secret)
    ordered = sorted(secrets.values(), key=lambda secret: secret.offset)[:_MAX_FOUND]
    return tuple(replace(secret, digest=secret.digest[:SHOWN_DIGITS]) for secret in ordered)


def _known(data: bytes, values: Mapping[str, str]) -> Iterator[SecretFound]:
    for name, value in values.items():
        content = value.encode("utf-8", "surrogateescape")
        if len(content) >= MIN_VALUE_BYTES and (offset := data.find(content)) >= 0:
            yield _secret(f"the value of {name}", _HIDDEN_REST, offset, content)


def _shaped(data: bytes) -> Iterator[SecretFound]:
    for shape in _SHAPES:
        for prefix in shape.prefixes:
            offset = data.find(prefix)
            while offset >= 0:
                match = shape.pattern.match(data, offset, offset + _MAX_KEY_BYTES)
                if match:
                    shown = prefix.decode("ascii").rstrip() + _HIDDEN_REST
                    yield _secret(f"a {shape.kind}", shown, offset, match[0].strip())
                offset = data.find(prefix, match.end() if match else offset + 1)


def _secret(what: str, masked: str, offset: int, content: bytes) -> SecretFound:
    digest = hashlib.sha256(content).hexdigest()
    return SecretFound(what=what, masked=masked, offset=offset, digest=digest)
