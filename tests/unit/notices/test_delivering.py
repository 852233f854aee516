from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator

import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from acpublish.fleet.fleet_events import HALTED, FleetEvent
from acpublish.notices.delivering import Attempt, attempt, send_test
from acpublish.notices.webhook_file import Webhook, new_webhook
from tests.support.receiver import Receiver, receiving

EVENT = FleetEvent(HALTED, 5.0, "lamp", {"rollout": "lamp-5", "version": "2.0.0", "reason": "no"})


@pytest.fixture(scope="module")
def server() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def receiver(server: Receiver) -> Receiver:
    server.deliveries.clear()
    server.answers.clear()
    return server


def send(webhook: Webhook, *events: FleetEvent) -> Attempt:
    return asyncio.run(attempt(webhook, events or (EVENT,), EVENT.id, "http://page/"))


def test_a_receiver_verifies_what_it_gets(receiver: Receiver) -> None:
    webhook = new_webhook(f"{receiver.url}/hook?a=b")
    assert send(webhook) == Attempt()
    (delivery,) = receiver.deliveries
    document = Verifier(webhook.secret).verify(delivery.body, dict(delivery.headers))
    assert document["type"] == "rollout.halted"
    assert delivery.headers["webhook-id"] == EVENT.id
    assert delivery.path == "/hook?a=b"
    assert "authorization" not in delivery.headers


def test_ntfy_gets_json_at_its_root_and_its_token(receiver: Receiver) -> None:
    webhook = new_webhook(f"{receiver.url}/my-topic", format_="ntfy", token="tk_123")
    assert send(webhook) == Attempt()
    (delivery,) = receiver.deliveries
    assert delivery.path == "/"
    assert delivery.headers["authorization"] == "Bearer tk_123"
    assert "webhook-signature" not in delivery.headers
    document = json.loads(delivery.body)
    assert (document["topic"], document["click"]) == ("my-topic", "http://page/")


def test_a_password_in_the_url_is_sent_as_one(receiver: Receiver) -> None:
    send(new_webhook(receiver.url.replace("://", "://us%20er:pass%40word@")))
    (delivery,) = receiver.deliveries
    scheme, _, encoded = delivery.headers["authorization"].partition(" ")
    assert (scheme, base64.b64decode(encoded)) == ("Basic", b"us er:pass@word")


@pytest.mark.parametrize(
    ("answer", "error", "gone", "rest_s"),
    [
        (500, "the receiver answers HTTP 500 Internal Server Error", False, 0),
        (
            (302, {"location": "/"}),
            "the receiver redirects (HTTP 302), which is not followed",
            False,
            0,
        ),
        (410, "the receiver answers HTTP 410 Gone", True, 0),
        (429, "the receiver answers HTTP 429 Too Many Requests", False, 0),
        (
            (503, {"retry-after": "60"}),
            "the receiver answers HTTP 503 Service Unavailable",
            False,
            60,
        ),
        (599, "the receiver answers HTTP 599", False, 0),
    ],
)
def test_what_is_not_accepted_has_failed(
    receiver: Receiver, answer: object, error: str, gone: bool, rest_s: float
) -> None:
    receiver.answers.append(answer)
    assert send(new_webhook(receiver.url)) == Attempt(error, gone, rest_s)


def test_no_error_repeats_a_secret(receiver: Receiver) -> None:
    webhook = new_webhook("http://user:hunter2@127.0.0.1:9/hunter3?hunter4", token="hunter5")
    error = send(webhook).error
    assert "cannot be reached" in error
    assert "hunter" not in error


def test_a_test_says_that_it_is_one(receiver: Receiver) -> None:
    webhook = new_webhook(receiver.url)
    assert asyncio.run(send_test(webhook)) == Attempt()
    ntfy = new_webhook(f"{receiver.url}/topic", format_="ntfy")
    assert asyncio.run(send_test(ntfy)) == Attempt()
    standard, message = (json.loads(delivery.body) for delivery in receiver.deliveries)
    assert standard["type"] == "webhook.test"
    assert message["title"] == "acpublish"
    assert message["message"] == "This is a test of acpublish."
