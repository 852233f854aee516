from __future__ import annotations

import stat
from pathlib import Path

import pytest

from acpublish.fleet.fleet_events import HALTED, NEW_DEVICE, PUBLISHED, UPDATED, FleetEvent
from acpublish.notices import webhook_queue
from acpublish.notices.standard_webhooks import RETRY_AFTER_S
from acpublish.notices.webhook_file import WebhooksError
from acpublish.notices.webhook_queue import (
    CROWDED,
    MAX_UNDELIVERED,
    MAX_WAITING,
    REST_S,
    WebhookQueue,
    queue_path,
    read_queue,
)

NOW = 1_700_000_000.0


@pytest.fixture(autouse=True)
def _no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_queue, "_jitter", lambda: 0.0)


@pytest.fixture
def queue(tmp_path: Path) -> WebhookQueue:
    return WebhookQueue(queue_path(tmp_path / "state", "ab12"))


def event(number: int = 1, kind: str = NEW_DEVICE) -> FleetEvent:
    return FleetEvent(kind, NOW + number, "lamp", {"device": f"lamp/{number}"})


def read_again(queue: WebhookQueue) -> WebhookQueue:
    return read_queue(queue.path.parents[1], queue.path.stem)


def numbers(queue: WebhookQueue) -> list[float]:
    return [delivery.event.at - NOW for delivery in queue.waiting]


def test_a_delivery_is_tried_again_by_the_rules_and_then_given_up(queue: WebhookQueue) -> None:
    queue.delivered_at = NOW - 1
    queue.add(event(), NOW)
    now, pauses = NOW, []
    while queue.waiting:
        (delivery,) = queue.due(now, together=False)
        queue.failed([delivery], now, "HTTP 500")
        if queue.waiting:
            assert queue.due(now, together=False) == []
            pauses.append(queue.next_at(together=False) - now)
            now = queue.next_at(together=False)
    assert tuple(pauses) == RETRY_AFTER_S
    (undelivered,) = queue.undelivered
    assert (undelivered.attempts, undelivered.error) == (10, "HTTP 500")
    assert queue.disabled == "nothing could be delivered for days: HTTP 500"


def test_it_is_not_disabled_if_anything_has_arrived_meanwhile(queue: WebhookQueue) -> None:
    queue.add(event(1), NOW)
    for _ in range(10):
        queue.failed(queue.waiting, NOW + 5, "HTTP 500")
        queue.delivered_at = NOW + 10
    assert len(queue.undelivered) == 1
    assert queue.disabled == ""


def test_a_message_about_several_devices_that_fails_for_the_last_time_lists_each_once(
    queue: WebhookQueue,
) -> None:
    for number in (1, 2, 3):
        queue.add(event(number), NOW)
    for _ in range(10):
        queue.failed(queue.waiting[:2], NOW + 5, "HTTP 500")
    assert queue.disabled
    assert [each.event.at - NOW for each in queue.undelivered] == [1, 2, 3]


def test_a_success_ends_the_error(queue: WebhookQueue) -> None:
    queue.add(event(1), NOW)
    queue.failed(queue.waiting, NOW, "HTTP 500")
    assert queue.error == "HTTP 500"
    queue.delivered(queue.waiting, NOW + 5)
    assert (queue.error, queue.waiting, queue.delivered_at) == ("", [], NOW + 5)


def test_a_receiver_that_failed_is_left_alone_as_long_as_it_asks(queue: WebhookQueue) -> None:
    queue.add(event(1), NOW)
    queue.add(event(2), NOW)
    queue.failed([queue.waiting[0]], NOW, "HTTP 302")
    assert queue.next_at(together=False) == NOW + REST_S
    queue.failed([queue.waiting[0]], NOW, "HTTP 429", 90)
    assert queue.next_at(together=False) == NOW + 90
    queue.failed([queue.waiting[1]], NOW, "HTTP 429", 10**9)
    assert queue.next_at(together=False) == NOW + 86_400


def test_what_waits_is_read_again(queue: WebhookQueue) -> None:
    queue.add(event(1), NOW)
    queue.add(event(2, HALTED), NOW)
    queue.failed([queue.waiting[0]], NOW, "HTTP 500")
    queue.write()
    again = read_again(queue)
    assert again.waiting == queue.waiting
    assert again.error == "HTTP 500"
    queue.disable("gone")
    queue.write()
    again = read_again(queue)
    assert again.undelivered == queue.undelivered
    assert [delivery.error for delivery in again.undelivered] == ["HTTP 500", "gone"]
    assert stat.S_IMODE(queue.path.stat().st_mode) == 0o600
    assert not again.changed


