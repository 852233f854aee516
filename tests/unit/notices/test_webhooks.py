from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from acpublish.fleet.fleet_events import (
    HALTED,
    NEW_DEVICE,
    PUBLISHED,
    UPDATED,
    FleetEvent,
    Listener,
)
from acpublish.notices import delivering, webhook_queue, webhooks
from acpublish.notices.http_post import post
from acpublish.notices.webhook_file import Webhook, WebhookFile, new_webhook
from acpublish.notices.webhook_queue import MAX_WAITING, WebhookQueue, queue_path, read_queue
from acpublish.notices.webhooks import Webhooks
from tests.support.receiver import Receiver, hang, raw, receiving, until


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "_LOOK_S", 0.02)
    monkeypatch.setattr(webhook_queue, "RETRY_AFTER_S", (0.05,) * 9)
    monkeypatch.setattr(webhook_queue, "GATHER_S", 0.3)
    monkeypatch.setattr(webhook_queue, "REST_S", 0.05)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


class Server:
    """What a server has of its webhooks."""

    def __init__(self, state: Path) -> None:
        self.state, self.file = state, WebhookFile(state)
        self.listeners: list[Listener] = []
        self.webhooks = Webhooks(state, self.listeners, lambda events: f"http://page/{len(events)}")

    def __enter__(self) -> Server:
        self.webhooks.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.webhooks.close()

    def add(self, url: str, **options: str) -> Webhook:
        webhook = new_webhook(url, **options)  # type: ignore[arg-type]
        self.file.add(webhook)
        return webhook

    def tell(self, *events: FleetEvent) -> None:
        for event in events:
            for listener in self.listeners:
                listener(event)

    def queue(self, webhook: Webhook) -> WebhookQueue:
        return read_queue(self.state, webhook.id)


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path / "state")


def event(number: int = 1, kind: str = PUBLISHED) -> FleetEvent:
    return FleetEvent(kind, 1_700_000_000.0 + number, "lamp", {"version": f"1.0.{number}"})


def versions(receiver: Receiver) -> list[str]:
    return [json.loads(each.body)["data"]["version"] for each in receiver.deliveries]


def test_events_are_delivered_in_order_and_signed(server: Server, receiver: Receiver) -> None:
    webhook = server.add(receiver.url)
    with server:
        server.tell(*map(event, range(5)))
        for delivery in receiver.wait_for(5):
            Verifier(webhook.secret).verify(delivery.body, dict(delivery.headers))
        assert versions(receiver) == [f"1.0.{number}" for number in range(5)]
        until(lambda: server.queue(webhook).delivered_at and not server.queue(webhook).waiting)


def test_nobody_listens_without_a_webhook_and_a_running_server_follows_the_file(
    server: Server, receiver: Receiver
) -> None:
    with server:
        assert server.listeners == []
        webhook = server.add(receiver.url)
        until(lambda: server.listeners)
        server.tell(event(1), event(2, UPDATED), event(3))
        receiver.wait_for(2)
        assert versions(receiver) == ["1.0.1", "1.0.3"]
        until(lambda: queue_path(server.state, webhook.id).exists())
        server.file.remove(webhook.id)
        until(lambda: not server.listeners)
        assert not queue_path(server.state, webhook.id).exists()
    assert len(receiver.deliveries) == 2


