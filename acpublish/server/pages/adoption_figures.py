"""What devices run, now and over time, as the overview shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from acpublish.control.fleet_summary import FleetSummary
from acpublish.fleet.adoption_history import OTHERS, UNKNOWN, Sample, VersionCount
from acpublish.fleet.moments import DAY_S, HOUR_S
from acpublish.release.version import Version
from acpublish.server.pages.area_chart import Chart, Series, stacked, thinned

#: What charts show, by the name of the time: in seconds.
SPANS: Mapping[str, int] = {"3h": 3 * HOUR_S, "7d": 7 * DAY_S, "90d": 90 * DAY_S}
#: How many versions have a colour of their own.
MAX_SERIES = 6


class Adoption(NamedTuple):
    """What the devices of a product run, now and over time.

    Attributes:
        product: The product.
        products: All products with devices, those with the most first.
        span: The time that the chart shows, one of :data:`SPANS`.
        counts: How many devices run each version now, the newest first.
        devices: How many devices there are.
        chart: The chart; None if there is no history yet.
        begin: When the chart begins, in seconds since 1970.
    """

    product: str
    products: tuple[str, ...]
    span: str
    counts: tuple[Series, ...]
    devices: int
    chart: Chart | None
    begin: float


def adoption(
    summary: FleetSummary,
    hours: Sequence[Sample],
    minutes: Sequence[Sample],
    at: float,
    product: str = "",
    span: str = "",
) -> Adoption:
    """Returns the adoption of a product; that with the most devices, if there is no such product.

    Args:
        summary: What devices run now.
        hours: What they ran, hour by hour.
        minutes: What they ran of late, minute by minute.
        at: The present, in seconds since 1970.
        product: The product.
        span: The time that the chart shows; by default what there is.
    """
    products = tuple(dict.fromkeys(count.product for count in summary.versions))
    if product not in products:
        product = products[0] if products else ""
    if span not in SPANS:
        span = "7d" if hours and hours[0].at < at - SPANS["3h"] else "3h"
    since = at - SPANS[span]
    samples = [each for each in (minutes if span == "3h" else hours) if since <= each.at < at]
    samples = [samples[number] for number in thinned(len(samples))] if samples else []
    times = [*(sample.at for sample in samples), at]
    rows = [_versions(sample.counts, product) for sample in samples]
    rows.append(_versions(summary.versions, product))
    series = _series(rows)
    return Adoption(
        product=product,
        products=products,
        span=span,
        counts=tuple(own for own in reversed(series) if own.values[-1]),
        devices=sum(rows[-1].values()),
        chart=stacked(times, series) if samples and times[0] < at else None,
        begin=times[0],
    )


def _versions(counts: Sequence[VersionCount], product: str) -> dict[str, int]:
    return {count.version: count.devices for count in counts if count.product == product}


def _series(rows: Sequence[Mapping[str, int]]) -> list[Series]:
    """Returns what each version has had; the newest last, and all others first."""
    most: dict[str, int] = {}
    for row in rows:
        for version, devices in row.items():
            most[version] = max(devices, most.get(version, 0))
    named = [version for version in most if version not in (OTHERS, UNKNOWN)]
    now = rows[-1]
    named.sort(key=lambda version: (-now.get(version, 0), -most[version], version))
    shown = sorted(named[:MAX_SERIES], key=_precedence)
    ranks = {version: len(shown) - at for at, version in enumerate(shown)}
    series = [
        Series(version, rank, [row.get(version, 0) for row in rows])
        for version, rank in ranks.items()
    ]
    unknown = [row.get(UNKNOWN, 0) for row in rows]
    others = [sum(row.values()) - sum(row.get(own, 0) for own in shown) for row in rows]
    others = [all_ - known for all_, known in zip(others, unknown, strict=True)]
    if any(others):
        series.insert(0, Series(OTHERS, 0, others))
    if any(unknown):
        series.insert(0, Series(UNKNOWN, 0, unknown))
    return series


def _precedence(text: str) -> tuple[bool, object, str]:
    version = Version.or_none(text)
    return (False, (), text) if version is None else (True, version.precedence, text)
