"""Rows of tables: boards for which it is the same have one."""

from __future__ import annotations

from dataclasses import replace

from acpublish.release.channels import Move
from acpublish.release.version import Version
from acpublish.server.pages.release_rows import moves_of, orders_of, pointings, trends_of
from tests.unit.release.publishing import D1, D2, Product, everything

OLD, NEW = Version.parse("1.0.0"), Version.parse("1.1.0")


def test_moves_of_several_boards_are_one_row() -> None:
    moves = [
        Move(channel="stable", place=D1, before=OLD, after=NEW),
        Move(channel="stable", place=D2, before=OLD, after=NEW),
        Move(channel="beta", place=D1, before=None, after=NEW),
    ]
    assert [(row.channel, row.places) for row in moves_of(moves)] == [
        ("stable", (D1, D2)),
        ("beta", (D1,)),
    ]


def test_devices_that_go_back_alike_are_one_row() -> None:
    rows = orders_of({D2: (NEW,), D1: (NEW,)})
    assert [(row.places, row.versions) for row in rows] == [((D1, D2), (NEW,))]
    assert len(orders_of({D1: (NEW,), D2: (OLD, NEW)})) == 2


def test_what_channels_point_at() -> None:
    rows = pointings(everything().channels)
    row = next(row for row in rows if row.channel == "stable" and D1 in row.places)
    assert (str(row.version), row.by, row.can_go_back) == ("1.1.0", "anna", True)
    product = Product().put("1.0.0")
    product.change("withdraw", "1.0.0")
    (empty,) = pointings(product.channels)
    assert (empty.version, empty.at, empty.is_rolling) == (None, "", False)


def test_boards_that_were_published_one_after_the_other_are_one_row() -> None:
    product = Product().put("1.0.0").put("1.1.0")
    pointers = product.channels.pointers["stable"][D1]
    apart = {
        place: tuple(
            replace(pointer, author=pointer.author._replace(at=f"2026-01-{day}T00:00:00Z"))
            for pointer in pointers
        )
        for place, day in ((D1, "01"), (D2, "02"))
    }
    (row,) = pointings(replace(product.channels, pointers={"stable": apart}))
    assert row.places == (D1, D2)
    assert (str(row.version), row.at, row.can_go_back) == ("1.1.0", "2026-01-02T00:00:00Z", True)


def test_a_trend_has_the_sizes_in_their_order() -> None:
    product = Product()
    for number in range(50):
        product.put(f"1.{number}.0")
    trends, deltas = trends_of(product.releases)
    (trend,) = trends
    assert len(trend.sizes) == 40
    assert trend.share is None
    assert trend.delta == trend.values[-1] - trend.values[-2]
    assert len(deltas) == 49
