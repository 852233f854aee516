from __future__ import annotations

import json
from typing import Any

import pytest

from acpublish.fleet.fleet_events import (
    COMPLETED,
    FLAGGED,
    HALTED,
    KINDS,
    NEW_DEVICE,
    PUBLISHED,
    ROLLED_BACK,
    STAGE,
    UPDATED,
    WITHDRAWN,
    FleetEvent,
)
from acpublish.notices.ntfy import message, root_of, topic_of

ROLLOUT = {"rollout": "lamp-5", "version": "2.0.0", "channel": "stable"}
MESSAGES: dict[str, tuple[dict[str, Any], str, str, int]] = {
    PUBLISHED: (
        {"version": "2.0.0", "channel": "stable", "boards": ["d1", "d2"]},
        "lamp 2.0.0 published",
        "To stable, for d1, d2.",
        3,
    ),
    WITHDRAWN: (
        {"version": "2.0.0", "reason": "it crashes"},
        "lamp 2.0.0 withdrawn",
        "it crashes",
        4,
    ),
    ROLLED_BACK: (
        {"version": "1.0.0", "channel": "stable", "reason": "it overheats"},
        "lamp: stable rolled back",
        "it overheats",
        4,
    ),
    STAGE: (
        {**ROLLOUT, "stage": 2, "stages": 4},
        "lamp 2.0.0: stage 2 of 4",
        "The rollout to stable goes on.",
        3,
    ),
    HALTED: ({**ROLLOUT, "reason": "3 failed"}, "lamp 2.0.0: rollout halted", "3 failed", 5),
    COMPLETED: ({**ROLLOUT, "reason": "all"}, "lamp 2.0.0: rollout complete", "all", 3),
    FLAGGED: (
        {"device": "lamp/aa", "name": "kitchen", "flags": ["boxed"], "reason": "it fails"},
        "kitchen needs attention",
        "it fails",
        4,
    ),
    NEW_DEVICE: (
        {"device": "lamp/aa", "board": "d1"},
        "New device: lamp/aa",
        "It requests lamp for d1.",
        3,
    ),
    UPDATED: (
        {"device": "lamp/aa", "version": "2.0.0", "before": None},
        "lamp/aa runs 2.0.0",
        "Before, it ran an unknown release.",
        3,
    ),
}


def sent(*events: FleetEvent, page: str = "") -> dict[str, Any]:
    document: dict[str, Any] = json.loads(message(events, "topic", page))
    return document


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_event_is_a_message_for_people(kind: str) -> None:
    data, title, text, priority = MESSAGES[kind]
    document = sent(FleetEvent(kind, 5.0, "lamp", data), page="http://host/")
    tags = document.pop("tags")
    assert document == {
        "topic": "topic",
        "title": title,
        "message": text,
        "priority": priority,
        "click": "http://host/",
    }
    assert len(tags) == 1


def test_several_devices_are_one_message() -> None:
    events = [FleetEvent(NEW_DEVICE, 5.0, "lamp", {"device": f"lamp/{at}"}) for at in range(20)]
    document = sent(*events)
    assert document["title"] == "20 new devices"
    lines = document["message"].splitlines()
    assert lines[0] == "New device: lamp/0"
    assert len(lines) == 9
    assert lines[-1] == "and 12 more"
    assert "click" not in document


def test_a_name_of_a_device_cannot_be_a_message_of_its_own() -> None:
    name = "kitchen\n\x1b[31mPAY HERE\x00\ud800 {reason} " + "x" * 10_000
    data = {"device": "lamp/aa", "name": name, "flags": [], "reason": f"why\r\n{name}"}
    document = sent(FleetEvent(FLAGGED, 5.0, "lamp", data))
    assert document["title"].startswith("kitchen??[31mPAY HERE?? {reason} x")
    assert len(document["title"]) <= 120
    assert document["message"].startswith("why??kitchen")


def test_whatever_is_in_a_message_ntfy_reads_all_of_it() -> None:
    """``transformBodyJSON`` reads twice the limit of a message (``server/server.go``)."""
    for letter in ("\U0001f4a1", '"', "ü", "\\"):
        data = {"device": "lamp/aa", "name": letter * 5_000, "flags": [], "reason": letter * 5_000}
        events = [FleetEvent(FLAGGED, float(at), "lamp", data) for at in range(100)]
        for some in (events[:1], events):
            body = message(some, "t" * 64, "https://" + "h" * 250)
            assert len(body) < 2 * 4_096
            assert len(json.loads(body)["message"].encode()) <= 4_096


@pytest.mark.parametrize(
    ("url", "topic"),
    [
        ("https://ntfy.sh/my-topic_1", "my-topic_1"),
        ("https://user:password@ntfy.sh/topic/", "topic"),
        ("https://ntfy.sh/", ""),
        ("https://ntfy.sh/a/b", ""),
        ("https://ntfy.sh/a b", ""),
        (f"https://ntfy.sh/{'a' * 65}", ""),
    ],
)
def test_the_topic_is_the_last_part_of_the_url(url: str, topic: str) -> None:
    assert topic_of(url) == topic


def test_messages_go_to_the_root_of_the_server() -> None:
    assert root_of("http://127.0.0.1:8080/topic?a=b") == "http://127.0.0.1:8080/"
