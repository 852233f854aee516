"""What counts as a secret by its name, and masking it in build flags, settings and queries.

Each build loads this module; the search of an image is in :mod:`acpublish.release.secret_search`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from acpublish.errors import SettingsError

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
                f"{digest[:64]!r} is not the digest of a secret",
                hint=f"Use {MIN_DIGITS} to 64 hex digits, as the finding shows them.",
            )
    if len(digests) > _MAX_ACCEPTED:
        raise SettingsError(
            f"accept_secrets has more than {_MAX_ACCEPTED} digests",
            hint="Shorten the list, or remove secrets from the image.",
        )
    return digests
