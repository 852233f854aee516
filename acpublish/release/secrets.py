"""What is said of secrets before any is searched for: which names hold some, which are accepted.

Searches the bytes of an image for secrets; what is found is never shown in full.

An image is read by whoever can reach it: each device, and everyone in its network. So what looks
like a secret in it is told before it is published. There are two sorts:

1. shapes that only a key or token has, which both sides of an upload search for;
2. values that the client knows to be secret, which never leave it.

Literal prefixes are searched first, as ``bytes.find`` is many times as fast as an expression.
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

#: The fewest digits of a digest that are taken.
MIN_DIGITS = 8
_MAX_ACCEPTED = 200
_DIGITS = re.compile(r"[0-9a-f]{8,64}\Z")
#: COMPASS, BYPASS and PASSIVE are words of the field that hold none.
_NAME = re.compile(
    r"(?<!COM)(?<!BY)PASS(?!IVE|THR|ED|ES)|PSWD|PWD|PSK|SECRET(?!ARY)|TOKEN|CREDENTIAL|BEARER"
    r"|(?:API|WIFI|PRIV|PRIVATE|ACCESS|ENCRYPTION)_?KEY|(?:^|_)(?:KEY|AUTH|PW)S?(?:_|\d|$)",
    re.I,
)
_MASK = "***"
#: A -D flag; its value is a word of the shell, whose quotes may hold spaces.
_MACRO = re.compile(
    r"""(-D\s*(\w+)=)(\\"(?:[^"\\]|\\[^"])*\\"|(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s'"\\])*)"""
)
_OPTION = re.compile(r"(?P<before>\s*(?P<name>\w[\w.-]*)\s*=\s*)\S")
_PARAMETER = re.compile(r"([?&]([^=&#\s]*)=)([^&#\s]*)")
#: The names of our own settings that look secret are those of files and rules, but for one.
_OURS, _OUR_SECRET = "custom_ota_", "custom_ota_token"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRules:
    """What is to be done about secrets; it travels with an upload and is not kept.

    Attributes:
        severity: Whether one that is found stops a publish.
        accepted: SHA-256 prefixes of those that are known and accepted, lower-case hex.
    """

    severity: Literal["warning", "error"] = "warning"
    accepted: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, document: Any) -> SecretRules:
        """Reads the rules that came with an upload.

        Raises:
            SettingsError: They are none.
        """
        found = document if isinstance(document, dict) else {"severity": None}
        severity, accepted = found.get("severity", "warning"), found.get("accepted", [])
        if severity not in ("warning", "error") or not isinstance(accepted, list):
            raise SettingsError(
                "the rules for secrets are none",
                hint='Send {"severity": "error", "accepted": []}, or none.',
            )
        return cls(severity=severity, accepted=parse_accepted(" ".join(map(str, accepted))))

    def to_dict(self) -> dict[str, Any]:
        """Returns the rules as JSON types; nothing for the usual ones."""
        if self == SecretRules():
            return {}
        return {"severity": self.severity, "accepted": list(self.accepted)}


def looks_secret(name: str) -> bool:
    """Tells whether a macro or variable of this name is likely to hold a secret."""
    return _NAME.search(name) is not None


def masked_macros(flags: str) -> str:
    """Returns build flags without the values of those whose names look secret."""
    return _masked(_MACRO, flags)


def masked_query(target: str) -> str:
    """Returns a path with its query, without the values of those whose names look secret."""
    return _masked(_PARAMETER, target)


def masked_option(line: str) -> str:
    """Returns a line of an ini file without what looks secret in it."""
    found = _OPTION.match(line)
    name = found["name"] if found else ""
    ours = name.startswith(_OURS) and name != _OUR_SECRET
    if found and looks_secret(name) and not ours:
        return found["before"] + _MASK
    return masked_macros(line)


def _masked(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda one: one[1] + (_MASK if looks_secret(one[2]) else one[3]), text)


