"""The short form of "one request for both sides, or refused", and that it sees a difference."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.report import Unavailable
from tests.torture.corpus import cases
from tests.torture.framing import compare, read_by_both

#: A prime, so that all groups and positions are among those that are tried.
EVERY = 97


def test_there_are_enough_cases() -> None:
    every = cases()
    assert len(every) >= 2000
    assert len({case for case in every if not case.cut}) > 2000


@pytest.mark.slow
def test_a_proxy_forwards_what_the_server_reads(tmp_path: Path) -> None:
    try:
        result = compare(tmp_path, cases()[::EVERY])
    except Unavailable as reason:
        pytest.skip(str(reason))
    assert result.found == []
    # Most cases are refused by a proxy, and many are not.
    assert result.forwarded > result.cases / 2
    assert result.read > result.cases


@pytest.mark.parametrize(
    ("read", "forwarded", "differs"),
    [
        ([0], [(0, 404)], False),
        ([], [(0, 400)], False),
        ([0, 9], [(0, 404), (9, 404)], False),
        ([0, 5], [(0, 404)], True),
        ([5], [(0, 404)], True),
        ([0], [(0, 404), (9, 404)], True),
        ([9, 0], [(0, 404), (9, 404)], False),
        ([0, 0], [(0, 404)], True),
    ],
)
def test_a_difference(read: list[int], forwarded: list[tuple[int, int]], differs: bool) -> None:
    assert bool(read_by_both(read, forwarded)) is differs
