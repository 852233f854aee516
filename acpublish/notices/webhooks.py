"""Sends events to webhooks, in a thread of its own, so that no device and no command waits.

1. :class:`Webhooks` is a listener of events, and only takes them down. Everything else is in the
   thread, which has an event loop with one task for each webhook.
2. What waits is written within a second, and read again by the next server. A kill may lose what is
   younger, except for what was published and withdrawn (:meth:`Webhooks.keep`), and may let a
   delivery be made again, with the same id.
3. The file of the webhooks is looked at every second, so commands need nobody to change it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from acpublish.catalog.state import ensure_private
from acpublish.errors import AcpublishError, reason_of
from acpublish.fleet.fleet_events import FleetEvent, Listener
from acpublish.notices.delivering import attempt
from acpublish.notices.webhook_file import Webhook, WebhookFile, WebhooksError
from acpublish.notices.webhook_queue import (
    OF_DEVICES,
    Delivery,
    WebhookQueue,
    queue_path,
    read_queue,
)

_log = logging.getLogger("acpublish.webhooks")

PageOf = Callable[[Sequence[FleetEvent]], str]

_LOOK_S = 1.0
#: How many events of devices may come in between two turns of the thread; any others are dropped.
_MAX_INCOMING = 5_000
#: How long deliveries that are under way may take when the server ends.
_END_S = 2.0
#: How long whoever wants something to be on the disk waits for it.
_KEEP_S = 5.0
_LOG_EVERY_S = 600.0


class Webhooks:
    """Tells all webhooks of a state folder what happens; it is a listener of events."""

    def __init__(
        self, state: Path, listeners: list[Listener], page: PageOf = lambda events: ""
    ) -> None:
        """Prepares to run.

        Args:
            state: The state folder.
            listeners: Those who are told what happens, among whom it is as long as there is any
                webhook, because nobody has to compare devices for nothing.
            page: Returns the URL of the page about events, for messages that people read; empty
                for none.
        """
        self.file = WebhookFile(state)
        self._listeners = listeners
        self._page = page
        self._incoming: deque[FleetEvent] = deque()
        #: The kinds that any webhook wants; others are dropped at once.
        self._wanted: frozenset[str] = frozenset()
        self._senders: dict[str, _Sender] = {}
        self._keeps: deque[_Keep] = deque()
        self._stamp: object = None
        self._fault = ""
        self._ending = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None
        self._woken = False
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        """Reads the webhooks, and starts the thread."""
        self._read_file()
        self._thread.start()

    def __call__(self, event: FleetEvent) -> None:
        """Takes an event down."""
        if event.kind not in self._wanted:
            return
        # Strangers can invent devices, and nothing else may get lost among them.
        if event.kind not in OF_DEVICES or len(self._incoming) < _MAX_INCOMING:
            self._incoming.append(event)
            self._wake_up()

    def _wake_up(self) -> None:
        loop, wake = self._loop, self._wake
        # To wake a loop is a system call, and the events of a flood need only one.
        if loop is not None and wake is not None and not self._woken:
            self._woken = True
            # The thread may have ended.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(wake.set)

    def keep(self) -> None:
        """Waits until everything that was told is on the disk; for another thread.

        Raises:
            OSError: It cannot be written, or not in time.
        """
        if not self._thread.is_alive():
            return
        keep = _Keep()
        self._keeps.append(keep)
        self._wake_up()
        if not keep.done.wait(_KEEP_S):
            raise TimeoutError("the webhooks' queues could not be written in time")
        if keep.error is not None:
            raise keep.error

    def close(self) -> None:
        """Ends the thread, once what waits is written."""
        self._ending = True
        self._wake_up()
        if self._thread.is_alive():
            self._thread.join(_END_S + _KEEP_S)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except Exception:
            _log.exception("webhooks are not sent any more")

    async def _main(self) -> None:
        self._loop, self._wake = asyncio.get_running_loop(), asyncio.Event()
        for sender in self._senders.values():
            sender.start()
        next_look = 0.0
        while not self._ending:
            with contextlib.suppress(asyncio.TimeoutError, TimeoutError):
                await asyncio.wait_for(self._wake.wait(), _LOOK_S)
            self._wake.clear()
            # Whatever is told from here on wakes it again.
            self._woken = False
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + _LOOK_S
                self._read_file()
                self._take_down()
                self._write()
            else:
                self._take_down()
            if self._keeps:
                self._keep_all()
        await asyncio.gather(*(sender.end() for sender in self._senders.values()))
        self._take_down()
        self._keep_all()
        self._write()

    def _take_down(self) -> None:
        """Puts what has come in into the queues."""
        now = time.time()
        while self._incoming:
            event = self._incoming.popleft()
            for sender in self._senders.values():
                if event.kind in sender.webhook.events:
                    sender.add(event, now)

    def _keep_all(self) -> None:
        keeps = [self._keeps.popleft() for _ in range(len(self._keeps))]
        self._take_down()
        error = self._write()
        for keep in keeps:
            keep.error = error
            keep.done.set()

    def _write(self) -> OSError | None:
        """Writes the queues that have changed; returns why that failed."""
        error: OSError | None = None
        for sender in self._senders.values():
            if sender.queue.changed:
                try:
                    ensure_private(self.file.state)
                    sender.queue.write()
                except OSError as fault:
                    error = fault
                except AcpublishError as fault:
                    error = OSError(str(fault))
        self._note("" if error is None else f"queues cannot be written: {reason_of(error)}")
        return error

    def _note(self, fault: str) -> None:
        """Logs a fault once."""
        if fault and fault != self._fault:
            _log.error("webhooks: %s", fault)
        self._fault = fault

    def _read_file(self) -> None:
        """Follows the file of the webhooks, if it has changed."""
        try:
            status = self.file.path.stat()
            stamp: object = (status.st_mtime_ns, status.st_ino, status.st_size)
        except OSError:
            stamp = "none"
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            webhooks = self.file.all()
        except AcpublishError as error:
            # What is known goes on, and one that is mended is read again.
            _log.error("webhooks: %s", error)
            return
        known = {webhook.id for webhook in webhooks}
        for id_ in [id_ for id_ in self._senders if id_ not in known]:
            self._senders.pop(id_).remove()
        for webhook in webhooks:
            self._follow(webhook)
        self._wanted = frozenset(kind for webhook in webhooks for kind in webhook.events)
        if self._wanted and self not in self._listeners:
            self._listeners.append(self)
        elif not self._wanted and self in self._listeners:
            self._listeners.remove(self)

    def _follow(self, webhook: Webhook) -> None:
        sender = self._senders.get(webhook.id)
        if sender is None:
            queue = self._queue_of(webhook)
            sender = self._senders[webhook.id] = _Sender(webhook, queue, self._page)
            if self._loop is not None:
                sender.start()
        sender.follow(webhook)

    def _queue_of(self, webhook: Webhook) -> WebhookQueue:
        try:
            return read_queue(self.file.state, webhook.id)
        except WebhooksError as error:
            _log.error("a queue begins anew: %s", error)
            return WebhookQueue(queue_path(self.file.state, webhook.id))


class _Keep:
    """Somebody who waits until everything is on the disk."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.error: OSError | None = None


