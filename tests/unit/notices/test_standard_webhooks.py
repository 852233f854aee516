from __future__ import annotations

import base64
import json
import time

import pytest
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from acpublish.fleet.fleet_events import FLAGGED, KINDS, NEW_DEVICE, FleetEvent
from acpublish.notices.standard_webhooks import (
    RETRY_AFTER_S,
    TYPES,
    new_secret,
    payload,
    signature,
    signed_headers,
)

EVENT = FleetEvent(NEW_DEVICE, 1_700_000_000.25, "lamp", {"device": "lamp/aa", "board": "d1"})


def test_the_signature_is_that_of_the_published_example() -> None:
    """The values of "sign function works" in the project's own tests, in each of its languages."""
    signed = signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_another_implementation_verifies_what_is_sent_and_nothing_else() -> None:
    secret, body = new_secret(), payload(EVENT)
    headers = signed_headers(secret, EVENT.id, int(time.time()), body)
    assert Verifier(secret).verify(body, headers) == json.loads(body)
    with pytest.raises(WebhookVerificationError):
        Verifier(secret).verify(body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(secret).verify(body, {**headers, "webhook-id": "msg_another"})
    with pytest.raises(WebhookVerificationError):
        Verifier(new_secret()).verify(body, headers)


def test_a_secret_is_as_long_as_the_rules_say() -> None:
    secrets = {new_secret() for _ in range(9)}
    assert len(secrets) == 9
    for secret in secrets:
        assert 24 <= len(base64.b64decode(secret.removeprefix("whsec_"))) <= 64
    with pytest.raises(ValueError, match="base64"):
        signature("whsec_no", "msg_1", 1, b"")


def test_the_payload_has_type_timestamp_and_data() -> None:
    assert json.loads(payload(EVENT)) == {
        "type": "device.new",
        "timestamp": "2023-11-14T22:13:20.250Z",
        "data": {"product": "lamp", "device": "lamp/aa", "board": "d1"},
    }


def test_each_kind_has_a_type_of_its_own() -> None:
    assert set(TYPES) == set(KINDS)
    assert len(set(TYPES.values())) == len(KINDS)
    for name in TYPES.values():
        assert all(part.replace("_", "").isalnum() for part in name.split("."))


def test_the_payload_stays_small_whatever_a_device_reports() -> None:
    data = {"reason": "x" * 100_000, "flags": ["y" * 5_000] * 5_000, "name": "\x1b[2J\n\x00"}
    body = payload(FleetEvent(FLAGGED, 1.0, "lamp", data))
    assert len(body) < 20_000
    document = json.loads(body)
    assert len(document["data"]["reason"]) == 1_000
    assert b"\n" not in body
    assert b"\x1b" not in body


def test_the_times_to_try_again_span_three_days() -> None:
    """The table in "Deliverability and reliability": the last attempt is after 75:35:05."""
    assert sum(RETRY_AFTER_S) == (75 * 60 + 35) * 60 + 5
