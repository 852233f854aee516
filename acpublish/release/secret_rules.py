"""What is said of secrets before any is searched for: which names hold some, which are accepted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from acpublish.errors import SettingsError

__all__ = [
    "SecretRules",
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
