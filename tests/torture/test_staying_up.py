"""The short form of "it stays up", and that it sees what grows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.torture.staying_up import Course, Sample, growth, run

_REST = Sample(60.0, 14, 8)
_FULL = Sample(140.0, 40, 9)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="only Linux shows threads")
def test_a_server_stays_up(tmp_path: Path) -> None:
    course = run(tmp_path, 6)
    assert course.found == []
    assert course.checks > 10
    assert set(course.acts) >= {"downloads", "faults", "uploads", "broken off", "stalled"}
    assert course.tally.counts["whole"] > 10


def _course(end: Sample, rest: Sample = _REST, seconds: float = 600) -> Course:
    return Course(seconds, rest=[_REST, rest], samples=[_REST] * 10 + [_FULL] * 10 + [end] * 10)


def test_what_stays_the_same() -> None:
    assert growth(_course(_FULL)) == []


def test_what_grows() -> None:
    end = Sample(160.0, 60, 11)
    rest = Sample(120.0, 20, 9)
    assert growth(_course(end, rest)) == [
        "memory grew from 140 to 160 MB",
        "there were 9 threads, and then 11",
        "6 descriptors are left open",
    ]


def test_releases_take_memory() -> None:
    course = _course(Sample(160.0, 40, 9))
    course.changes = Counter(published=1000)
    assert growth(course) == []


def test_caches_may_fill_at_first() -> None:
    assert growth(_course(Sample(180.0, 40, 9), seconds=12)) == []
    assert growth(_course(Sample(240.0, 40, 9), seconds=12)) == ["memory grew from 140 to 240 MB"]
