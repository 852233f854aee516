"""What people ask of webhooks and want of them, as JSON types: for commands and the API.

A running server follows within a second. What is shown has no secret, except that of a webhook
which was just added.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from acpublish.notices.delivering import send_test
from acpublish.notices.webhook_file import Webhook, WebhookFile
from acpublish.notices.webhook_queue import WebhookQueue, queue_path, read_queue

Document = dict[str, Any]
_Check = Callable[[], object]


class WebhookOrders:
    """The webhooks of a state folder."""

    def __init__(self, state: Path) -> None:
        """Prepares to use a state folder.

        Args:
            state: The state folder.
        """
        self._file = WebhookFile(state)

    def all(self) -> list[Document]:
        """Returns every webhook, and how deliveries to it go.

        Raises:
            WebhooksError: A file cannot be read.
        """
        return [self._document(webhook) for webhook in self._file.all()]

    def add(self, webhook: Webhook, *, before_commit: _Check | None = None) -> Document:
        """Adds a webhook, and returns it with its secret, which is not shown again.

        Args:
            webhook: The webhook (:func:`acpublish.notices.webhook_file.new_webhook`).
            before_commit: Called with the lock, before anything is written.

        Raises:
            WebhooksError: A file cannot be read or written.
            ConflictError: There are too many webhooks.
        """
        self._file.add(webhook, before_commit=before_commit)
        return {**self._document(webhook), "secret": webhook.secret}

    def remove(self, id_: str, *, before_commit: _Check | None = None) -> Document:
        """Removes a webhook, and what waits for it; returns what it was.

        Raises:
            NotFoundError: There is none with this id.
            WebhooksError: A file cannot be read or written.
        """
        webhook = self._file.find(id_)
        document = self._document(webhook)
        self._file.remove(id_, before_commit=before_commit)
        # A server that runs removes it once more, if it has written it meanwhile.
        with contextlib.suppress(OSError):
            queue_path(self._file.state, webhook.id).unlink(missing_ok=True)
        return document

    def test(self, id_: str) -> Document:
        """Sends a test, and returns whether it was delivered; then the server delivers again.

        One that was disabled is enabled, and what waits for its next attempt is tried at once.

        Raises:
            NotFoundError: There is none with this id.
            WebhooksError: A file cannot be read or written.
        """
        attempt = asyncio.run(send_test(self._file.find(id_)))
        queue = self._queue(id_)
        if not attempt.error and (queue.disabled or queue.waiting):
            self._file.try_again(id_)
        return {"id": id_, "delivered": not attempt.error, "error": attempt.error}

    def undelivered(self, id_: str = "") -> list[Document]:
        """Returns what could not be delivered, the oldest first.

        Args:
            id_: To which webhook; empty for all.

        Raises:
            NotFoundError: There is none with this id.
            WebhooksError: A file cannot be read.
        """
        webhooks = [self._file.find(id_)] if id_ else self._file.all()
        return [
            {
                "webhook": webhook.id,
                "id": delivery.id,
                "event": delivery.event.kind,
                "at": delivery.event.at,
                "product": delivery.event.product,
                "data": dict(delivery.event.data),
                "attempts": delivery.attempts,
                "error": delivery.error,
            }
            for webhook in webhooks
            for delivery in self._queue(webhook.id).undelivered
        ]

    def try_again(self, id_: str, *, before_commit: _Check | None = None) -> Document:
        """Has the server try again what could not be delivered, also if the webhook is disabled.

        Raises:
            NotFoundError: There is none with this id.
            WebhooksError: A file cannot be read or written.
        """
        return self._document(self._file.try_again(id_, before_commit=before_commit))

    def _queue(self, id_: str) -> WebhookQueue:
        return read_queue(self._file.state, id_)

    def _document(self, webhook: Webhook) -> Document:
        queue = self._queue(webhook.id)
        return {
            **webhook.shown(),
            "disabled": queue.disabled,
            "waiting": len(queue.waiting),
            "undelivered": len(queue.undelivered) + queue.forgotten,
            "delivered_at": queue.delivered_at or None,
            "error": queue.error,
        }
