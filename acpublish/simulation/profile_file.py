"""Reads the profile of a simulated fleet from a TOML document (``docs/reference/simulation.md``).

Its ``[[kind]]`` tables share the devices among themselves, ``[rollout]`` has the policy, and
``[[server_down]]`` says when the server is away. Everything has a default, and nothing is accepted
that could not mean anything.
"""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar, cast, get_args

from acpublish.errors import BadNameError, SettingsError
from acpublish.fleet.moments import DAY_S
from acpublish.fleet.policy import MILLION, Policy, Window
from acpublish.release import names
from acpublish.release.durations import duration
from acpublish.simulation.fleet_profile import Absence, Digests, Kind, Profile
from acpublish.wire import MAX_IMAGE_BYTES

#: A device that polled more often would make one long visit of all its check-ins.
LEAST_POLL_S = 60
LONGEST_S = 90 * DAY_S
MAX_KINDS = 100
MAX_PROFILE_BYTES = 64 * 1024
_MAX_TEXT = 200
_HINT = "See docs/reference/simulation.md for the keys of a profile."
#: The standard library has it from Python 3.11 on; before that, tomli is a requirement of ours.
_PARSER = "tomllib" if sys.version_info >= (3, 11) else "tomli"
_Made = TypeVar("_Made", "Kind", "Absence", "Profile")
_Keys = Mapping[str, Callable[[Any], Any]]


