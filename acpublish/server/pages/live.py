"""What changes on pages that are open: server-sent events, one broadcaster for all browsers.

1. A page module names a topic and how its parts are rendered. They are rendered once for all who
   watch, within a second after something was touched and every five seconds in any case, and only
   what has changed is sent. Nothing is rendered for a topic that nobody watches.
2. There is a limit to those who watch, and to what waits for each of them; who does not read is
   dropped. Strangers have only a part of the places. The connections do not count against the
   requests to the API.
3. All of them end when the server stops, and each when its session does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from acpublish.server.bounds import BusyError
from acpublish.server.tokens import Scope

_log = logging.getLogger(__name__)

#: People who watch, with several pages each.
MAX_WATCHERS = 200
#: Those of them who are not signed in: strangers must leave room for whoever is.
MAX_STRANGERS = 100
#: Events that wait for one of them; a browser that reads has none.
MAX_WAITING = 32
EVERY_S = 1.0
#: What changes the catalog's directory touches nothing here.
LOOK_EVERY_S = 5.0
#: A session that has ended is noticed, and a proxy that ends idle connections is kept from it.
HEARTBEAT_S = 5.0
HEARTBEAT = b":\n\n"
#: The last event for who may not see it any more; the page then asks for itself again.
ENDED = b"event: ended\ndata: \n\n"
#: How long a browser waits before it connects again, in milliseconds.
_HELLO = b"retry: 5000\n\n"

#: The HTML of each part of a page, by the name of its event. It gets what follows the topic's name
#: and a colon, such as the id of a rollout.
Parts = Callable[[str], Awaitable[Mapping[str, str]]]


class Topic(NamedTuple):
    """What can be watched.

    Attributes:
        parts: Renders it.
        needs: The scope that it needs; None for everyone.
        look_every_s: How often it is rendered at least, if nothing has touched it.
        is_one: Whether nothing may follow its name, so that all who watch it watch the same.
    """

    parts: Parts
    needs: Scope | None
    look_every_s: float
    is_one: bool


@dataclass(slots=True, eq=False)
class Watcher:
    """A browser that watches a topic.

    Attributes:
        watched: The topic, with what follows its colon.
        drop: Breaks its connection off.
        is_stranger: Whether nobody is signed in there.
        waiting: The events that wait; an empty one is the end.
        is_new: Whether it has not got anything yet.
    """

    watched: str
    drop: Callable[[], None]
    is_stranger: bool = False
    waiting: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(MAX_WAITING))
    is_new: bool = True

    def put(self, event: bytes) -> None:
        """Lets an event wait; one too many drops the browser, which does not read."""
        try:
            self.waiting.put_nowait(event)
        except asyncio.QueueFull:
            self.drop()


class Live:
    """All browsers that watch."""

    def __init__(self) -> None:
        """Starts without any."""
        self.topics: dict[str, Topic] = {}
        self._watchers: dict[str, set[Watcher]] = {}
        #: The parts as they were sent last, by what is watched.
        self._sent: dict[str, Mapping[str, str]] = {}
        self._touched: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._closed = False

    def __len__(self) -> int:
        """Returns how many watch."""
        return sum(map(len, self._watchers.values()))

    def topic(
        self,
        name: str,
        parts: Parts,
        needs: Scope | None = Scope.READ,
        look_every_s: float = LOOK_EVERY_S,
        *,
        is_one: bool = False,
    ) -> None:
        """Names a topic.

        Args:
            name: Its name, as in ``/_/live?topic=NAME``.
            parts: Renders it.
            needs: The scope that it needs; None for everyone.
            look_every_s: How often it is rendered at least, if nothing has touched it.
            is_one: Whether nothing may follow its name; each of what follows is rendered by itself.
        """
        self.topics[name] = Topic(parts, needs, look_every_s, is_one)

    def find(self, watched: str) -> Topic | None:
        """Returns the topic of what is to be watched; None if there is none.

        Args:
            watched: The name of a topic, with what follows its colon.
        """
        name, colon, _ = watched.partition(":")
        topic = self.topics.get(name)
        return None if topic is not None and topic.is_one and colon else topic

    def touch(self, name: str) -> None:
        """Has a topic rendered again soon, whatever follows its colon; in the event loop."""
        for watched, event in self._touched.items():
            if watched.partition(":")[0] == name:
                event.set()

    def look_again(self) -> None:
        """Lets each stream look whether its session goes on; in the event loop."""
        for watcher in self._all():
            watcher.put(HEARTBEAT)

    def close(self) -> None:
        """Ends all streams, because the server stops."""
        self._closed = True
        for watcher in [*self._all()]:
            watcher.put(b"")

    def _all(self) -> list[Watcher]:
        return [watcher for watchers in self._watchers.values() for watcher in watchers]

    async def stream(
        self,
        watched: str,
        drop: Callable[[], None],
        goes_on: Callable[[], bool],
        *,
        is_stranger: bool = False,
    ) -> AsyncGenerator[bytes, None]:
        """Yields what a browser gets, until it leaves or its session ends.

        Args:
            watched: A topic that there is, with what follows its colon.
            drop: Breaks the connection off.
            goes_on: Returns whether the browser may still see it.
            is_stranger: Whether nobody is signed in there.

        Raises:
            BusyError: Too many watch.
        """
        watcher = self._begin(Watcher(watched, drop, is_stranger))
        try:
            yield _HELLO
            while goes_on():
                try:
                    event = await asyncio.wait_for(watcher.waiting.get(), HEARTBEAT_S)
                except asyncio.TimeoutError:
                    event = HEARTBEAT
                if not event:
                    return
                if event is HEARTBEAT or goes_on():
                    yield event
            yield ENDED
        finally:
            self._end(watcher)

    def need_room(self, *, is_stranger: bool = False) -> None:
        """Refuses one more browser if there are too many.

        Args:
            is_stranger: Whether nobody is signed in there.

        Raises:
            BusyError: There are, or the server stops.
        """
        strangers = sum(watcher.is_stranger for watcher in self._all()) if is_stranger else 0
        if self._closed or len(self) >= MAX_WATCHERS or strangers >= MAX_STRANGERS:
            raise BusyError("too many pages are being watched", hint="Close some of them.")

    def _begin(self, watcher: Watcher) -> Watcher:
        self.need_room(is_stranger=watcher.is_stranger)
        watched = watcher.watched
        self._watchers.setdefault(watched, set()).add(watcher)
        if watched not in self._tasks:
            touched = self._touched[watched] = asyncio.Event()
            # The page may be older than this moment.
            touched.set()
            self._tasks[watched] = asyncio.create_task(self._follow(watched, touched))
        else:
            # What was sent last may be older than the page.
            self._touched[watched].set()
        return watcher

    def _end(self, watcher: Watcher) -> None:
        watched = watcher.watched
        watchers = self._watchers.get(watched, set())
        watchers.discard(watcher)
        if watchers:
            return
        self._watchers.pop(watched, None)
        self._touched.pop(watched, None)
        self._sent.pop(watched, None)
        task = self._tasks.pop(watched, None)
        if task is not None:
            task.cancel()

    async def _follow(self, watched: str, touched: asyncio.Event) -> None:
        """Renders what is watched again and again, as long as anybody watches."""
        name, _, which = watched.partition(":")
        topic = self.topics[name]
        while True:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(touched.wait(), topic.look_every_s - EVERY_S)
            touched.clear()
            try:
                self._send(watched, await topic.parts(which))
            except Exception:
                # The next change may be rendered.
                _log.exception("what changes on a page could not be rendered: %a", watched)
            await asyncio.sleep(EVERY_S)

    def _send(self, watched: str, parts: Mapping[str, str]) -> None:
        before, watchers = self._sent.get(watched, {}), list(self._watchers.get(watched, ()))
        self._sent[watched] = parts
        for name, html in parts.items():
            has_changed, event = before.get(name) != html, event_of(name, html)
            for watcher in watchers:
                if has_changed or watcher.is_new:
                    watcher.put(event)
        for watcher in watchers:
            watcher.is_new = False


def event_of(name: str, html: str) -> bytes:
    """Returns an event as it is sent (HTML Living Standard, section 9.2.6)."""
    lines = html.splitlines() or [""]
    return f"event: {name}\n{''.join(f'data: {line}{chr(10)}' for line in lines)}\n".encode()
