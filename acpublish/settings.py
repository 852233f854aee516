"""The only reader of flags, environment variables and ini options, and their order.

    flags > environment variables > platformio.ini > default

A value is checked once, here, and an error says where it came from. A token is never read from
platformio.ini, which is a file that people share.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from acpublish import keys
from acpublish.errors import AcpublishError, SettingsError
from acpublish.publishing.options import CheckOptions, Destination, PublishOptions
from acpublish.release import IMAGE_KINDS, Declared, ImageKind, Version, core, names
from acpublish.release.checks import parse_skips
from acpublish.release.secrets import SecretRules, parse_accepted

__all__ = ["Settings", "arguments", "environment", "flags", "ini"]

T = TypeVar("T")

#: What each setting is called, without ``ACPUBLISH_``, ``custom_ota_`` and ``--``.
NAMES = (
    "to",
    "product",
    "version",
    "board",
    "channel",
    "kind",
    "chip",
    "core",
    "compress",
    "skip_checks",
    "partitions",
    "signing_key",
    "secret_scan",
    "accept_secrets",
    "secret_variables",
    "on_build",
    "insecure_http",
    "token",
)
#: Options of another name: those that may be given more than once.
_OPTIONS = {"skip_checks": "--skip-check", "accept_secrets": "--accept-secret"}
_SPELLED = {"to": "destination"}
_EXAMPLES = {
    "to": "to a directory or a server's address",
    "version": "to a version such as 1.0.0, to git, or to file:PATH",
}
_NOT_IN_INI = frozenset({"token", "chip"})
_YES = frozenset({"1", "yes", "true", "on"})
_NO = frozenset({"0", "no", "false", "off"})


@dataclass(frozen=True, slots=True)
class Layer:
    """One place that settings come from: the texts it holds, and what it calls each.

    Attributes:
        values: The texts, by the names of the settings.
        origin: What the layer calls a setting.
        place: The same in a hint on how to give it; None where that is what ``origin`` says.
        base: What a relative path is relative to; None for the current directory.
        variables: All environment variables, for settings that name some; never shown.
    """

    values: Mapping[str, str]
    origin: Callable[[str], str]
    place: Callable[[str], str] | None = None
    base: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)

    def how_to_give(self, name: str) -> str:
        """Returns the words for a hint."""
        return (self.place or self.origin)(name)


def flags(values: Mapping[str, str | None]) -> Layer:
    """The layer of the command line."""
    return _layer(values, _option)


def arguments(values: Mapping[str, str | None], names: Mapping[str, str] | None = None) -> Layer:
    """The layer of a function's arguments, or of what a command has instead of options.

    Args:
        values: The texts.
        names: What those are called that have another name.
    """
    called = names or {}
    return _layer(
        values,
        lambda name: called.get(name, name),
        place=lambda name: f"the argument {called.get(name, name)}",
    )


def _option(name: str) -> str:
    return _OPTIONS.get(name, "--" + name.replace("_", "-"))


def environment(environ: Mapping[str, str], base: Path | None = None) -> Layer:
    """The layer of environment variables.

    Args:
        environ: The variables.
        base: What a relative ``ACPUBLISH_TO`` is relative to; None for the current directory.
    """
    values = {name: environ.get(f"ACPUBLISH_{name.upper()}") for name in NAMES}
    layer = _layer(values, lambda name: f"ACPUBLISH_{name.upper()}", base=base)
    return replace(layer, variables=environ)


def ini(option: Callable[[str], str | None], project: Path) -> Layer:
    """The layer of platformio.ini.

    Args:
        option: Returns an option's text, None where it is not set.
        project: What a relative ``custom_ota_to`` is relative to.
    """
    values = {name: option(f"custom_ota_{name}") for name in NAMES if name not in _NOT_IN_INI}
    return _layer(
        values,
        lambda name: f"custom_ota_{name}",
        place=lambda name: f"custom_ota_{name} in platformio.ini",
        base=project,
    )


def _layer(
    values: Mapping[str, str | None],
    origin: Callable[[str], str],
    *,
    place: Callable[[str], str] | None = None,
    base: Path | None = None,
) -> Layer:
    given = {name: str(text).strip() for name, text in values.items() if text is not None}
    given = {name: text for name, text in given.items() if text}
    return Layer(given, origin, place, base)


class Settings:
    """Values out of layers; the first layer that has one wins."""

    def __init__(self, *layers: Layer) -> None:
        self._layers = layers

    def text(self, name: str) -> str | None:
        """Returns a setting's text, None where no layer has it."""
        for layer in self._layers:
            if name in layer.values:
                return layer.values[name]
        return None

    def checked(self, name: str, check: Callable[[str], T], default: str | None = None) -> T:
        """Returns a setting after its check.

        Raises:
            AcpublishError: There is none, or the check refuses it; the message says where it
                came from.
        """
        for layer in self._layers:
            if name in layer.values:
                try:
                    return check(layer.values[name])
                except AcpublishError as fault:
                    problem = f"{layer.origin(name)}: {fault.problem}"
                    raise type(fault)(problem, hint=fault.hint) from fault
        if default is not None:
            return check(default)
        raise SettingsError(f"no {_SPELLED.get(name, name)} is given", hint=self._how_to_give(name))

    def flag(self, name: str) -> bool:
        """Returns a yes or no; no where no layer has it."""
        return self.checked(name, _boolean, "no")

    def destination(self) -> Destination:
        """Returns where to publish.

        Raises:
            SettingsError: It is not given, or is no address that can be used.
        """
        to = self.checked("to", _address)
        holder = next(layer for layer in self._layers if "to" in layer.values)
        found = Destination(
            to=to, token=self.text("token"), insecure_http=self.flag("insecure_http")
        )
        if found.is_server:
            return found
        # Path.expanduser raises a RuntimeError for a user that there is not.
        directory = Path(os.path.expanduser(to))  # noqa: PTH111
        return Destination(to=str(holder.base / directory if holder.base else directory))

    def kind(self) -> ImageKind:
        """Returns the kind of image; firmware where no layer has it.

        Raises:
            SettingsError: There is no such kind.
        """
        return self.checked("kind", _kind, "firmware")

    def signing_key(self) -> Path | None:
        """Returns the file of the key that signs, None where none is set.

        Raises:
            SettingsError: There is no such file.
        """
        path = self._path("signing_key")
        return path and self.checked("signing_key", lambda _: _key_file(path))

    def publish_options(
        self,
        *,
        product: str | None = None,
        board: str | None = None,
        chip: str | None = None,
        provenance: Mapping[str, str] | None = None,
        declared: Declared | None = None,
        partitions: Path | None = None,
        secret_values: Mapping[str, str] | None = None,
    ) -> PublishOptions:
        """Returns what is to be published where; the arguments are defaults.

        Raises:
            AcpublishError: Something is missing or invalid.
        """
        built_with = {"core": self.checked("core", core)} if self.text("core") else {}
        return PublishOptions(
            destination=self.destination(),
            product=self.checked("product", names.product, product),
            version=self.checked("version", _version_source),
            board=self.checked("board", names.board, board),
            channel=self._given("channel", names.channel),
            kind=self.kind(),
            chip=self.text("chip") or chip,
            signing_key=self.signing_key(),
            provenance={**(provenance or {}), **built_with},
            compress=self.flag("compress"),
            declared=declared or Declared(),
            partitions=self._path("partitions") or partitions,
            skipped_checks=self._skipped_checks(),
            secrets=self._secret_rules(),
            secret_values={**(secret_values or {}), **self._secret_values()},
        )

    def check_options(self) -> CheckOptions:
        """Returns what is known of an image that is only to be checked.

        Raises:
            AcpublishError: Something is invalid.
        """
        return CheckOptions(
            destination=self.destination() if self.text("to") else None,
            product=self._given("product", names.product),
            version=self._given("version", _version_source),
            board=self._given("board", names.board),
            channel=self._given("channel", names.channel),
            kind=self.checked("kind", _kind, "firmware"),
            chip=self.text("chip"),
            partitions=self._path("partitions"),
            skipped_checks=self._skipped_checks(),
            secrets=self._secret_rules(),
            secret_values=self._secret_values(),
            signing_key=self.signing_key(),
        )

    def _how_to_give(self, name: str) -> str:
        # What is for one call or project comes before what the whole shell may have.
        layers = sorted(self._layers, key=lambda layer: layer.origin(name).startswith("ACPUBLISH_"))
        places = " or ".join(layer.how_to_give(name) for layer in layers)
        example = _EXAMPLES.get(name)
        return f"Set {places}{f', {example}' if example else ''}."

    def _skipped_checks(self) -> dict[str, str]:
        skipped = self.checked("skip_checks", parse_skips, "")
        # What is not searched for is a check that was not made: the manifest says so, too.
        if self.checked("secret_scan", _secret_scan, "warning") == "off":
            skipped.setdefault("secrets", "secret_scan = off")
        return skipped

    def _secret_rules(self) -> SecretRules:
        scan = self.checked("secret_scan", _secret_scan, "warning")
        return SecretRules(
            severity="error" if scan == "error" else "warning",
            accepted=self.checked("accept_secrets", parse_accepted, ""),
        )

    def _secret_values(self) -> dict[str, str]:
        names = (self.text("secret_variables") or "").replace(",", " ").split()
        variables = {name: text for layer in self._layers for name, text in layer.variables.items()}
        return {f"${name}": variables[name] for name in names if variables.get(name)}

    def _path(self, name: str) -> Path | None:
        for layer in self._layers:
            if name in layer.values:
                path = Path(os.path.expanduser(layer.values[name]))  # noqa: PTH111
                return path if layer.base is None else layer.base / path
        return None

    def _given(self, name: str, check: Callable[[str], T]) -> T | None:
        return self.checked(name, check) if self.text(name) else None