def test_a_delivery_that_fails_is_made_again_with_the_same_id(
    server: Server, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers += [500, raw(b""), 200]
    server.add(f"{receiver.url}/hunter2?hunter3", token="hunter4")
    with server:
        server.tell(event())
        deliveries = receiver.wait_for(3)
    assert len({delivery.headers["webhook-id"] for delivery in deliveries}) == 1
    assert caplog.text.count("a delivery failed and is tried again") == 1
    assert "hunter" not in caplog.text


def test_one_that_hangs_holds_up_nobody_else(
    server: Server, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def patient(*request: object, **options: object) -> object:
        return await post(*request, **{**options, "timeout_s": 60.0})  # type: ignore[arg-type]

    monkeypatch.setattr(delivering, "post", patient)
    with receiving() as stuck:
        stuck.always = hang
        server.add(stuck.url)
        server.add(receiver.url)
        with server:
            server.tell(*map(event, range(3)))
            receiver.wait_for(3)
            assert len(stuck.deliveries) == 1
            before = time.monotonic()
            server.webhooks.keep()
        assert time.monotonic() - before < webhooks._END_S + webhooks._KEEP_S


def test_what_waits_survives_a_restart(server: Server, tmp_path: Path) -> None:
    with receiving() as away:
        port = away.server_address[1]
    webhook = server.add(f"http://127.0.0.1:{port}/")
    with server:
        server.tell(event(1), event(2, HALTED))
        until(lambda: server.webhooks._senders[webhook.id].queue.error)
    assert len(server.queue(webhook).waiting) == 2
    with receiving(port) as back, Server(server.state):
        until(lambda: len(back.deliveries) >= 2)
        time.sleep(0.2)
        assert sorted(versions(back)) == ["1.0.1", "1.0.2"]
    assert server.queue(webhook).waiting == []


def test_what_was_kept_is_there_after_a_kill(server: Server, receiver: Receiver) -> None:
    receiver.always = 503
    webhook = server.add(receiver.url)
    with server:
        server.tell(event(1))
        server.webhooks.keep()
        # Nothing is written after this, as if the process had been killed.
        assert [each.event for each in server.queue(webhook).waiting] == [event(1)]


def test_one_that_is_gone_is_disabled_until_somebody_tries_again(
    server: Server, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers.append(410)
    webhook = server.add(receiver.url)
    with server:
        server.tell(event(1))
        until(lambda: queue_path(server.state, webhook.id).exists())
        until(lambda: server.queue(webhook).disabled)
        server.tell(event(2))
        until(lambda: len(server.queue(webhook).undelivered) == 2)
        assert len(receiver.deliveries) == 1
        server.file.try_again(webhook.id)
        receiver.wait_for(3)
        assert versions(receiver) == ["1.0.1", "1.0.1", "1.0.2"]
        until(lambda: not server.queue(webhook).undelivered)
    assert "is disabled: the receiver says that it is gone (HTTP 410)" in caplog.text


def test_a_flood_is_bounded_and_what_matters_gets_through(
    server: Server, receiver: Receiver
) -> None:
    receiver.answers.append(hang)
    webhook = server.add(receiver.url)
    with server:
        server.tell(event(0))
        receiver.wait_for(1)
        blocked, free = threading.Event(), threading.Event()
        loop = server.webhooks._loop
        assert loop is not None
        loop.call_soon_threadsafe(lambda: (blocked.set(), free.wait(30)))
        assert blocked.wait(30)
        # Whoever tells waits for nothing, also not for the thread.
        server.tell(event(8, HALTED), *(event(number, NEW_DEVICE) for number in range(6_000)))
        server.tell(event(9, HALTED))
        assert len(server.webhooks._incoming) == webhooks._MAX_INCOMING + 1
        free.set()
        server.webhooks.keep()
        waiting = [each.event.kind for each in server.queue(webhook).waiting]
        assert len(waiting) == MAX_WAITING
        assert waiting[:2] == [PUBLISHED, HALTED]
        assert waiting[-1] == HALTED
        assert server.queue(webhook).forgotten > 3_000


def test_ntfy_gets_many_devices_as_one_message(server: Server, receiver: Receiver) -> None:
    server.add(f"{receiver.url}/topic", format_="ntfy")
    with server:
        server.tell(event(0, NEW_DEVICE))
        receiver.wait_for(1)
        server.tell(*(event(number, NEW_DEVICE) for number in range(1, 41)))
        first, second = (json.loads(each.body) for each in receiver.wait_for(2))
    assert (first["title"], first["click"]) == ("New device: ", "http://page/1")
    assert (second["title"], second["click"]) == ("40 new devices", "http://page/40")


def test_damaged_files_are_logged_once_and_nothing_else_stops(
    server: Server, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    webhook = server.add(receiver.url)
    path = queue_path(server.state, webhook.id)
    path.parent.mkdir()
    path.write_text("{")
    with server:
        server.file.path.write_text("{")
        until(lambda: "the file is damaged" in caplog.text)
        server.tell(event(1))
        receiver.wait_for(1)
    assert f"a queue begins anew: what waits for webhook {webhook.id} cannot be read" in caplog.text
    assert caplog.text.count("the file is damaged") == 1


def test_a_disk_that_is_full_is_logged_once_and_deliveries_go_on(
    server: Server,
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(_: WebhookQueue) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(WebhookQueue, "write", full)
    server.add(receiver.url)
    with server:
        server.tell(event(1), event(2))
        receiver.wait_for(2)
        with pytest.raises(OSError, match="No space left"):
            server.tell(event(3)) or server.webhooks.keep()  # type: ignore[func-returns-value]
    assert caplog.text.count("queues cannot be written") == 1
