"""What is counted while serving."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from acpublish.fleet.fleet_rules import FleetRule
from acpublish.release.decision import Decision, Rule, Verdict
from acpublish.server.checkins import CheckIn, Delivered
from acpublish.server.measured import BUCKETS_S, Measured
from acpublish.wire import Report


def check_in(rule: Rule, fleet_rule: FleetRule | None = None) -> CheckIn:
    case: Any = fleet_rule and SimpleNamespace(decided=SimpleNamespace(rule=fleet_rule))
    decision = Decision(verdict=Verdict.UP_TO_DATE, rule=rule, reason="why")
    report = Report("esp32", True)
    return CheckIn(1.0, "192.0.2.7", "GET", report, "lamp", "c3", "stable", decision, case)


def delivered(status: int | None, sent: int, *, drained: bool) -> Delivered:
    return Delivered(
        check_in=check_in(Rule.NEWEST_ON_CHANNEL),
        status=status,
        file_bytes=1000,
        file_sha256=None,
        sent_bytes=sent,
        drained=drained,
    )


def test_every_rule_is_there_from_the_start_and_counted() -> None:
    measured = Measured()
    assert measured.check_ins == {rule.value: 0 for rule in Rule}
    for rule in (Rule.SAME_DIGEST, Rule.SAME_DIGEST, Rule.NO_TARGET):
        measured(check_in(rule))
    assert measured.check_ins["same digest"] == 2
    assert sum(measured.check_ins.values()) == 3


def test_what_the_fleet_held_back_is_counted_by_its_rule() -> None:
    measured = Measured()
    measured(check_in(Rule.WITHHELD, FleetRule.RING))
    measured(check_in(Rule.WITHHELD))
    measured(check_in(Rule.SAME_DIGEST, FleetRule.NEWEST))
    assert measured.check_ins["withheld"] == 2
    assert {rule: count for rule, count in measured.withheld.items() if count} == {"ring": 1}


@pytest.mark.parametrize(
    ("event", "result"),
    [
        (delivered(200, 1000, drained=True), "whole"),
        (delivered(206, 400, drained=True), "part"),
        (delivered(200, 400, drained=False), "broken"),
        (delivered(200, 0, drained=False), "broken"),
        (delivered(None, 0, drained=False), "failed"),
        # HEAD, and a request for the version only.
        (delivered(200, 0, drained=True), None),
    ],
)
def test_what_became_of_an_offer(event: Delivered, result: str | None) -> None:
    measured = Measured()
    measured(event)
    counted = {name for name, count in measured.downloads.items() if count}
    assert counted == ({result} if result else set())
    assert measured.download_bytes == event.sent_bytes


def test_a_time_is_in_the_first_bucket_whose_bound_it_does_not_exceed() -> None:
    measured = Measured()
    for seconds in (0.0, BUCKETS_S[0], BUCKETS_S[0] * 1.01, BUCKETS_S[-1] + 1):
        measured.took(seconds)
    assert measured.in_bucket[:2] == [2, 1]
    assert measured.in_bucket[-1] == 1
    assert sum(measured.in_bucket) == 4
    assert measured.took_s == pytest.approx(BUCKETS_S[-1] + 1 + 2.01 * BUCKETS_S[0])
    assert list(cast("tuple[float, ...]", BUCKETS_S)) == sorted(set(BUCKETS_S))
