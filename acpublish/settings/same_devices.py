"""Environments of a project whose devices would get each other's firmware.

The hook refuses to publish such an environment, ``init`` and ``doctor`` report it: all by these
functions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from acpublish.publishing.options import PublishOptions
from acpublish.release import names

if TYPE_CHECKING:
    from acpublish.platformio_ini.reader import BuiltinReader


def rivals_of(
    name: str,
    environments: Iterable[str],
    default: Collection[str],
    scripts: Callable[[str], Collection[str]],
) -> list[str]:
    """Returns the other environments with the same extra script that may also be published.

    Each environment is built by its own process, which does not know which others are built. An
    environment that a plain ``pio run`` builds needs no check against one that it does not build,
    because that one checks in turn.

    Args:
        name: The environment.
        environments: All environments.
        default: Those that a plain ``pio run`` builds; empty for all.
        scripts: Returns the entries of an environment's ``extra_scripts``.
    """
    own = set(scripts(name))
    others = default if name in default else environments
    return [other for other in others if other != name and own & set(scripts(other))]


def rivals_among(project: BuiltinReader, environments: Iterable[str]) -> Callable[[str], list[str]]:
    """Returns a function that gives the rivals of an environment, as :func:`rivals_of`.

    Args:
        project: The project.
        environments: Those that may be published.
    """
    scripts = {name: project.scripts(name) for name in environments}
    default = project.default_environments()
    return lambda name: rivals_of(name, scripts, default, lambda other: scripts.get(other, []))


def have_same_devices(options: PublishOptions, others: PublishOptions) -> bool:
    """Returns whether devices of one environment would get what another one publishes."""
    return _released_as(options) == _released_as(others) and (
        options.version_source == others.version_source or options.channel == others.channel
    )


def _released_as(options: PublishOptions) -> tuple[object, ...]:
    return options.destination, options.product, options.board, options.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class SameDevices:
    """Environments that would publish to the same devices.

    Attributes:
        environments: Their names, in the order of the project.
        refused: Those of them whose publish is refused.
        product: Their product.
        board: Their board.
        lines: The lines for platformio.ini that give each its own devices, and their sections.
    """

    environments: tuple[str, ...]
    refused: tuple[str, ...]
    product: str
    board: str
    lines: tuple[str, ...]

    @property
    def problem(self) -> str:
        """What is wrong, as a phrase."""
        count = "both" if len(self.environments) == 2 else "all"
        return (
            f"the environments {_listed(self.environments)} would {count} publish {self.product} "
            f"for the board {self.board}, so devices of one would get the firmware of another"
        )

    @property
    def hint(self) -> str:
        """What to add, as a sentence."""
        return f"Give them different board names: set {_listed(self.lines)}."


def same_devices(
    options: Mapping[str, PublishOptions], rivals: Callable[[str], Iterable[str]]
) -> Iterator[SameDevices]:
    """Finds the environments of a project that would publish to the same devices.

    Args:
        options: What each environment publishes.
        rivals: Returns the rivals of an environment.
    """
    taken = {str(each.board) for each in options.values()}
    alike: dict[tuple[object, ...], list[str]] = {}
    for name, each in options.items():
        alike.setdefault(_released_as(each), []).append(name)
    for members in alike.values():
        if len(members) == 1:
            continue
        conflicts = {
            name: [
                other
                for other in rivals(name)
                if other in members and have_same_devices(options[name], options[other])
            ]
            for name in members
        }
        involved = {name for name in members if conflicts[name]}.union(*conflicts.values())
        if involved:
            yield _described(
                [name for name in members if name in involved], conflicts, options, taken
            )


def _described(
    environments: Sequence[str],
    conflicts: Mapping[str, Sequence[str]],
    options: Mapping[str, PublishOptions],
    taken: set[str],
) -> SameDevices:
    first = options[environments[0]]
    return SameDevices(
        environments=tuple(environments),
        refused=tuple(name for name in environments if conflicts[name]),
        product=first.product,
        board=first.board,
        # The first one keeps its name.
        lines=tuple(board_line(first.board, name, taken) for name in environments[1:]),
    )


def board_line(board: str, environment: str, taken: set[str]) -> str:
    """Returns the line that gives an environment its own board name, and its section.

    Args:
        board: The board.
        environment: The environment.
        taken: The names that other environments have; the new one is added.
    """
    name, number = names.board_from(f"{board}-{environment}"), 2
    while name in taken:
        name, number = names.board_from(f"{board}-{environment}-{number}"), number + 1
    taken.add(name)
    return f"custom_ota_board = {name} in [env:{environment}]"


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 2 else words)
