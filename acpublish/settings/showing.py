"""Each setting with its value and its origin, as it may be shown: a secret never is."""

from __future__ import annotations

from dataclasses import dataclass

from acpublish.keyfiles import is_key_itself
from acpublish.redact import MASK, redact, redact_broken, without_query
from acpublish.settings.setting_names import DEFAULTS, NAMES
from acpublish.settings.values import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A setting as it may be shown; value and origin are None if it is not set."""

    name: str
    value: str | None
    origin: str | None


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
    return Shown(name=name, value=text and _masked(text, settings.text("token")), origin=origin)


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
