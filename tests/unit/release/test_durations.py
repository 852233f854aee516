from __future__ import annotations

from datetime import timedelta

import pytest

from acpublish.errors import SettingsError
from acpublish.release.durations import LONGEST, as_written, duration, in_words, of_seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("24h", timedelta(hours=24)),
        ("7d", timedelta(days=7)),
        ("0s", timedelta(0)),
        ("007d", timedelta(days=7)),
        ("36500d", LONGEST),
    ],
)
def test_a_number_and_its_unit(text: str, expected: timedelta) -> None:
    assert duration(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "90", "d", "-1d", "1.5h", "1w", "1D", "1 d", "1d\n", "1h30m", "٣d", "9" * 5000 + "d"],
)
def test_something_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(SettingsError, match="is not a duration") as error:
        duration(text)
    assert "90s, 15m, 24h or 7d" in error.value.hint
    assert len(str(error.value)) < 200


@pytest.mark.parametrize("text", ["36501d", "9999999999d"])
def test_more_than_a_century_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="longer than a hundred years"):
        duration(text)
    with pytest.raises(SettingsError, match="longer than a hundred years"):
        of_seconds(2**63 - 1)


@pytest.mark.parametrize(
    ("text", "written", "words"),
    [
        ("86400s", "1d", "1 day"),
        ("90m", "90m", "90 minutes"),
        ("48h", "2d", "2 days"),
        ("61s", "61s", "61 seconds"),
        ("0d", "0s", "0 seconds"),
    ],
)
def test_it_is_written_in_its_largest_unit(text: str, written: str, words: str) -> None:
    assert (as_written(duration(text)), in_words(duration(text))) == (written, words)
    assert duration(written) == duration(text)
