"""What platformio.ini and the environment variables say of one environment of a project."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from acpublish.errors import AcpublishError, SettingsError
from acpublish.pio.board import board_partitions, declared_by
from acpublish.publishing.options import PublishOptions
from acpublish.publishing.versions import VersionSource, resolve
from acpublish.release import names
from acpublish.release.declared import Declared
from acpublish.settings.layers import Layer, environment, ini
from acpublish.settings.values import Settings, files_of

__all__ = ["Plan", "Project"]

_Files = Callable[[], tuple[Layer, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be published where, and under which version."""

    options: PublishOptions
    source: VersionSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One environment of a project.

    Attributes:
        environment: Its name in platformio.ini.
        directory: The project's.
        build_directory: Where this environment is built.
        chip: The board's, as esptool spells it.
        arduino: Whether it is built with the Arduino framework.
        settings: What is set.
        default_product: The folder's name, made valid.
        default_board: What the option ``board`` says.
        built: Returns what the build is made with, for the provenance.
        flags: Returns the build flags, given the secrets to mask.
        declared: What the image does not tell of the board and the build.
        partitions: The board's partition table, where there is one to read.
        rivals: The other environments that may be published too: name, board and settings.
        secret_values: What is searched for in an image, by the names to show.
    """

    environment: str
    directory: Path
    build_directory: Path
    chip: str
    arduino: bool
    settings: Settings
    default_product: str
    default_board: str
    declared: Declared
    partitions: Path | None
    rivals: tuple[tuple[str, str, Settings], ...]
    secret_values: Mapping[str, str] = field(default_factory=dict, repr=False)
    built: Callable[[], dict[str, str]] = dict
    flags: Callable[[Mapping[str, str]], dict[str, str]] = lambda secrets: {}

    @classmethod
    def of(cls, env: Any, arguments: Layer | None = None) -> Project | None:
        """Reads SCons' environment; None where it builds for no Espressif chip.

        Args:
            env: SCons' environment.
            arguments: What this run was told, which comes first.
        """
        chip = str(env.BoardConfig().get("build.mcu", "")) if "BOARD" in env else ""
        if not chip.startswith("esp"):
            return None
        directory = Path(env.subst("$PROJECT_DIR"))
        frameworks = [str(name) for name in env.get("PIOFRAMEWORK") or ()]
        config, name = env.GetProjectConfig(), str(env["PIOENV"])
        files = files_of(directory, os.environ)
        return cls(
            environment=name,
            directory=directory,
            build_directory=Path(env.subst("$BUILD_DIR")),
            chip=chip,
            arduino="arduino" in frameworks,
            settings=_settings(config, name, directory, files, arguments),
            default_product=names.product_from(directory.name),
            default_board=str(env["BOARD"]).lower(),
            built=lambda: _built(env),
            flags=lambda secrets: _flags(env, secrets),
            declared=declared_by(env, name),
            partitions=board_partitions(env, chip, directory),
            rivals=_rivals(config, name, directory, files),
        )

    @property
    def product(self) -> names.ProductName:
        """The product."""
        return self.settings.checked("product", names.product, self.default_product)

    @property
    def board(self) -> names.BoardName:
        """The board."""
        return self.settings.checked("board", names.board, self.default_board)

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment variables of this run."""
        return os.environ

    def version_source(self) -> VersionSource | None:
        """Finds out the version, before the build; None where none is set."""
        version = self.settings.version_source()
        if version is None:
            return None
        return self.settings.checked("version", lambda _: resolve(version, self.directory))

    def plan(self, source: VersionSource | None) -> Plan:
        """Returns what is to be published.

        Raises:
            AcpublishError: Something is missing or wrong, or another environment of the project
                would publish the same release.
        """
        options = self.settings.publish_options(
            product=self.default_product,
            board=self.default_board,
            chip=self.chip,
            declared=self.declared,
            partitions=self.partitions,
            secret_values=self.secret_values,
        )
        self._refuse_rivals(options)
        if options.partitions and self.settings.text("partitions"):
            # The board's own was looked at when it was found.
            from acpublish.publishing.partitions import read_table

            read_table(options.partitions)
        # A missing version is an error of the options, so that there is a source here.
        return Plan(
            options=options, source=source or resolve(options.version_source, self.directory)
        )

    def _refuse_rivals(self, options: PublishOptions) -> None:
        for name, board, settings in self.rivals:
            try:
                theirs = settings.publish_options(product=self.default_product, board=board)
            except AcpublishError:
                continue
            same_place = all(
                getattr(theirs, part) == getattr(options, part)
                for part in ("destination", "product", "board", "kind")
            )
            if same_place and (
                theirs.version_source == options.version_source or theirs.channel == options.channel
            ):
                raise SettingsError(
                    f"the environments {self.environment} and {name} would both publish "
                    f"{options.product} for the board {options.board}, so that devices of one get "
                    "the firmware of the other",
                    hint=f"Give one of them a board name of its own, for example "
                    f"custom_ota_board = {options.board}-{self.environment.lower()}.",
                )

    def complete(self, plan: Plan) -> PublishOptions:
        """Returns the options of a plan with where the build comes from.

        It asks git and the compiler, which is left to the runs that publish.
        """
        from acpublish.publishing import git as origin

        options, git = plan.options, plan.source.git or origin.state_of(self.directory)
        return replace(
            options,
            provenance={
                "environment": self.environment,
                **self.built(),
                **origin.of_tools("acpublish", "platformio"),
                **origin.of_git(git),
                **options.provenance,
            },
            private={**origin.private_of_git(self.directory), **self.flags(self.secret_values)},
            declared=replace(options.declared, changed=git.changed if git else None),
        )


def _built(env: Any) -> dict[str, str]:

    from acpublish.pio import provenance

    return {**provenance.built_by(env), **provenance.compiler(env)}


def _flags(env: Any, secrets: Mapping[str, str]) -> dict[str, str]:

    from acpublish.pio import provenance

    return provenance.build_flags(env, secrets)


def _settings(
    config: Any, name: str, directory: Path, files: _Files, arguments: Layer | None = None
) -> Settings:
    options = ini(_option(config, name), directory, config.options(env=name))
    layers = (environment(os.environ, directory), options)
    return Settings(*((arguments,) if arguments else ()), *layers, files=files)


def _option(config: Any, name: str) -> Callable[[str], str | None]:
    def option(key: str) -> str | None:
        value = config.get(f"env:{name}", key, None)
        return None if value is None else str(value)

    return option


def _rivals(
    config: Any, name: str, directory: Path, files: _Files
) -> tuple[tuple[str, str, Settings], ...]:
    """Returns the other environments with the same extra script that may be published, too.

    Which environments this very run builds is not known here: each is a process of its own. One
    that a plain ``pio run`` builds is safe from all others, because they look at it in turn.
    """
    default = config.default_envs()
    ours = set(config.get(f"env:{name}", "extra_scripts", []) or ())
    return tuple(
        (
            other,
            str(config.get(f"env:{other}", "board", "")).lower(),
            _settings(config, other, directory, files),
        )
        for other in (default if name in default else config.envs())
        if other != name and ours & set(config.get(f"env:{other}", "extra_scripts", []) or ())
    )