def parse_accepted(text: str) -> tuple[str, ...]:
    """Reads digests of accepted secrets, with spaces, commas or lines between them.

    Raises:
        SettingsError: One is no SHA-256, nor the beginning of one.
    """
    digests = tuple(text.lower().replace(",", " ").split())
    for digest in digests:
        if not _DIGITS.match(digest):
            raise SettingsError(
                f"{digest[:64]!a} is no digest of a secret",
                hint=f"Give {MIN_DIGITS} to 64 hex digits, as the finding shows them.",
            )
    if len(digests) > _MAX_ACCEPTED:
        raise SettingsError(
            f"more than {_MAX_ACCEPTED} secrets are accepted", hint="Take some out of the image."
        )
    return digests


#: A shorter value stands in an image by chance, or as a part of another word.
MIN_VALUE_BYTES = 6
#: Digits of the digest that are shown.
SHOWN_DIGITS = 12
_HIDDEN_REST = "********"
_MAX_FOUND = 20
#: A larger block of text is no private key.
_MAX_KEY_BYTES = 16384


@dataclass(frozen=True, slots=True)
class _Shape:
    kind: str
    prefixes: tuple[bytes, ...]
    #: Compiled when an image is searched: each build loads this module, and few search one.
    expression: bytes


def _shape(kind: str, pattern: bytes, *prefixes: bytes) -> _Shape:
    # What stands before it is no part of a longer word, which would be something else.
    return _Shape(kind, prefixes, rb"(?<![A-Za-z0-9_])" + pattern)


#: A heading alone is no key: TLS libraries hold the headings that they look for. A text in a C
#: source may have its line breaks as two characters, or none.
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
        # A placeholder of printf or of a template is none.
        rb"(?<=[a-z])://[A-Za-z0-9._~-]{1,64}:[A-Za-z0-9._~!$&*+,;=-]{4,64}@(?=[A-Za-z0-9])",
    ),
    _shape("acpublish token", rb"acp_[A-Za-z0-9_-]{40,64}", b"acp_"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretFound:
    """A secret in an image.

    Attributes:
        what: What it is, such as ``GitHub token``; of a known value its name.
        masked: As much of it as may be shown: what all of its kind begin with.
        offset: Where it begins in the file.
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
        accepted: Prefixes of SHA-256 digests of those that shall not be told.

    Returns:
        The first 20, in the order of the file; each only once.
    """
    found: dict[str, SecretFound] = {}
    for secret in (*_known(data, values or {}), *_shaped(data)):
        if not secret.digest.startswith(tuple(accepted)):
            found.setdefault(secret.digest, secret)
    ordered = sorted(found.values(), key=lambda one: one.offset)
    return tuple(replace(one, digest=one.digest[:SHOWN_DIGITS]) for one in ordered[:_MAX_FOUND])


def _known(data: bytes, values: Mapping[str, str]) -> Iterator[SecretFound]:
    for name, value in values.items():
        content = value.encode("utf-8", "surrogateescape")
        if len(content) >= MIN_VALUE_BYTES and (offset := data.find(content)) >= 0:
            yield _found(f"the value of {name}", _HIDDEN_REST, offset, content)


def _shaped(data: bytes) -> Iterator[SecretFound]:
    for shape in _SHAPES:
        pattern = re.compile(shape.expression)
        for prefix in shape.prefixes:
            offset = data.find(prefix)
            while offset >= 0:
                found = pattern.match(data, offset, offset + _MAX_KEY_BYTES)
                if found:
                    shown = prefix.decode("ascii").rstrip() + _HIDDEN_REST
                    yield _found(f"a {shape.kind}", shown, offset, found[0].strip())
                offset = data.find(prefix, found.end() if found else offset + 1)


def _found(what: str, masked: str, offset: int, content: bytes) -> SecretFound:
    digest = hashlib.sha256(content).hexdigest()
    return SecretFound(what=what, masked=masked, offset=offset, digest=digest)
