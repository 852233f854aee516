"""Switching checks off: by name, with a reason that the release's manifest keeps."""

from __future__ import annotations

import re
from collections.abc import Mapping

from acpublish.errors import SettingsError
from acpublish.release.checks.registry import CHECKS, find_check

__all__ = ["MAX_REASON_CHARACTERS", "allowed_skips", "parse_skips"]

MAX_REASON_CHARACTERS = 200
#: How many are taken from a client, which may be newer and know more checks.
_MAX_SKIPS = 50

_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}\Z")
_BETWEEN = re.compile(r"[\n;]+")
_FORM = "Write NAME=REASON, for example dirty=built on the test bench."


def parse_skips(text: str) -> dict[str, str]:
    """Reads what is to be switched off: ``NAME=REASON``, with lines or ``;`` between several.

    Raises:
        SettingsError: There is no such check, it cannot be switched off, or a reason is missing.
    """
    found: dict[str, str] = {}
    for part in filter(None, map(str.strip, _BETWEEN.split(text))):
        name, _, reason = (piece.strip() for piece in part.partition("="))
        found[find_check(name).name] = reason
    return allowed_skips(found)


def allowed_skips(skips: Mapping[str, str]) -> dict[str, str]:
    """Returns what is to be switched off, after the rules that both sides hold to.

    A name that is not known here is kept: a newer client may have that check.

    Raises:
        SettingsError: One protects devices, so that it cannot be switched off, or has no reason.
    """
    if len(skips) > _MAX_SKIPS:
        raise SettingsError(
            f"more than {_MAX_SKIPS} checks are to be switched off", hint="Name fewer checks."
        )
    protected = {one.name for one in CHECKS if one.protected}
    for name, reason in skips.items():
        if not _NAME.match(name):
            raise SettingsError(f"{name[:40]!a} is no name of a check", hint=_FORM)
        if name in protected:
            raise SettingsError(
                f"the check {name} cannot be switched off",
                hint="No device could run what it refuses; acpublish check --explain "
                f"{name} says more.",
            )
        if not reason:
            raise SettingsError(f"the check {name} is switched off without a reason", hint=_FORM)
        if len(reason) > MAX_REASON_CHARACTERS or not reason.isprintable():
            raise SettingsError(
                f"the reason for {name} is no line of at most {MAX_REASON_CHARACTERS} characters",
                hint="Give a shorter one; it is kept in the manifest, which is public.",
            )
    return dict(skips)
