"""Durations as people write them: ``90s``, ``15m``, ``24h``, ``7d``; and points in time."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from acpublish.errors import SettingsError

#: A hundred years; a longer one could lead beyond the last date that there is.
LONGEST = timedelta(days=36_500)
_SHAPE = re.compile(r"([0-9]{1,10})([smhd])\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_WORDS = {"d": "day", "h": "hour", "m": "minute", "s": "second"}


def duration(text: str) -> timedelta:
    """Returns the duration that a text is.

    Raises:
        SettingsError: It is not one, or it is longer than a hundred years.
    """
    match = _SHAPE.match(text)
    if match is None:
        raise SettingsError(
            f"{text[:40]!a} is not a duration",
            hint="Write a whole number and its unit, such as 90s, 15m, 24h or 7d.",
        )
    return of_seconds(int(match[1]) * _SECONDS[match[2]])


def of_seconds(seconds: int) -> timedelta:
    """Returns the duration of a number of seconds, which is not negative.

    Raises:
        SettingsError: It is longer than a hundred years.
    """
    if seconds > LONGEST.total_seconds():
        raise SettingsError(
            "the duration is longer than a hundred years",
            hint=f"Use at most {LONGEST.days}d.",
        )
    return timedelta(seconds=seconds)


def point_in_time(text: str) -> int:
    """Returns a time that somebody wrote, in seconds since 1970; local unless it has an offset.

    Raises:
        SettingsError: It is not one.
    """
    try:
        return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())
    except (ValueError, OverflowError, OSError) as error:
        raise SettingsError(
            f"{text[:40]!a} is not a time",
            hint="Write it like 2026-03-01T02:00, or with an offset: 2026-03-01T02:00+01:00.",
        ) from error


def in_utc(seconds: float) -> str:
    """Returns a time in seconds since 1970 for a person, also if no calendar has it."""
    try:
        return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return f"{seconds:.0f} seconds since 1970"


def in_words(duration: timedelta) -> str:
    """Returns a duration of whole seconds for a person, as in "30 days" and "1 hour"."""
    count, unit = _in_units(duration)
    return f"{count} {_WORDS[unit]}{'' if count == 1 else 's'}"


def as_written(duration: timedelta) -> str:
    """Returns a duration of whole seconds as people write it, as in "30d" and "1h"."""
    count, unit = _in_units(duration)
    return f"{count}{unit}"


def _in_units(duration: timedelta) -> tuple[int, str]:
    """Returns a duration in the largest unit of which it is a multiple."""
    seconds = int(duration.total_seconds())
    # Zero is a multiple of all units, and people write it as 0s.
    unit = next((unit for unit in _WORDS if seconds and seconds % _SECONDS[unit] == 0), "s")
    return seconds // _SECONDS[unit], unit
