from __future__ import annotations

import json

from acpublish.release.channel_rows import ChannelRow, rows_of
from acpublish.release.documents import Fields
from tests.unit.release.publishing import D1, D2, Product, everything


def test_people_see_what_each_channel_points_at_and_what_it_pointed_at_before() -> None:
    rows = {(row.channel, row.place): row for row in rows_of(everything().channels)}
    row = rows["stable", D1]
    assert row.current is not None
    assert (str(row.current.version), row.current.author.by) == ("1.1.0", "anna")
    assert list(map(str, row.current.ordered_back)) == ["1.2.0"]
    assert [(str(one.version), one.taken_back) for one in row.before] == [
        ("1.2.0", True),
        ("1.0.0", True),
    ]
    beta = rows["beta", D2].current
    assert beta is not None
    assert str(beta.version) == "1.1.0"


def test_a_row_is_the_same_after_a_journey() -> None:
    for row in rows_of(everything().channels):
        document = json.loads(json.dumps(row.to_dict()))
        assert ChannelRow.from_fields(Fields(document, "row", "Mend it.")) == row


def test_an_empty_channel_is_listed_and_a_long_past_is_cut() -> None:
    product = Product().put("1.0.0")
    product.change("withdraw", "1.0.0")
    (row,) = rows_of(product.channels)
    assert row.current is None
    for number in range(60):
        product.put(f"2.{number}.0")
    (row,) = rows_of(product.channels)
    assert row.current is not None
    assert (str(row.current.version), len(row.before)) == ("2.59.0", 50)
