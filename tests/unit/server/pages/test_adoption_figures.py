"""What devices run, now and over time, as the overview shows it."""

from __future__ import annotations

from acpublish.control.fleet_summary import FleetSummary
from acpublish.fleet.adoption_history import OTHERS, UNKNOWN, Sample, VersionCount
from acpublish.server.pages.adoption_figures import MAX_SERIES, Adoption, adoption

DAY = 86400
NOW = 100 * DAY


def summary(*counts: tuple[str, str, int]) -> FleetSummary:
    versions = tuple(VersionCount(*count) for count in counts)
    return FleetSummary(devices=9, today=9, versions=versions, troubles={})


def sample(days_ago: float, *counts: tuple[str, str, int]) -> Sample:
    return Sample(int(NOW - days_ago * DAY), tuple(VersionCount(*count) for count in counts))


def shown(own: Adoption) -> list[tuple[str, int, int]]:
    return [(series.name, series.kind, series.values[-1]) for series in own.counts]


def test_the_product_with_the_most_devices_is_shown_first() -> None:
    now = summary(("lamp", "1.0.0", 5), ("door", "2.0.0", 3), ("lamp", "1.1.0", 1))
    own = adoption(now, [], [], NOW)
    assert (own.product, own.products, own.devices) == ("lamp", ("lamp", "door"), 6)
    # The newest version first, in the first colour; and without history there is no chart.
    assert shown(own) == [("1.1.0", 1, 1), ("1.0.0", 2, 5)]
    assert own.chart is None
    assert adoption(now, [], [], NOW, "door").product == "door"
    assert adoption(now, [], [], NOW, "<script>").product == "lamp"
    assert adoption(summary(), [], [], NOW).counts == ()


def test_versions_have_their_order_whatever_they_are() -> None:
    now = summary(("lamp", "1.10.0", 1), ("lamp", "1.9.0", 1), ("lamp", "odd", 1))
    names = [name for name, _, _ in shown(adoption(now, [], [], NOW))]
    assert names == ["1.10.0", "1.9.0", "odd"]


def test_a_version_that_nobody_runs_any_more_is_only_in_the_chart() -> None:
    hours = [sample(2, ("lamp", "1.0.0", 5)), sample(1, ("lamp", "1.0.0", 3), ("door", "9", 7))]
    own = adoption(summary(("lamp", "1.1.0", 5)), hours, [], NOW)
    assert own.span == "7d"
    assert own.begin == hours[0].at
    assert own.chart is not None
    assert [band.series.values for band in own.chart.bands] == [[5, 3, 0], [0, 0, 5]]
    assert shown(own) == [("1.1.0", 1, 5)]


def test_the_time_decides_which_samples_are_shown() -> None:
    hours = [sample(80, ("lamp", "1.0.0", 5)), sample(2, ("lamp", "1.0.0", 5))]
    minutes = [sample(0.01, ("lamp", "1.0.0", 5))]
    now = summary(("lamp", "1.0.0", 5))
    begins = [
        adoption(now, hours, minutes, NOW, "", span).begin for span in ("3h", "7d", "90d", "x")
    ]
    assert begins == [minutes[0].at, hours[1].at, hours[0].at, hours[1].at]
    # A server that has just begun shows the last hours.
    assert adoption(now, [], minutes, NOW).span == "3h"


def test_what_is_not_known_and_what_few_run_is_one_area_each() -> None:
    many = [("lamp", f"1.0.{number}", 20 - number) for number in range(MAX_SERIES + 3)]
    own = adoption(summary(*many, ("lamp", UNKNOWN, 4), ("lamp", OTHERS, 2)), [], [], NOW)
    counts = shown(own)
    assert counts[-1] == (UNKNOWN, 0, 4)
    assert counts[-2] == (OTHERS, 0, 2 + sum(count for _, _, count in many[MAX_SERIES:]))
    assert [kind for _, kind, _ in counts[:-2]] == [1, 2, 3, 4, 5, 6]