def read_profile(text: str, name: str) -> Profile:
    """Reads a profile from a TOML document.

    Args:
        text: The document.
        name: Its file or its name, for messages.

    Raises:
        SettingsError: It is not TOML, or not a profile.
    """
    toml = importlib.import_module(_PARSER)
    try:
        document: dict[str, Any] = toml.loads(text)
    except (toml.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(
            f"{name} is not valid TOML: {str(error)[:_MAX_TEXT]}", hint=_HINT
        ) from error
    kinds = document.pop("kind", [{}])
    down = document.pop("server_down", [])
    profile = _made(Profile, document, PROFILE_KEYS, name)
    tables = _tables(kinds, f"{name}: [[kind]]")
    made = tuple(_kind(table, f"{name}: kind {at}") for at, table in enumerate(tables, 1))
    if not any(kind.share for kind in made):
        raise SettingsError(f"{name} has no kind of device with a share above 0", hint=_HINT)
    absences = tuple(
        _made(Absence, table, ABSENCE_KEYS, f"{name}: server_down {at}")
        for at, table in enumerate(_tables(down, f"{name}: [[server_down]]"), 1)
    )
    profile = replace(profile, name=name, kinds=made, server_down=absences)
    try:
        profile.policy()
    except SettingsError as error:
        raise SettingsError(f"{name}: rollout: {error.problem}", hint=error.hint) from error
    return _consistent(profile)


def _consistent(profile: Profile) -> Profile:
    """Returns a profile if its parts go together."""
    chips: dict[str, str] = {}
    for kind in profile.kinds:
        if chips.setdefault(kind.board, kind.chip) != kind.chip:
            raise SettingsError(
                f"{profile.name}: the board {kind.board} has two chips, {chips[kind.board]} and "
                f"{kind.chip}",
                hint="Give each chip its own board.",
            )
    ordered = sorted(profile.server_down, key=lambda absence: absence.after)
    for before, after in itertools.pairwise(ordered):
        if after.after < before.after + before.lasts:
            raise SettingsError(
                f"{profile.name}: two [[server_down]] tables overlap",
                hint="Let the second begin after the first has ended.",
            )
    return replace(profile, server_down=tuple(ordered))


def _kind(table: dict[str, Any], where: str) -> Kind:
    after, lasts = table.pop("away_after", None), table.pop("away_for", None)
    kind = _made(Kind, table, KIND_KEYS, where)
    if after is not None or lasts is not None:
        given = {"after": after, "for": lasts}
        absence = {key: value for key, value in given.items() if value is not None}
        kind = replace(kind, away=_made(Absence, absence, ABSENCE_KEYS, f"{where}: away"))
    if kind.rolls_back + kind.dies + kind.lies + kind.flashed > 100:
        raise SettingsError(
            f"{where}: rolls_back, dies, lies and flashed are more than 100 % together",
            hint="Each device has one of these fates at most, so lower one of them.",
        )
    return kind


def _tables(value: Any, where: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
        raise SettingsError(f"{where} is not an array of tables", hint=_HINT)
    if len(value) > MAX_KINDS:
        raise SettingsError(f"{where} has more than {MAX_KINDS} tables", hint=_HINT)
    return [dict(table) for table in value]


def _made(kind: type[_Made], table: dict[str, Any], keys: _Keys, where: str) -> _Made:
    """Makes a part of a profile from a table.

    Raises:
        SettingsError: A key is unknown, or its value is not valid.
    """
    unknown = sorted(table.keys() - keys.keys())
    if unknown:
        raise SettingsError(
            f"{where}: {unknown[0][:40]!a} is not a key of a profile",
            hint=f"Use one of: {', '.join(sorted(keys))}.",
        )
    values = {}
    for key, value in table.items():
        try:
            values[_FIELDS.get(key, key)] = keys[key](value)
        except (SettingsError, BadNameError) as error:
            raise SettingsError(f"{where}: {key}: {error.problem}", hint=error.hint) from error
        except ValueError as error:
            raise SettingsError(
                f"{where}: {key}: {str(value)[:40]!a} is not valid", hint=f"Write {error}."
            ) from error
    return kind(**values)


def _seconds(least: int = 0) -> Callable[[Any], int]:
    """Returns a reader of durations."""

    def read(value: Any) -> int:
        seconds = int(duration(_text(value)).total_seconds())
        if not least <= seconds <= LONGEST_S:
            raise ValueError(f"a duration from {least}s to {LONGEST_S // DAY_S}d")
        return seconds

    return read


def _number(least: float, most: float, unit: str = "") -> Callable[[Any], float]:
    """Returns a reader of numbers."""

    def read(value: Any) -> float:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not least <= value <= most:
            raise ValueError(f"a number from {least:,g} to {most:,g}{unit}")
        return float(value)

    return read


def _bytes(value: Any) -> int:
    return int(_number(1, MAX_IMAGE_BYTES, " bytes")(value))


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _MAX_TEXT or not value.isprintable():
        raise ValueError(f"a text of at most {_MAX_TEXT} printable characters")
    return value


def _yes(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _board(value: Any) -> str:
    return names.board(_text(value))


def _chip(value: Any) -> str:
    chip = _text(value)
    if not chip.startswith("esp") or not names.is_name(chip):
        raise ValueError("a chip as esptool spells it, such as esp8266 or esp32c3")
    return chip


def _digests(value: Any) -> Digests:
    if value not in get_args(Digests):
        raise ValueError(f"one of {', '.join(get_args(Digests))}")
    return cast("Digests", value)


def _window(value: Any) -> Window:
    window = Policy.parse("100%", window=_text(value)).window
    if window is None:
        raise ValueError("two times of the day, such as 22:00-07:00")
    return window


def _rollout(value: Any) -> dict[str, str]:
    keys = ("stages", "soak", "halt", "on_halt", "window")
    if not isinstance(value, dict) or not value.keys() <= set(keys):
        raise ValueError(f"a table with {', '.join(keys)}")
    return {key: _text(text) for key, text in value.items()}


_percent = _number(0, 100, " percent")
#: Keys whose names are words of Python, and the fields that they fill.
_FIELDS: Mapping[str, str] = {"for": "lasts"}
ABSENCE_KEYS: _Keys = {"after": _seconds(), "for": _seconds(1)}
PROFILE_KEYS: _Keys = {
    "description": _text,
    "image_size": _bytes,
    "known_for": _seconds(),
    "lasts": _seconds(1),
    "rollout": _rollout,
}
KIND_KEYS: _Keys = {
    "name": _text,
    "share": _number(0, MILLION),
    "board": _board,
    "chip": _chip,
    "poll": _seconds(LEAST_POLL_S),
    "jitter": _number(0, 90, " percent"),
    "skew": _number(0, 50, " percent"),
    "speed": _number(0.1, 100_000, " kilobytes a second"),
    "boot": _seconds(1),
    "digests": _digests,
    "mac": _yes,
    "claims": _text,
    "runs": _text,
    "free_space": _bytes,
    "chip_size": _bytes,
    "off": _window,
    "naps": _percent,
    "rolls_back": _percent,
    "dies": _percent,
    "lies": _percent,
    "flashed": _percent,
    "breaks": _percent,
    "vanishes": _percent,
}
