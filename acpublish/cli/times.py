"""Times and durations, as commands print them for people."""

from __future__ import annotations

import time


def time_text(seconds: float) -> str:
    """Returns a time in seconds since 1970 as other documents have it, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def age_text(seconds: float) -> str:
    """Returns how long ago a time in seconds since 1970 was, as in "5m ago"."""
    age = max(0, int(time.time() - seconds))
    return f"{in_short(age)} ago"


def in_short(seconds: int) -> str:
    """Returns a duration in its largest unit that is not below 2, as in "90m" and "3d"."""
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size or seconds == size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
