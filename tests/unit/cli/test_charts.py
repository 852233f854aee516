"""Bars and gauges, and how they fit the terminal (see also tests/integration/test_terminal.py)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acpublish.cli.charts import bars, chart, curve, gauge, shows_blocks

ROWS = [("release", "bytes", "change"), ("1.0.0", "500", ""), ("1.1.0", "1000", "+500")]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (
            80,
            [
                "release  bytes  change",
                "1.0.0      500          ##########",
                "1.1.0     1000    +500  ####################",
            ],
        ),
        (
            32,
            [
                "release  bytes  change",
                "1.0.0      500          ####",
                "1.1.0     1000    +500  ########",
            ],
        ),
        # The third column makes room for the bars.
        (29, ["release  bytes", "1.0.0      500  #######", "1.1.0     1000  #############"]),
        (9, ["release  bytes", "1.0.0      500  #", "1.1.0     1000  #"]),
    ],
)
def test_a_chart_fits_the_terminal(
    columns: int,
    expected: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("acpublish.cli.charts.shows_blocks", lambda _: False)
    chart(ROWS, [500, 1000], longest=20, spare=2, right=frozenset({1, 2}))
    assert capsys.readouterr().out.splitlines() == expected


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", True),
        ("UTF-8", True),
        ("cp437", False),
        ("ascii", False),
        (None, False),
        ("no-such", False),
    ],
)
def test_blocks_are_for_encodings_that_have_them(encoding: str | None, shown: bool) -> None:
    assert shows_blocks(encoding) is shown


def test_bars_begin_at_zero() -> None:
    assert bars([100, 50, 25, 1, 0], 4, blocks=True) == ["████", "██", "█", "", ""]
    assert bars([32, 31, 29, 4], 4, blocks=True) == ["████", "███▉", "███▋", "▌"]
    assert bars([32, 31, 17, 4], 4, blocks=False) == ["####", "####", "##", "#"]
    assert bars([], 4, blocks=True) == []
    assert bars([0, 0], 4, blocks=True) == ["", ""]


@given(st.lists(st.integers(0, 2**31), min_size=1), st.integers(1, 60), st.booleans())
def test_bars_fit_and_are_in_the_order_of_values(
    values: list[int], width: int, blocks: bool
) -> None:
    drawn = bars(values, width, blocks=blocks)
    assert all(len(bar) <= width for bar in drawn)
    by_value = [len(bar) for _, bar in sorted(zip(values, drawn, strict=True))]
    assert by_value == sorted(by_value)


def test_a_gauge_shows_the_share_and_never_more_than_all() -> None:
    assert gauge(3, 4, 8, blocks=True) == "██████░░"
    assert gauge(1, 3, 3, blocks=False) == "#.."
    assert gauge(9, 4, 4, blocks=False) == "####"
    assert gauge(0, 4, 4, blocks=False) == "...."


def test_a_curve_rises_from_the_lowest_line() -> None:
    assert curve([0, 25, 50, 100], 100, 4, 2, blocks=True) == ["   █", " ▄██"]
    assert curve([0, 25, 50, 100], 100, 4, 2, blocks=False) == ["   #", " ###"]
    assert curve([0, 100], 100, 6, 1, blocks=True) == ["   ███"]
    assert curve([], 100, 6, 2, blocks=True) == ["", ""]


def test_a_curve_shows_the_last_of_the_values_in_a_column_and_whatever_is_not_nothing() -> None:
    assert curve([0, 9, 8, 0, 0, 8], 8, 3, 1, blocks=True) == ["█ █"]
    assert curve([0, 1], 1000, 2, 1, blocks=True) == [" ▁"]
    assert curve([0, 1], 1000, 2, 1, blocks=False) == [" #"]


@given(st.lists(st.integers(0, 100), min_size=1), st.integers(1, 80), st.integers(1, 9))
def test_a_curve_fits(values: list[int], width: int, height: int) -> None:
    for blocks in (True, False):
        lines = curve(values, 100, width, height, blocks=blocks)
        assert len(lines) == height
        assert max(map(len, lines)) <= width
