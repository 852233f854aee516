"""The penalty box: three whole deliveries, ten broken ones, and what ends both."""

from __future__ import annotations

import pytest

from acpublish.fleet.moments import DAY_S, HOUR_S
from acpublish.fleet.penalty import (
    EMPTY_BOX,
    Box,
    after_delivery,
    after_offer,
    current,
    keeps_back,
)
from acpublish.wire import Report
from tests.unit.fleet.making import START, digest, report

SAID = report("1.0.0")
IMAGE = "a" * 64


def boxed(deliveries: int, *, whole: bool = True, said: Report = SAID) -> Box:
    box = EMPTY_BOX
    for number in range(deliveries):
        at = START + number * 10.0
        box = after_offer(box, said, IMAGE, at)
        box = after_delivery(box, said, IMAGE, at, whole=whole)
    return box


def test_three_whole_deliveries_keep_it_back_for_a_day() -> None:
    assert not keeps_back(boxed(2), SAID, IMAGE, START + 20)
    box = boxed(3)
    reason = keeps_back(box, SAID, IMAGE, START + 20)
    assert "received the image 3 times" in reason
    assert "24 hours" in reason
    assert keeps_back(box, SAID, IMAGE, START + 20 + DAY_S - 1).endswith("in 1 hour")
    assert not keeps_back(box, SAID, IMAGE, START + 20 + DAY_S)


@pytest.mark.parametrize(("deliveries", "days"), [(3, 1), (4, 2), (5, 4), (6, 7), (7, 7), (99, 7)])
def test_each_further_one_doubles_it_up_to_a_week(deliveries: int, days: int) -> None:
    box = boxed(deliveries)
    last = START + (deliveries - 1) * 10
    assert box.until == last + days * DAY_S
    assert keeps_back(box, SAID, IMAGE, last + days * DAY_S - 1)


@pytest.mark.parametrize(
    ("said", "image"),
    [
        pytest.param(SAID._replace(sketch_md5=digest("9.0.0")), IMAGE, id="another digest"),
        pytest.param(SAID._replace(version="1.0.1"), IMAGE, id="another claim"),
        pytest.param(SAID, "b" * 64, id="another release"),
    ],
)
def test_what_changes_ends_it(said: Report, image: str) -> None:
    assert not keeps_back(boxed(5), said, image, START + 50)
    assert current(boxed(5), said, image).whole == 0


def test_ten_broken_ones_in_a_row_leave_one_offer_an_hour() -> None:
    assert not keeps_back(boxed(9, whole=False), SAID, IMAGE, START + 90)
    box = boxed(10, whole=False)
    assert "broke off" in keeps_back(box, SAID, IMAGE, START + 100)
    assert not keeps_back(box, SAID, IMAGE, START + 90 + HOUR_S)
    assert after_delivery(box, SAID, IMAGE, START, whole=True).broken == 0


def test_without_a_mac_address_it_is_one_offer_an_hour_and_no_box() -> None:
    box = boxed(5)
    last = START + 40
    assert "no MAC" in keeps_back(box, SAID, IMAGE, last + 10, has_mac=False)
    assert not keeps_back(box, SAID, IMAGE, last + HOUR_S, has_mac=False)
    # They share a box, so what another one reports does not end the hour.
    other = SAID._replace(version="0.9.0")
    assert keeps_back(box, other, IMAGE, last + 10, has_mac=False)


def test_a_clock_that_is_set_back_keeps_nobody_waiting() -> None:
    assert not keeps_back(boxed(3), SAID, IMAGE, START - 30 * DAY_S)
    assert not keeps_back(boxed(10, whole=False), SAID, IMAGE, START - 1)
