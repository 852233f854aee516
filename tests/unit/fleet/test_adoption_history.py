"""Samples of what devices run."""

from __future__ import annotations

from acpublish.fleet.adoption_history import (
    KEPT_S,
    MAX_COUNTS,
    MAX_MINUTES,
    OTHERS,
    AdoptionHistory,
    VersionCount,
    version_counts,
)
from acpublish.fleet.moments import HOUR_S

COUNTS = (VersionCount("lamp", "1.0.0", 3),)
BEGIN = 1_000 * HOUR_S


def test_devices_are_counted_by_product_and_version() -> None:
    running = [("lamp", "1.0.0"), ("lamp", None), ("door", "1.0.0"), ("lamp", "1.0.0")]
    assert version_counts(running)[0] == ("lamp", "1.0.0", 2)
    assert set(version_counts(running)[1:]) == {("lamp", "", 1), ("door", "1.0.0", 1)}
    assert version_counts([]) == ()


def test_versions_that_hardly_any_device_runs_are_one() -> None:
    running = [("lamp", f"1.0.{number}") for number in range(MAX_COUNTS + 5) for _ in range(2)]
    counts = version_counts([*running, ("lamp", "2.0.0"), ("door", "1.0.0")])
    assert len(counts) == MAX_COUNTS + 2
    assert counts[-2:] == (("lamp", OTHERS, 11), ("door", OTHERS, 1))
    assert sum(count.devices for count in counts) == len(running) + 2


def test_each_hour_has_one_sample_and_each_minute_too() -> None:
    history = AdoptionHistory()
    sample, gone = history.note(BEGIN + 61, COUNTS)
    assert sample is not None
    assert (sample.at, sample.counts, gone) == (BEGIN, COUNTS, [])
    assert history.note(BEGIN + 121, COUNTS) == (None, [])
    # A clock that was set back adds nothing before what is there.
    assert history.note(BEGIN - HOUR_S, COUNTS) == (None, [])
    assert [each.at for each in history.hours] == [BEGIN]
    assert [each.at for each in history.minutes][:2] == [BEGIN + 60, BEGIN + 120]
    for minute in range(MAX_MINUTES * 2):
        history.note(BEGIN + minute * 60, COUNTS)
    assert len(history.minutes) == MAX_MINUTES


def test_samples_that_are_too_old_are_gone() -> None:
    history = AdoptionHistory()
    for hour in range(3):
        history.note(BEGIN + hour * HOUR_S, COUNTS)
    sample, gone = history.note(BEGIN + KEPT_S + HOUR_S, COUNTS)
    assert gone == [BEGIN, BEGIN + HOUR_S]
    assert sample is history.hours[-1]
    assert [each.at for each in history.hours] == [BEGIN + 2 * HOUR_S, BEGIN + KEPT_S + HOUR_S]
