from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from acpublish.errors import NotFoundError, SettingsError
from acpublish.fleet.fleet_events import HALTED, FleetEvent
from acpublish.notices.webhook_file import new_webhook
from acpublish.notices.webhook_orders import WebhookOrders
from acpublish.notices.webhook_queue import WebhookQueue, queue_path
from tests.support.receiver import Receiver, receiving


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def orders(tmp_path: Path) -> WebhookOrders:
    return WebhookOrders(tmp_path)


def undelivered(folder: Path, id_: str, disabled: str) -> WebhookQueue:
    """Writes what a server would have written."""
    queue = WebhookQueue(queue_path(folder, id_))
    queue.add(FleetEvent(HALTED, 5.0, "lamp", {"rollout": "lamp-5"}), 5.0)
    queue.disable(disabled)
    queue.write()
    return queue


def test_the_secret_is_shown_once(orders: WebhookOrders) -> None:
    added = orders.add(new_webhook("https://user:hunter2@example.com/", token="hunter3"))
    secret = added.pop("secret")
    assert secret.startswith("whsec_")
    assert orders.all() == [added]
    assert secret not in json.dumps(orders.all())
    assert "hunter" not in json.dumps(orders.all())
    assert added["waiting"] == added["undelivered"] == 0
    assert orders.remove(added["id"]) == added
    assert orders.all() == []


def test_a_test_is_sent_now_and_enables_one_that_works(
    orders: WebhookOrders, receiver: Receiver, tmp_path: Path
) -> None:
    id_ = orders.add(new_webhook(receiver.url))["id"]
    receiver.answers.append(500)
    failed = orders.test(id_)
    assert failed == {
        "id": id_,
        "delivered": False,
        "error": "the receiver answers HTTP 500 Internal Server Error",
    }
    undelivered(tmp_path, id_, "the receiver is gone")
    assert orders.all()[0]["disabled"] == "the receiver is gone"
    before = json.loads((tmp_path / "webhooks.json").read_text())["webhooks"][0]["again"]
    assert orders.test(id_) == {"id": id_, "delivered": True, "error": ""}
    assert json.loads((tmp_path / "webhooks.json").read_text())["webhooks"][0]["again"] > before


def test_what_could_not_be_delivered_is_listed(
    orders: WebhookOrders, receiver: Receiver, tmp_path: Path
) -> None:
    first, second = (
        orders.add(new_webhook(receiver.url))["id"],
        orders.add(new_webhook(receiver.url))["id"],
    )
    queue = undelivered(tmp_path, second, "gone")
    (document,) = orders.undelivered()
    assert document == {
        "webhook": second,
        "id": queue.undelivered[0].id,
        "event": "halted",
        "at": 5.0,
        "product": "lamp",
        "data": {"rollout": "lamp-5"},
        "attempts": 0,
        "error": "gone",
    }
    assert orders.undelivered(first) == []
    assert orders.try_again(second)["id"] == second
    assert orders.remove(second)["undelivered"] == 1
    assert not queue.path.exists()


def test_one_that_is_not_there(orders: WebhookOrders) -> None:
    for call in (orders.remove, orders.test, orders.undelivered, orders.try_again):
        with pytest.raises(NotFoundError, match="there is no webhook 'x'"):
            call("x")


def test_a_damaged_queue_is_one_line(orders: WebhookOrders, tmp_path: Path) -> None:
    id_ = orders.add(new_webhook("https://example.com/"))["id"]
    path = queue_path(tmp_path, id_)
    path.parent.mkdir()
    path.write_text("{")
    with pytest.raises(SettingsError, match=f"what waits for webhook {id_} cannot be read"):
        orders.all()
