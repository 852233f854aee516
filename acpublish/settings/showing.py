"""Each setting with its value and its origin, as it may be shown: a secret never is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from acpublish.errors import AcpublishError
from acpublish.input_files import ca_file
from acpublish.keyfiles import is_key_itself
from acpublish.publishing.partitions import read_table
from acpublish.redact import MASK, redact, redact_broken, without_query
from acpublish.release import names
from acpublish.release.checks.registry import parse_skips
from acpublish.release.gzip_choice import core
from acpublish.release.secrets import parse_accepted
from acpublish.settings import validators
from acpublish.settings.setting_names import DEFAULTS, NAMES, SWITCHES
from acpublish.settings.values import Settings

_CHECKS: Mapping[str, Callable[[str], object]] = {
    "to": validators.address,
    "product": names.product,
    "board": names.board,
    "channel": names.channel,
    "kind": validators.kind,
    "chip": validators.chip,
    "core": core,
    "skip_checks": parse_skips,
    "secret_scan": validators.secret_scan,
    "accept_secrets": parse_accepted,
    **dict.fromkeys(SWITCHES, validators.boolean),
}
#: A token's file is not read to be shown.
_FILE_CHECKS: Mapping[str, Callable[[Path], object]] = {
    "ca": ca_file,
    "partitions": read_table,
    "signing_key": validators.key_file,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A setting as it may be shown.

    Attributes:
        name: Its name.
        value: Its value, None if it is not set.
        origin: Where it comes from, None if it is not set.
        problem: Why its value is not valid, and what to do; None if it is.
    """

    name: str
    value: str | None
    origin: str | None
    problem: str | None = None


def shown(settings: Settings) -> tuple[Shown, ...]:
    """Returns all settings, in the order of the reference."""
    return tuple(
        _token(settings) if name == "token" else _setting(settings, name) for name in NAMES
    )


def _setting(settings: Settings, name: str) -> Shown:
    text, origin = settings.text(name), settings.origin(name)
    if text is None and name in DEFAULTS:
        return Shown(name=name, value=DEFAULTS[name], origin="default")
    if name == "signing_key" and text and is_key_itself(text):
        # A user who set a key instead of its path must not find it in a log.
        return Shown(name=name, value=MASK, origin=origin)
    token = settings.text("token")
    problem = _problem(settings, name) if text else None
    return Shown(
        name=name,
        value=text and _masked(text, token),
        origin=origin,
        problem=problem and _masked(problem, token),
    )


def _problem(settings: Settings, name: str) -> str | None:
    """Returns why the value of a setting is not valid, by the check that a command runs on it."""
    try:
        if name == "version":
            settings.version_source()
        elif name in _FILE_CHECKS:
            settings.checked_file(name, _FILE_CHECKS[name])
        elif name in _CHECKS:
            settings.checked(name, _CHECKS[name])
    except AcpublishError as error:
        return str(error)
    return None


def _token(settings: Settings) -> Shown:
    for layer in settings.layers:
        for name in ("token", "token_file"):
            if name in layer.values:
                prefix = "" if name == "token" else "the file of "
                origin = prefix + layer.in_full(name)
                return Shown(name="token", value=MASK, origin=origin)
    return Shown(name="token", value=None, origin=None)


def _masked(text: str, token: str | None) -> str:
    masked = redact(redact_broken(text), (token,))
    return without_query(masked) if "://" in masked else masked
