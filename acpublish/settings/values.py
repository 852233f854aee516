"""The values of settings, from layers: each is checked once, and an error says where it came from.

:class:`Settings` finds the value in the first layer that has it; :func:`command_settings` is the
order of the layers for a command, and :func:`files_of` the files for the hooks of PlatformIO and
Arduino.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from acpublish.errors import AcpublishError, SettingsError
from acpublish.input_files import ca_file, expanded
from acpublish.publishing.options import CheckOptions, Destination, ImportOptions, PublishOptions
from acpublish.release import names
from acpublish.release.declared import Declared
from acpublish.release.gzip_choice import core
from acpublish.release.names import ImageKind
from acpublish.release.requires import Requirement
from acpublish.release.secrets import SecretRules, parse_accepted
from acpublish.release.text import name_of_person
from acpublish.release.version import Version
from acpublish.settings import validators
from acpublish.settings.config_files import file_layers
from acpublish.settings.layers import IgnoredValue, Layer, arguments, environment
from acpublish.settings.setting_names import DEFAULTS, EXAMPLES, PER_ENVIRONMENT, SPELLED
from acpublish.settings.validators import SCAN_OFF, STDIN, token_from_file, token_from_stdin

if TYPE_CHECKING:
    from acpublish.platformio_ini.reader import ProjectOptions
    from acpublish.release.filenames import NamePattern

T = TypeVar("T")


class Settings:
    """Values from layers; the first layer that has one takes precedence.

    Args:
        layers: The layers, in order of precedence.
        files: Returns the last layers; called when the first value is needed, so a run that needs
            none reads no file and reports no error in one.
    """

    def __init__(self, *layers: Layer, files: Callable[[], Sequence[Layer]] = tuple) -> None:
        self._first = layers
        self._files = files

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """All layers, in order of precedence."""
        return (*self._first, *self._files())

    def ignored(self) -> tuple[IgnoredValue, ...]:
        """Returns each value in a layer that is not used, once."""
        return tuple(dict.fromkeys(value for layer in self.layers for value in layer.ignored))

    def origin(self, name: str) -> str | None:
        """Returns where a setting comes from, None if no layer has it."""
        layer = self._holder(name)
        return None if layer is None else layer.in_full(name)

    def text(self, name: str) -> str | None:
        """Returns a setting as a string, None if no layer has it."""
        layer = self._holder(name)
        return None if layer is None else layer.values[name]

    def checked(self, name: str, check: Callable[[str], T], default: str | None = None) -> T:
        """Returns a setting after its check.

        Raises:
            AcpublishError: There is none, or it does not pass the check; the message says where it
                came from.
        """
        layer = self._holder(name)
        if layer is not None:
            try:
                return check(layer.values[name])
            except AcpublishError as fault:
                problem = f"{layer.origin(name)}: {fault.problem}"
                raise type(fault)(problem, hint=fault.hint) from fault
        if default is not None:
            return check(default)
        raise SettingsError(f"no {SPELLED.get(name, name)} is given", hint=self._how_to_set(name))

    def flag(self, name: str) -> bool:
        """Returns whether a setting is yes; False if no layer has it."""
        return self.checked(name, validators.boolean, DEFAULTS[name])

    @cached_property
    def token(self) -> str | None:
        """The token, which may be in a file; None if no layer has one.

        Raises:
            SettingsError: The file cannot be read, or does not contain one.
        """
        for layer in self.layers:
            if "token" in layer.values:
                return layer.values["token"]
            if "token_file" in layer.values:
                return self.checked("token_file", partial(_token, layer))
        return None

    def destination(self) -> Destination:
        """Returns where to publish.

        Raises:
            SettingsError: It is not set, or cannot be used.
        """
        to = self.checked("to", validators.address)
        holder = next(layer for layer in self.layers if "to" in layer.values)
        if Destination(to=to).is_server:
            return Destination(
                to=to,
                token=self.token,
                insecure_http=self.flag("insecure_http"),
                ca=self.checked_file("ca", ca_file),
            )
        return Destination.of_directory(_path_of(to, holder), self._variables())

    def kind(self) -> ImageKind:
        """Returns the kind of image; firmware if no layer has it.

        Raises:
            SettingsError: There is no such kind.
        """
        return self.checked("kind", validators.kind, DEFAULTS["kind"])

    def signing_key(self) -> Path | None:
        """Returns the file of the signing key, None if none is set.

        Raises:
            SettingsError: There is no such file.
        """
        return self.checked_file("signing_key", validators.key_file)

    def publish_options(
        self,
        *,
        product: str | None = None,
        board: str | None = None,
        chip: str | None = None,
        provenance: Mapping[str, str] | None = None,
        private: Mapping[str, str] | None = None,
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
            version_source=self.checked("version", self._version_source),
            board=self.checked("board", names.board, board),
            **self._for_checks(secret_values),
            kind=self.kind(),
            chip=self._given("chip", validators.chip) or chip,
            provenance={**(provenance or {}), **built_with},
            private=private or {},
            compress=self.flag("compress"),
            no_downgrade_below=self._given("no_downgrade_below", Version.parse),
            requires=self._given("requires", Requirement.checked),
            by=self._given("by", name_of_person) or "",
            declared=declared or Declared(),
            partitions=self._path("partitions") or partitions,
        )

    def check_options(self) -> CheckOptions:
        """Returns what is known of an image that is only to be checked.

        Raises:
            AcpublishError: Something is invalid.
        """
        return CheckOptions(
            destination=self.destination() if self.text("to") else None,
            product=self._given("product", names.product),
            version_source=self._given("version", self._version_source),
            board=self._given("board", names.board),
            **self._for_checks(),
            kind=self.kind(),
            chip=self._given("chip", validators.chip),
            partitions=self._path("partitions"),
        )

    def import_options(self, pattern: NamePattern) -> ImportOptions:
        """Returns where a folder of old images is to go, and what is known of all of them.

        Raises:
            AcpublishError: Something is missing or invalid.
        """
        return ImportOptions(
            destination=self.destination(),
            pattern=pattern,
            product=self._given("product", names.product),
            board=self._given("board", names.board),
            **self._for_checks(),
        )

    def _for_checks(self, secret_values: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Returns the arguments that all three sorts of options take alike."""
        return {
            "channel": self._given("channel", names.channel),
            "signing_key": self.signing_key(),
            "skipped_checks": self._skipped_checks(),
            "secrets": self._secret_rules(),
            "secret_values": {**(secret_values or {}), **self._secret_values()},
        }

    def _how_to_set(self, name: str) -> str:
        # A hint proposes a setting for one call or project before one for the whole shell.
        layers = sorted(
            (layer for layer in self.layers if layer.proposed),
            key=lambda layer: layer.origin(name).startswith("ACPUBLISH_"),
        )
        sources = " or ".join(layer.in_full(name) for layer in layers)
        example = EXAMPLES.get(name)
        sources += f", {example}" if example else ""
        several = next((layer.environments for layer in self.layers if layer.environments), ())
        if several and name in PER_ENVIRONMENT:
            return f"Choose the environment with -e {' or -e '.join(several)}, or set {sources}."
        return f"Set {sources}."

    def _skipped_checks(self) -> dict[str, str]:
        skipped: dict[str, str] = {}
        if self.text("skip_checks"):
            # This loads all the checks, which most builds do not need.
            from acpublish.release.checks.registry import parse_skips

            skipped = self.checked("skip_checks", parse_skips)
        # A search that is turned off is a check that was not run, and the manifest records that.
        if self._secret_scan() == "off":
            skipped.setdefault("secrets", SCAN_OFF)
        return skipped

    def _secret_rules(self) -> SecretRules:
        return SecretRules(
            severity="error" if self._secret_scan() == "error" else "warning",
            accepted=self.checked("accept_secrets", parse_accepted, ""),
        )

    def _secret_scan(self) -> str:
        return self.checked("secret_scan", validators.secret_scan, DEFAULTS["secret_scan"])

    def version_source(self) -> str | None:
        """Returns the source of the version, with ``env:`` replaced; None if none is set.

        Raises:
            VersionError: It is not valid.
        """
        return self._given("version", self._version_source)

    def _version_source(self, text: str) -> str:
        if text.startswith("env:"):
            name = text.removeprefix("env:")
            return validators.version_variable(name, self._variables().get(name, ""))
        return validators.version_source(text)

    def _variables(self) -> dict[str, str]:
        return {name: text for layer in self.layers for name, text in layer.variables.items()}

    def _secret_values(self) -> dict[str, str]:
        names = (self.text("secret_variables") or "").replace(",", " ").split()
        variables = self._variables()
        return {f"${name}": variables[name] for name in names if variables.get(name)}

    def _path(self, name: str) -> Path | None:
        layer = self._holder(name)
        return None if layer is None else _path_of(layer.values[name], layer)

    def checked_file(self, name: str, check: Callable[[Path], T]) -> T | None:
        """Returns what a check returns for the file that a setting names; None if it is not set.

        Raises:
            AcpublishError: The check refuses the file; the message names the setting.
        """
        path = self._path(name)
        return None if path is None else self.checked(name, lambda _: check(path))

    def _holder(self, name: str) -> Layer | None:
        """Returns the first layer that has a setting."""
        return next((layer for layer in self.layers if name in layer.values), None)

    def _given(self, name: str, check: Callable[[str], T]) -> T | None:
        return self.checked(name, check) if self.text(name) else None


