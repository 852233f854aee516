"""Secrets: masking them in build flags and settings, and finding them in an image.

Anyone who can reach an image can read it: every device, and everybody on its network. Anything in
it that looks like a secret is therefore reported before it is published, and never shown in full.
Two kinds are found:

1. shapes that only a key or token has, which both sides of an upload search for;
2. values that the client knows to be secret, which it never sends.

Literal prefixes are searched first, because ``bytes.find`` is many times as fast as an expression.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from acpublish.errors import SettingsError

__all__ = [
    "SecretFound",
    "SecretRules",
    "find_secrets",
    "looks_secret",
    "masked_macros",
    "masked_option",
    "masked_query",
    "parse_accepted",
]

#: The fewest digits of a digest that are accepted.
MIN_DIGITS = 8
_MAX_ACCEPTED = 200
_DIGITS = re.compile(r"[0-9a-f]{8,64}\Z")
#: COMPASS, BYPASS and PASSIVE are words of the trade and not names of secrets.
_NAME = re.compile(
    r"(?<!COM)(?<!BY)PASS(?!IVE|THR|ED|ES)|PSWD|PWD|PSK|SECRET(?!ARY)|TOKEN|CREDENTIAL|BEARER"
    r"|(?:API|WIFI|PRIV|PRIVATE|ACCESS|ENCRYPTION)_?KEY|(?:^|_)(?:KEY|AUTH|PW)S?(?:_|\d|$)",
    re.I,
)
_MASK = "***"
#: A -D flag; its value is a word of the shell, whose quotes may contain spaces.
_MACRO = re.compile(
    r"""(-D\s*(\w+)=)(\\"(?:[^"\\]|\\[^"])*\\"|(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s'"\\])*)"""
)
_OPTION = re.compile(r"(?P<before>\s*(?P<name>\w[\w.-]*)\s*=\s*)\S")
#: A match takes a whole parameter, so a target that has nothing but ``?`` is read once.
_PARAMETER = re.compile(r"[?&][^&#\s]*")
#: Our own settings whose names look secret contain files and rules, with one exception.
_OURS, _OUR_SECRET = "custom_ota_", "custom_ota_token"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRules:
    """How to treat secrets in an image; sent with an upload and not kept.

    Attributes:
        severity: Whether a secret stops a publish.
        accepted: SHA-256 prefixes of the secrets that are accepted, lower-case hex.
    """

    severity: Literal["warning", "error"] = "warning"
    accepted: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, document: Any) -> SecretRules:
        """Reads the rules that came with an upload.

        Raises:
            SettingsError: They are invalid.
        """
        rules = document if isinstance(document, dict) else {"severity": None}
        severity, accepted = rules.get("severity", "warning"), rules.get("accepted", [])
        if severity not in ("warning", "error") or not isinstance(accepted, list):
            raise SettingsError(
                "the secret rules are invalid",
                hint='Send {"severity": "error", "accepted": []}, or no rules.',
            )
        return cls(severity=severity, accepted=parse_accepted(" ".join(map(str, accepted))))

    def to_dict(self) -> dict[str, Any]:
        """Returns the rules as JSON types; an empty object for the default ones."""
        if self == SecretRules():
            return {}
        return {"severity": self.severity, "accepted": list(self.accepted)}


def looks_secret(name: str) -> bool:
    """Returns whether a macro or variable of this name probably contains a secret."""
    return _NAME.search(name) is not None


def masked_macros(flags: str) -> str:
    """Returns build flags with the values masked whose names look secret."""
    return _MACRO.sub(
        lambda part: part[1] + (_MASK if looks_secret(part[2]) else part[3]),
        flags,
    )


def masked_query(target: str) -> str:
    """Returns a path and query with the values masked whose names look secret."""
    return _PARAMETER.sub(_masked_parameter, target)


def masked_option(line: str) -> str:
    """Returns a line of an ini file with anything masked that looks secret."""
    option = _OPTION.match(line)
    name = option["name"] if option else ""
    ours = name.startswith(_OURS) and name != _OUR_SECRET
    if option and looks_secret(name) and not ours:
        return option["before"] + _MASK
    return masked_macros(line)


def _masked_parameter(part: re.Match[str]) -> str:
    name, equals, _ = part[0].partition("=")
    return f"{name}={_MASK}" if equals and looks_secret(name[1:]) else part[0]


def parse_accepted(text: str) -> tuple[str, ...]:
    """Reads digests of accepted secrets, separated by spaces, commas or lines.

    Raises:
        SettingsError: One is neither a SHA-256 digest nor the beginning of one.
    """
    digests = tuple(text.lower().replace(",", " ").split())
    for digest in digests:
        if not _DIGITS.match(digest):
            raise SettingsError(
                f"{digest[:64]!a} is not the digest of a secret",
                hint=f"Use {MIN_DIGITS} to 64 hex digits, as the finding shows them.",
            )
    if len(digests) > _MAX_ACCEPTED:
        raise SettingsError(
            f"more than {_MAX_ACCEPTED} secrets are accepted", hint="Remove some from the image."
        )
    return digests


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
    #: Compiled when an image is searched: each build loads this module, but few search an image.
    expression: bytes


def _shape(kind: str, pattern: bytes, *prefixes: bytes) -> _Shape:
    # It must not continue a longer word, which would be something else.
    return _Shape(kind, prefixes, rb"(?<![A-Za-z0-9_])" + pattern)


#: A heading alone is not a key: TLS libraries contain the headings that they look for. A string in
#: a C source may have its line breaks as two characters, or none.
_PEM = (
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
        rb"(?<=[0-9]{8}):AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])",
    ),
    _Shape(
        "password in an address",
        (b"://",),
        # A placeholder of printf or of a template is not a password.
        rb"(?<=[a-z])://[A-Za-z0-9._~-]{1,64}:[A-Za-z0-9._~!$&*+,;=-]{4,64}@(?=[A-Za-z0-9])",
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
        pattern = re.compile(shape.expression)
        for prefix in shape.prefixes:
            offset = data.find(prefix)
            while offset >= 0:
                match = pattern.match(data, offset, offset + _MAX_KEY_BYTES)
                if match:
                    shown = prefix.decode("ascii").rstrip() + _HIDDEN_REST
                    yield _secret(f"a {shape.kind}", shown, offset, match[0].strip())
                offset = data.find(prefix, match.end() if match else offset + 1)


def _secret(what: str, masked: str, offset: int, content: bytes) -> SecretFound:
    digest = hashlib.sha256(content).hexdigest()
    return SecretFound(what=what, masked=masked, offset=offset, digest=digest)