class _Sender:
    """Delivers to one webhook, one message after the other."""

    def __init__(self, webhook: Webhook, queue: WebhookQueue, page: PageOf) -> None:
        self.webhook = webhook
        self.queue = queue
        self._page = page
        self._wake: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None
        self._ending = False
        self._logged_at = -_LOG_EVERY_S

    def start(self) -> None:
        """Starts to deliver, in the loop of the thread."""
        self._wake = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run())

    def follow(self, webhook: Webhook) -> None:
        """Goes by what the file says now."""
        self.webhook = webhook
        self.queue.begin_again(webhook.again, time.time())
        self._wake_up()

    def add(self, event: FleetEvent, now: float) -> None:
        """Adds an event."""
        self.queue.add(event, now)
        self._wake_up()

    def _wake_up(self) -> None:
        if self._wake is not None:
            self._wake.set()

    def remove(self) -> None:
        """Ends, and removes what waits, because the webhook is removed."""
        if self._task is not None:
            self._task.cancel()
        with contextlib.suppress(OSError):
            self.queue.path.unlink(missing_ok=True)

    async def end(self) -> None:
        """Ends, and lets a delivery that is under way finish for a moment."""
        self._ending = True
        self._wake_up()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=_END_S)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while not self._ending:
            together = self.webhook.format == "ntfy"
            now = time.time()
            self.queue.catch_up(now)
            deliveries = self.queue.due(now, together=together)
            if deliveries:
                await self._deliver(deliveries)
                continue
            # A clock that is set is noticed within a minute.
            pause = min(self.queue.next_at(together=together) - now, 60.0)
            if self._wake is not None:
                with contextlib.suppress(asyncio.TimeoutError, TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), max(pause, 0.01))
                self._wake.clear()

    async def _deliver(self, deliveries: list[Delivery]) -> None:
        events = [delivery.event for delivery in deliveries]
        try:
            page = self._page(events)
            result = await attempt(self.webhook, events, deliveries[0].id, page)
        except Exception as error:
            # It must not keep the other events, and other webhooks, from being sent.
            _log.exception("webhook %s failed", self.webhook.id)
            self.queue.failed(deliveries, time.time(), f"internal error: {type(error).__name__}")
            return
        now = time.time()
        if not result.error:
            self.queue.delivered(deliveries, now)
            return
        self.queue.failed(deliveries, now, result.error, result.rest_s)
        if result.gone:
            self.queue.disable("the receiver says that it is gone (HTTP 410)")
        self._note()

    def _note(self) -> None:
        """Logs why deliveries fail, now and then."""
        name, queue = f"webhook {self.webhook.id} ({self.webhook.host})", self.queue
        if queue.disabled:
            _log.error("%s is disabled: %s", name, queue.disabled)
        elif time.monotonic() - self._logged_at >= _LOG_EVERY_S:
            self._logged_at = time.monotonic()
            _log.warning("%s: a delivery failed and is tried again: %s", name, queue.error)
