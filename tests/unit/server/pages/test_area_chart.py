"""Charts as SVG."""

from __future__ import annotations

import pytest

from acpublish.server.pages.area_chart import (
    HEIGHT,
    MAX_POINTS,
    Series,
    round_scale,
    stacked,
    thinned,
)


def test_areas_lie_on_each_other() -> None:
    chart = stacked([0, 10, 20], [Series("1.0.0", 2, [4, 2, 0]), Series("1.1.0", 1, [0, 2, 4])])
    assert [band.series.name for band in chart.bands] == ["1.0.0", "1.1.0"]
    lower, upper = (band.path for band in chart.bands)
    top = f"{chart.left}.0 8.0"
    # All four devices run the older one first, and the newer one at the end.
    assert lower.startswith(f"M{top} ")
    assert f"L{chart.right}.0 8.0 L{chart.right}.0 {chart.bottom}.0" in upper
    assert [line.value for line in chart.lines] == [0, 1, 2, 3, 4]
    assert chart.lines[0].y == chart.bottom < HEIGHT


def test_nothing_at_all_is_a_chart_too() -> None:
    chart = stacked([0, 1], [])
    assert chart.bands == ()
    assert [line.value for line in chart.lines] == [0, 1]


@pytest.mark.parametrize(
    ("most", "scale"),
    [
        (1, (1, 1)),
        (3, (3, 1)),
        (7, (8, 2)),
        (12, (15, 5)),
        (412, (600, 200)),
        (10**5, (10**5, 50_000)),
    ],
)
def test_scales_are_round(most: int, scale: tuple[int, int]) -> None:
    assert round_scale(most) == scale


@pytest.mark.parametrize("times", [1, 2, MAX_POINTS, MAX_POINTS + 1, 2160])
def test_a_chart_has_the_last_of_many_times(times: int) -> None:
    chosen = list(thinned(times))
    assert chosen[-1] == times - 1
    assert len(chosen) <= MAX_POINTS
    assert chosen == sorted(set(chosen))