@pytest.mark.parametrize("text", ["{", "[]", '{"disabled": ""}', "[" * 100_000])
def test_a_damaged_file_is_one_error(queue: WebhookQueue, text: str) -> None:
    queue.path.parent.mkdir(parents=True)
    queue.path.write_text(text)
    with pytest.raises(WebhooksError, match="webhook ab12 cannot be read: it is damaged"):
        read_again(queue)


def test_the_same_event_waits_once(queue: WebhookQueue) -> None:
    queue.add(event(1, PUBLISHED), NOW)
    queue.add(event(1, PUBLISHED), NOW)
    assert numbers(queue) == [1]


def test_a_flood_of_devices_crowds_out_itself_and_nothing_else(queue: WebhookQueue) -> None:
    queue.add(event(0, HALTED), NOW)
    for number in range(1, MAX_WAITING + MAX_UNDELIVERED + 11):
        queue.add(event(number), NOW)
    assert len(queue.waiting) == MAX_WAITING
    assert queue.waiting[0].event.kind == HALTED
    assert len(queue.undelivered) == MAX_UNDELIVERED
    assert queue.forgotten == 11
    assert {delivery.error for delivery in queue.undelivered} == {CROWDED}


def test_a_flood_of_anything_else_is_bounded_as_well(queue: WebhookQueue) -> None:
    for number in range(MAX_WAITING + 5):
        queue.add(event(number, HALTED), NOW)
    assert numbers(queue) == list(range(5, MAX_WAITING + 5))


def test_devices_are_told_together_where_that_is_possible(queue: WebhookQueue) -> None:
    for number in range(150):
        queue.add(event(number), NOW)
    queue.add(event(200, UPDATED), NOW)
    queue.add(event(201, HALTED), NOW)
    assert len(queue.due(NOW, together=False)) == 1
    first = queue.due(NOW, together=True)
    assert len(first) == 100
    queue.delivered(first, NOW)
    assert [each.event.kind for each in queue.due(NOW, together=True)] == [HALTED]
    queue.delivered(queue.due(NOW, together=True), NOW)
    assert queue.due(NOW + 59, together=True) == []
    assert len(queue.due(NOW + 60, together=True)) == 50


def test_one_that_is_disabled_lists_what_it_is_told_until_somebody_wants_more(
    queue: WebhookQueue,
) -> None:
    queue.add(event(1), NOW)
    queue.disable("the receiver is gone")
    queue.add(event(2), NOW)
    assert queue.waiting == []
    assert len(queue.undelivered) == 2
    queue.begin_again("2026-01-01", NOW + 5)
    assert (queue.disabled, queue.undelivered, numbers(queue)) == ("", [], [1, 2])
    assert [delivery.attempts for delivery in queue.waiting] == [0, 0]
    queue.disable("again")
    queue.begin_again("2026-01-01", NOW + 5)
    assert queue.disabled == "again"
    # Also if the clock has been set back since.
    queue.begin_again("2025-01-01", NOW + 5)
    assert queue.disabled == ""


def test_what_is_tried_again_crowds_out_news_of_devices_and_loses_none_in_silence(
    queue: WebhookQueue,
) -> None:
    for number in range(MAX_UNDELIVERED):
        queue.add(event(number), NOW)
    queue.disable("gone")
    queue.disabled = ""
    for number in range(MAX_WAITING):
        queue.add(event(1_000 + number, HALTED), NOW)
    queue.begin_again("2026-01-01", NOW)
    assert numbers(queue) == [1_000 + number for number in range(MAX_WAITING)]
    assert [each.error for each in queue.undelivered] == [CROWDED] * MAX_UNDELIVERED


def test_what_waits_is_small_and_keeps_its_id(queue: WebhookQueue) -> None:
    large = FleetEvent(HALTED, NOW, "lamp", {"reason": "x" * 100_000})
    queue.add(large, NOW)
    queue.write()
    assert queue.path.stat().st_size < 2_000
    assert read_again(queue).waiting[0].id == large.id


def test_somebody_who_tries_again_waits_for_nothing(queue: WebhookQueue) -> None:
    queue.add(event(1), NOW)
    queue.failed(queue.waiting, NOW, "HTTP 429", 5_000)
    assert queue.next_at(together=False) == NOW + 5_000
    queue.begin_again("2026-01-01", NOW + 5)
    assert queue.next_at(together=False) == NOW + 5


def test_a_clock_that_was_set_back_lets_nothing_wait_for_years(queue: WebhookQueue) -> None:
    queue.add(event(1), NOW + 10**9)
    queue.failed(queue.waiting, NOW + 10**9, "HTTP 429", 60)
    queue.catch_up(NOW)
    assert queue.next_at(together=False) < NOW + 2 * 86_400
    queue.delivered(queue.waiting, NOW + 10**9)
    queue.add(event(2), NOW)
    queue.catch_up(NOW)
    assert queue.next_at(together=True) < NOW + 2 * 86_400
