"""One environment of a PlatformIO project: its settings, and what they publish."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from acpublish.errors import AcpublishError, SettingsError
from acpublish.pio.board import board_partitions, declared_by
from acpublish.pio.firmware import signed_only
from acpublish.pio.provenance import build_flags, built_by, compiler
from acpublish.publishing import git
from acpublish.publishing.options import PublishOptions
from acpublish.publishing.versions import VersionSource, resolve
from acpublish.release import names
from acpublish.release.declared import Declared
from acpublish.settings.layers import Layer, environment, ini, layer
from acpublish.settings.same_devices import board_line, have_same_devices, rivals_of
from acpublish.settings.values import Settings, files_of

_Files = Callable[[], tuple[Layer, ...]]
#: Another environment: its name, its board and its settings.
_Rival = tuple[str, str, Settings]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildPlan:
    """What is published where, and under which version."""

    options: PublishOptions
    source: VersionSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One environment of a project.

    Attributes:
        environment: The environment's name in platformio.ini.
        directory: The project's directory.
        build_directory: Where this environment is built.
        chip: The board's chip, as esptool spells it.
        arduino: Whether it is built with the Arduino framework.
        settings: The settings of this environment.
        default_product: The folder's name, made valid.
        default_board: The value of the option ``board``.
        declared: What is known of the board and the build, but not from the image.
        partitions: The board's partition table; None if there is no readable one.
        secret_values: The values to search an image for, by the names to show.
        rivals: Returns the other environments that may be published for the same board; only
            publishing asks.
        own_channel: Returns the channel that the project sets, whatever a single run uses.
        signed_only: Returns whether the devices accept only signed images.
        built: Returns what the build is made with, for the provenance.
        flags: Returns the build flags, given the secrets to mask.
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
    secret_values: Mapping[str, str] = field(default_factory=dict, repr=False)
    rivals: Callable[[], Iterable[_Rival]] = tuple
    own_channel: Callable[[], str] = lambda: names.STABLE
    signed_only: Callable[[], bool] = lambda: False
    built: Callable[[], dict[str, str]] = dict
    flags: Callable[[Mapping[str, str]], dict[str, str]] = lambda secrets: {}

    @classmethod
    def of(cls, env: Any, arguments: Layer | None = None) -> Project | None:
        """Reads SCons' environment; returns None if it does not build for an Espressif chip.

        Args:
            env: SCons' environment.
            arguments: The arguments of this run, which take precedence.
        """
        chip = str(env.BoardConfig().get("build.mcu", "")) if "BOARD" in env else ""
        if not chip.startswith("esp"):
            return None
        directory = Path(env.subst("$PROJECT_DIR"))
        frameworks = [str(name) for name in env.get("PIOFRAMEWORK") or ()]
        config, name = env.GetProjectConfig(), str(env["PIOENV"])
        files = files_of(directory, os.environ)
        settings = _settings(config, name, directory, files, arguments)
        default_board = names.board_from(str(env["BOARD"]))
        return cls(
            environment=name,
            directory=directory,
            build_directory=Path(env.subst("$BUILD_DIR")),
            chip=chip,
            arduino="arduino" in frameworks,
            settings=settings,
            default_product=names.product_from(directory.name),
            default_board=default_board,
            own_channel=lambda: _own_channel(config, name, directory, files),
            signed_only=lambda: signed_only(env),
            built=lambda: {**built_by(env), **compiler(env)},
            flags=lambda secrets: build_flags(env, secrets),
            declared=declared_by(env, name),
            partitions=board_partitions(env, chip, directory),
            rivals=lambda: _rivals(
                config, name, settings.text("board") or default_board, directory, files
            ),
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
    def update_path(self) -> str:
        """The path of the updates of this environment's devices."""
        return names.update_path(self.product, self.board, self.own_channel())

    def version_source(self) -> VersionSource | None:
        """Determines the version, before the build; returns None if none is set."""
        version = self.settings.version_source()
        if version is None:
            return None
        return self.settings.checked("version", lambda _: resolve(version, self.directory))

    def plan(self, source: VersionSource | None) -> BuildPlan:
        """Returns what to publish.

        Raises:
            AcpublishError: Something is missing or invalid, or another environment of the project
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
            # The board's own table was checked when it was found.
            from acpublish.publishing.partitions import read_table

            read_table(options.partitions)
        # A missing version is an error of the options, so one is set here.
        return BuildPlan(
            options=options, source=source or resolve(options.version_source, self.directory)
        )

    def _refuse_rivals(self, options: PublishOptions) -> None:
        """Refuses to publish what devices of another environment would receive."""
        for name, board, settings in self.rivals():
            try:
                theirs = settings.publish_options(product=self.default_product, board=board)
            except AcpublishError:
                continue
            if have_same_devices(options, theirs):
                line = board_line(options.board, self.environment, {options.board})
                raise SettingsError(
                    f"the environments {self.environment} and {name} would both publish "
                    f"{options.product} for the board {options.board}, so devices of one would get "
                    "the firmware of the other",
                    hint=f"Give them different board names: set {line}.",
                )

    def complete(self, plan: BuildPlan) -> PublishOptions:
        """Returns the options of a plan, completed with the provenance of the build.

        It runs git and the compiler, so only runs that publish call it.
        """
        options, state = plan.options, plan.source.git or git.state_of(self.directory)
        return replace(
            options,
            provenance={
                "environment": self.environment,
                **self.built(),
                **git.of_tools("acpublish", "platformio"),
                **git.of_git(state),
                **options.provenance,
            },
            private={**git.private_of_git(self.directory), **self.flags(self.secret_values)},
            declared=replace(options.declared, changed=state.changed if state else None),
        )


def _own_channel(config: Any, name: str, directory: Path, files: _Files) -> names.ChannelName:
    # Arguments and variables of a single run do not count: publishing a build to one more channel
    # must not change its bytes.
    option = _option(config, name)
    options = ini(lambda key: option(key) if key.endswith("_channel") else None, directory)
    return Settings(options, files=files).checked("channel", names.channel, names.STABLE)


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


def _rivals(config: Any, name: str, board: str, directory: Path, files: _Files) -> Iterator[_Rival]:
    """Returns the rivals of an environment that have the same board.

    A project may have hundreds of environments, so the settings of all others are not read.
    """

    def scripts(other: str) -> Sequence[str]:
        return config.get(f"env:{other}", "extra_scripts", []) or ()

    variables = environment(os.environ, directory)
    for other in rivals_of(name, config.envs(), config.default_envs(), scripts):
        option = _option(config, other)
        default_board = option("board") or ""
        default_board = default_board and names.board_from(default_board)
        own = layer({"board": option("custom_ota_board")}, lambda name: name)
        if (Settings(variables, own, files=files).text("board") or default_board) == board:
            yield other, default_board, _settings(config, other, directory, files)
