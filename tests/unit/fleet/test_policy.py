"""Policies as people write them, and what is wrong with those that could not work."""

from __future__ import annotations

import json
from typing import Any

import pytest

from acpublish.errors import SettingsError
from acpublish.fleet.moments import HOUR_S
from acpublish.fleet.policy import Policy, Stage, Window, in_short


def test_the_stages_of_the_reference() -> None:
    policy = Policy.parse("1,10%,50%,100%")
    assert policy.stages == (
        Stage("1", "number", 1),
        Stage("10%", "share", 100_000),
        Stage("50%", "share", 500_000),
        Stage("100%", "share", 1_000_000),
    )
    assert [stage.everybody for stage in policy.stages] == [False, False, False, True]
    assert policy.soak_s == (24 * HOUR_S,) * 4
    assert (policy.halt_count, policy.halt_share) == (3, 50_000)
    assert (policy.on_halt, policy.at_once, policy.window) == ("stop", False, None)


def test_tags_and_groups_may_be_anywhere() -> None:
    policy = Policy.parse("tag:canary, 5, group:attic ,0.1%,100%", soak="1h,24h,24h,90s,0s")
    assert [stage.kind for stage in policy.stages] == ["tag", "number", "group", "share", "share"]
    assert policy.stages[0].name == "canary"
    assert policy.stages[3].amount == 1000
    assert policy.soak_s == (3600, 86400, 86400, 90, 0)


@pytest.mark.parametrize(
    ("stages", "problem"),
    [
        ("", "is not a stage"),
        ("one", "is not a stage"),
        ("1,,100%", "is not a stage"),
        ("-1", "is not a stage"),
        ("101%", "is not a stage"),
        ("10.12345%", "is not a stage"),
        ("١", "is not a stage"),
        ("0", "'0' reaches nobody"),
        ("1,0%", "'0%' reaches nobody"),
        ("5,1", "does not reach more than '5'"),
        ("5,5", "does not reach more than '5'"),
        ("50%,10%", "does not reach more than '50%'"),
        ("10%,5", "is a number after a share"),
        ("100%,tag:a", "all devices come before it"),
        ("tag:a,tag:a", "is there twice"),
        ("tag:", "is not the name of a tag"),
        ("group:Ä", "is not the name of a group"),
        (",".join(map(str, range(1, 40))), "more than 32 stages"),
        ("1," * 5000, "too long"),
    ],
)
def test_stages_must_rise_and_reach_somebody(stages: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem.replace("(", r"\(")) as caught:
        Policy.parse(stages)
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"soak": "1h,2h"}, "2 soaks for 4 stages"),
        ({"soak": "1 hour"}, "not a duration"),
        ({"soak": "24"}, "not a duration"),
        ({"halt": "0"}, "0 failures"),
        ({"halt": "5%"}, "not a threshold"),
        ({"halt": "3,0%"}, "not a share"),
        ({"halt": "3,5"}, "not a share"),
        ({"halt": "3,5%,1"}, "not a threshold"),
        ({"on_halt": "explode"}, "not something to do"),
        ({"at_once": True}, "no effect"),
        ({"window": "02:00"}, "not a window"),
        ({"window": "02:00-02:00"}, "never opens"),
        ({"window": "24:00-00:00"}, "never opens"),
        ({"window": "25:00-26:00"}, "25:00 is not a time"),
        ({"window": "02:60-03:00"}, "02:60 is not a time"),
    ],
)
def test_other_options_are_checked(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(SettingsError, match=problem) as caught:
        Policy.parse("1,10%,50%,100%", **options)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "hour", "is_open"),
    [
        ("02:00-05:00", 1.99, False),
        ("02:00-05:00", 2, True),
        ("2:00-5:00", 4.99, True),
        ("02:00-05:00", 5, False),
        ("22:00-04:00", 23, True),
        ("22:00-04:00", 3, True),
        ("22:00-04:00", 12, False),
        ("00:00-24:00", 23.99, True),
    ],
)
def test_a_window_may_extend_past_midnight(text: str, hour: float, is_open: bool) -> None:
    window = Policy.parse("1", window=text).window
    assert isinstance(window, Window)
    assert window.is_open(int(hour * HOUR_S)) is is_open


@pytest.mark.parametrize(
    "policy",
    [
        Policy.parse("1,10%,100%"),
        Policy.parse("tag:a,12.5%", soak="1h,0s", halt="7", window="02:00-05:00"),
        Policy.parse("5", halt="1,100%", on_halt="order-back", at_once=True),
        Policy.parse("5,100%", halt="3,0.25%", on_halt="order-back"),
    ],
)
def test_a_policy_survives_its_document(policy: Policy) -> None:
    assert Policy.from_dict(json.loads(json.dumps(policy.to_dict()))) == policy


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"stages": ["1"]},
        {"stages": "1", "soak": ["1s"]},
        {"stages": [{}], "soak": [1]},
    ],
)
def test_a_document_of_something_else_is_refused(document: Any) -> None:
    with pytest.raises(SettingsError):
        Policy.from_dict(document)


@pytest.mark.parametrize(
    ("document", "line"),
    [
        (Policy.parse("1,10%,100%").to_dict(), "1,10%,100%, soak 1d"),
        (
            Policy.parse("1,100%", soak="1h,0s", halt="2", window="02:00-05:00").to_dict(),
            "1,100%, soak 1h,0s, halt 2, window 02:00-05:00",
        ),
        ({"rings": []}, "set by a newer version of acpublish"),
    ],
)
def test_a_policy_fits_into_a_line(document: dict[str, Any], line: str) -> None:
    assert in_short(document) == line
