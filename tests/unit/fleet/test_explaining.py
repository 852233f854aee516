"""Each rule's word on a device, which agrees with what it would get."""

from __future__ import annotations

import json

import pytest

from acpublish.fleet.advancing import Live, survey
from acpublish.fleet.deciding import decide
from acpublish.fleet.explaining import explain, is_kept_back
from acpublish.fleet.fleet_rules import FleetRule
from acpublish.fleet.known_device import Pin
from acpublish.fleet.progress import Outcome
from acpublish.fleet.rollout import paused
from acpublish.wire import Mode
from tests.unit.fleet.making import TARGETS, device, live, moment, report
from tests.unit.fleet.rows import Case
from tests.unit.fleet.test_table import ROWS


def test_the_document_has_the_keys_that_scripts_rely_on() -> None:
    made = device(said=report("0.9.0"))
    document = json.loads(json.dumps(explain(made, TARGETS, [], moment()).to_dict()))
    assert list(document) == ["device", "verdict", "rule", "reason", "version", "rules"]
    assert (document["verdict"], document["rule"]) == ("offer", "newest")
    assert document["version"] == "1.0.0"
    assert [word["rule"] for word in document["rules"]] == [rule.value for rule in FleetRule]
    assert {word["result"] for word in document["rules"]} == {"allows", "does not apply"}
    assert all(word["reason"] for word in document["rules"])


def test_the_rules_are_those_of_the_reference() -> None:
    names = (
        "ring halted window pin hold penalty-box requires chip space flash-size form downgrade "
        "withdrawn unverified store-away newest"
    )
    assert {rule.value for rule in FleetRule} == set(names.split())


#: Those that are about the last request of a device: for firmware, from the board that it has.
EXPLAINED = [
    case
    for case in ROWS
    if case.device is not None
    and case.device.report == case.report
    and case.device.board == case.board
    and case.report.mode is Mode.SKETCH
]


@pytest.mark.parametrize("case", EXPLAINED, ids=lambda case: case.name)
def test_it_says_what_the_device_would_get(case: Case) -> None:
    own = case.device
    assert own is not None
    arguments = (case.targets, case.rollouts, case.now)
    decided = decide(
        own,
        own.report,
        case.targets,
        own.board,
        own.channel,
        case.rollouts,
        case.now,
        store_away=case.store_away,
    )
    explained = explain(own, *arguments, store_away=case.store_away)
    assert explained.rule is decided.rule
    assert explained.verdict == decided.decision.verdict.value.replace(" ", "-")
    assert explained.reason == decided.reason
    words = {word.rule: word.result for word in explained.rules}
    if explained.verdict == "offer":
        assert words[decided.rule] in ("allows", "prevents")
    elif decided.rule is not FleetRule.PIN:
        assert words[decided.rule] == "prevents", explained.rules


def said(rolling: Live, rule: FleetRule, **fields: object) -> tuple[str, str]:
    made = device(**fields)
    survey(rolling, [made], moment())
    explained = explain(made, TARGETS, [rolling], moment())
    return next((word.result, word.reason) for word in explained.rules if word.rule is rule)


def test_a_rollout_says_where_it_is() -> None:
    rolling = live("1,100%")
    assert said(rolling, FleetRule.RING)[0] == "allows"
    assert said(live("tag:a,100%"), FleetRule.RING)[0] == "prevents"
    assert said(rolling, FleetRule.HALTED)[1].endswith("is running")
    rolling.rollout = paused(rolling.rollout, "lunch")
    assert said(rolling, FleetRule.HALTED) == ("prevents", f"{rolling.rollout} is paused: lunch")
    assert said(rolling, FleetRule.PIN, pin=Pin("1.0.0")) == ("allows", "it is pinned to 1.0.0")
    for rule in (FleetRule.HALTED, FleetRule.RING, FleetRule.WINDOW):
        assert said(rolling, rule, pin=Pin("1.0.0"))[0] == "does not apply"
        assert said(rolling, rule, hold=True)[0] == "does not apply"
    assert said(rolling, FleetRule.UNVERIFIED, runs="1.0.0")[1].endswith("runs 1.0.0")
    assert Outcome.RUNNING.value == "running"


@pytest.mark.parametrize(
    ("verdict", "rule", "result", "kept_back"),
    [
        ("up-to-date", "ring", "prevents", True),
        ("up-to-date", "ring", "allows", False),
        ("up-to-date", "newest", "prevents", False),
        ("nothing", "newest", "prevents", False),
        ("offer", "newest", "allows", False),
    ],
)
def test_who_is_up_to_date_only_because_nothing_comes(
    verdict: str, rule: str, result: str, kept_back: bool
) -> None:
    words = [{"rule": "chip", "result": "allows"}, {"rule": rule, "result": result}]
    explained = {"verdict": verdict, "rules": words}
    assert is_kept_back(explained) == kept_back