def _path_of(text: str, layer: Layer) -> Path:
    path = expanded(text)
    return path if layer.base is None else layer.base / path


def _token(layer: Layer, text: str) -> str:
    if text == STDIN and layer.stdin:
        return token_from_stdin()
    return token_from_file(_path_of(text, layer))


def files_of(directory: Path, environ: Mapping[str, str]) -> Callable[[], tuple[Layer, ...]]:
    """Returns a function that reads the settings files for a directory once, when it is called."""
    return functools.cache(lambda: file_layers(directory, environ))


def command_settings(
    first: Layer,
    environ: Mapping[str, str],
    directory: Path,
    *,
    project_environment: str | None = None,
    defaults: bool = False,
    without: Collection[str] = (),
) -> Settings:
    """Returns the settings of a command: its options, then all other sources in order.

    Args:
        first: The layer of the command's options.
        environ: The environment variables.
        directory: Where the command is run.
        project_environment: The environment of platformio.ini whose options to use.
        defaults: Whether the folder's name and the option ``board`` of a PlatformIO project are the
            defaults for product and board.
        without: Settings that are ignored in the project's and the user's files.

    Raises:
        SettingsError: A settings file cannot be read, or contains an unknown setting.
    """
    # A build gets the options of platformio.ini from PlatformIO, and does not load this.
    from acpublish.settings.platformio_layer import project_layers

    project = project_layers(directory, project_environment, environ=environ, defaults=defaults)
    files = file_layers(directory, environ)
    # The folder's name and the option board are not settings, so they come last.
    others = (_without(without, layer) for layer in (*project[:1], *files, *project[1:]))
    return Settings(first, environment(environ), *others)


def settings_of_environments(
    project: ProjectOptions, environ: Mapping[str, str], directory: Path
) -> Callable[[str], Settings]:
    """Returns a function that gives the settings of an environment of a project.

    They are those of :func:`command_settings`. Project and files are read once, because a project
    may have hundreds of environments.

    Args:
        project: The project's platformio.ini.
        environ: The environment variables.
        directory: The project's.
    """
    from acpublish.settings.platformio_layer import layers_of

    files = files_of(directory, environ)
    # The hint for a missing setting proposes a line in a file, not an argument of this function.
    first = replace(arguments({}), proposed=False), environment(environ)

    def of(name: str) -> Settings:
        own, defaults = layers_of(project, directory, name, defaults=True)
        return Settings(*first, own, *files(), defaults)

    return of


def _without(names: Collection[str], layer: Layer) -> Layer:
    values = {name: text for name, text in layer.values.items() if name not in names}
    return replace(layer, values=values)