def _address(text: str) -> str:
    if "://" not in text:
        return text
    try:
        parts = urlsplit(text)
        usable = parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError(
            "the address is no http(s) URL of a server",
            hint="Give a directory, or an address such as http://192.168.1.10:8000.",
        )
    if parts.username or parts.password:
        raise SettingsError(
            "the address holds a user or a password",
            hint="Take them out, and give the token in ACPUBLISH_TOKEN.",
        )
    return text.rstrip("/")


def _key_file(path: Path) -> Path:
    keys.require()
    if not path.is_file():
        raise SettingsError(
            f"there is no key {path}",
            hint="Give the PEM file of a private key: acpublish key create makes one.",
        )
    return path


def _kind(text: str) -> ImageKind:
    for kind in IMAGE_KINDS:
        if text == kind:
            return kind
    raise SettingsError(f"{text!a} is no kind of image", hint="Use firmware or filesystem.")


def _secret_scan(text: str) -> str:
    if text in ("warning", "error", "off"):
        return text
    raise SettingsError(f"{text!a} is no way to scan", hint="Use warning, error or off.")


def _version_source(text: str) -> str:
    if text != "git" and not text.startswith("file:"):
        Version.parse(text)
    return text


def _boolean(text: str) -> bool:
    if text.lower() in _YES | _NO:
        return text.lower() in _YES
    raise SettingsError(f"{text!a} is neither yes nor no", hint="Write yes or no.")
