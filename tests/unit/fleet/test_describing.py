"""The documents that scripts read, and plans."""

from __future__ import annotations

import json

import pytest

from acpublish.errors import SettingsError
from acpublish.fleet.advancing import survey
from acpublish.fleet.describing import device_document, plan, rollout_document
from acpublish.fleet.policy import Policy
from acpublish.fleet.progress import Outcome, Part
from tests.unit.fleet.making import device, live, mac, moment


def test_a_rollout_has_the_keys_that_scripts_rely_on() -> None:
    rolling = live("1,100%")
    for number, outcome in enumerate((Outcome.RUNNING, Outcome.OLD, Outcome.PENDING)):
        part = Part("d1", 0, 0.0, 1.0, 2.0, outcome=outcome, counts=True)
        rolling.progress.put(mac(number), part)
    assert rollout_document(rolling)["stages"][0]["devices"] == 0
    survey(rolling, [device(number) for number in range(5)], moment())
    document = json.loads(json.dumps(rollout_document(rolling)))
    assert document == {
        "id": "r1",
        "product": "lamp",
        "version": "2.0.0",
        "channel": "stable",
        "state": "running",
        "reason": "",
        "stage": 0,
        "stages": [
            {
                "target": "1",
                "devices": 1,
                "offered": 3,
                "delivered": 3,
                "running": 1,
                "failed": 1,
                "unrecognised": 0,
                "pending": 1,
            },
            {
                "target": "100%",
                "devices": 5,
                "offered": 0,
                "delivered": 0,
                "running": 0,
                "failed": 0,
                "unrecognised": 0,
                "pending": 0,
            },
        ],
    }


def test_a_device_has_the_keys_that_scripts_rely_on() -> None:
    made = device(name="kitchen", tags=frozenset({"b", "a"}), groups=frozenset({"g"}), runs="1.0.0")
    assert json.loads(json.dumps(device_document(made))) == {
        "id": f"lamp/{mac(1)}",
        "mac": mac(1),
        "name": "kitchen",
        "product": "lamp",
        "board": "d1",
        "family": "esp8266",
        "runs": "1.0.0",
        "claims": "1.0.0",
        "first_seen": moment(-100).at,
        "last_seen": moment().at,
        "flags": [],
        "tags": ["a", "b"],
        "groups": ["g"],
    }


def planned(stages: str, *, tagged: int = 0) -> tuple[int, ...]:
    devices = [device(number) for number in range(50)]
    for made in devices[:tagged]:
        made.tags = frozenset({"canary"})
    return plan(
        Policy.parse(stages),
        product="lamp",
        channel="stable",
        boards=["d1"],
        devices=devices,
        seed="r1",
        now=moment(),
    )


def test_a_plan_says_whom_each_stage_would_reach() -> None:
    first, second, third, last = planned("1,5,50%,100%")
    assert (first, second, last) == (1, 5, 50)
    assert 5 < third < 50
    assert planned("tag:canary,100%", tagged=3) == (3, 50)


def test_a_stage_for_a_tag_that_nobody_has_is_refused() -> None:
    with pytest.raises(SettingsError, match="the stage tag:canary reaches nobody"):
        planned("tag:canary,100%")
    with pytest.raises(SettingsError, match="group:attic"):
        planned("50,group:attic")
    with pytest.raises(SettingsError, match="no device has the tag canry; did you mean tag:canary"):
        planned("tag:canry,100%", tagged=3)
