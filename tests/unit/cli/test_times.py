"""Times and durations for people."""

from __future__ import annotations

import time

import pytest

from acpublish.cli.times import age_text, in_short, time_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (59, "59s"),
        (60, "1m"),
        (61, "61s"),
        (119, "119s"),
        (120, "2m"),
        (3600, "1h"),
        (5400, "90m"),
        (7200, "2h"),
        (86_400, "1d"),
        (100_000, "27h"),
        (864_000, "10d"),
    ],
)
def test_a_duration_has_its_largest_unit(seconds: int, text: str) -> None:
    assert in_short(seconds) == text


def test_times() -> None:
    assert time_text(0) == "1970-01-01T00:00:00Z"
    assert time_text(1_700_000_000.9) == "2023-11-14T22:13:20Z"
    assert age_text(time.time() - 864_000) == "10d ago"
    # Another machine's clock may be ahead.
    assert age_text(time.time() + 100) == "0s ago"
