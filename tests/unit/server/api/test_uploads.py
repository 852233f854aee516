"""The places of uploads: limits per token and in all, and which upload gives way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator

import pytest

from acpublish.server.api import uploads
from acpublish.server.api.uploads import (
    PARALLEL_UPLOADS,
    STALL_BYTES,
    STALL_S,
    UPLOADS_PER_TOKEN,
    BusyError,
    Upload,
    Uploads,
)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(uploads, "time", clock)
    return clock


class Sender:
    """An upload whose parts the test sends."""

    def __init__(self, places: Uploads, token: str) -> None:
        self.body: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.upload: Upload
        self._stack = contextlib.ExitStack()
        self.upload = self._stack.enter_context(places.place(token))
        self.result = asyncio.ensure_future(self._receive())

    async def _receive(self) -> bytes:
        with self._stack:
            return await self.upload.receive(self._read())

    async def _read(self) -> bytes:
        return await self.body


def run(main: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(main(), 10.0)

    asyncio.run(bounded())


@contextlib.contextmanager
def refused(problem: str) -> Iterator[None]:
    with pytest.raises(BusyError, match=problem) as error:
        yield
    assert "again" in error.value.hint


def test_one_token_does_not_take_all_places(clock: Clock) -> None:
    async def main() -> None:
        places = Uploads()
        ours = [Sender(places, "lamp") for _ in range(UPLOADS_PER_TOKEN)]
        with refused("too many uploads with this token"):
            Sender(places, "lamp")
        others = [Sender(places, "door") for _ in range(PARALLEL_UPLOADS - UPLOADS_PER_TOKEN)]
        with refused("as many uploads as it can"):
            Sender(places, "bell")
        for sender in (*ours, *others):
            sender.body.set_result(b"image")
            assert await sender.result == b"image"
        # Those that have ended make room.
        Sender(places, "lamp").body.set_result(b"")

    run(main)


@pytest.mark.parametrize(
    ("token", "taken"), [("lamp", UPLOADS_PER_TOKEN), ("bell", PARALLEL_UPLOADS)]
)
def test_the_upload_that_is_stalled_for_longest_gives_way(
    clock: Clock, token: str, taken: int
) -> None:
    async def main() -> None:
        places = Uploads()
        senders = [
            Sender(places, "lamp" if index < UPLOADS_PER_TOKEN else "door")
            for index in range(taken)
        ]
        await asyncio.sleep(0)
        clock.now_s += STALL_S / 2
        for sender in senders:
            # A byte now and then is no progress.
            sender.upload.note_progress(STALL_BYTES if sender is not senders[2] else 1)
        clock.now_s += STALL_S / 2
        newcomer = Sender(places, token)
        with refused("stalled, and another one needed its place"):
            await senders[2].result
        # The others are not stalled yet, so the next one has to wait.
        with refused("in progress|as many uploads"):
            Sender(places, token)
        clock.now_s += STALL_S
        second = Sender(places, token)
        for sender in (newcomer, second):
            sender.body.set_result(b"image")
            assert await sender.result == b"image"
        assert sum(sender.result.done() for sender in senders) == 2
        for sender in senders:
            sender.result.cancel()

    run(main)


def test_an_upload_that_has_arrived_keeps_its_place(clock: Clock) -> None:
    async def main() -> None:
        places = Uploads()
        with contextlib.ExitStack() as publishing:
            for _ in range(UPLOADS_PER_TOKEN):
                upload = publishing.enter_context(places.place("lamp"))

                async def read() -> bytes:
                    return b"image"

                assert await upload.receive(read()) == b"image"
            clock.now_s += 10 * STALL_S
            with refused("too many uploads"), places.place("lamp"):
                pass
        with places.place("lamp"):
            pass

    run(main)


def test_a_request_that_is_cancelled_is_not_taken_for_a_stall(clock: Clock) -> None:
    async def main() -> None:
        sender = Sender(Uploads(), "lamp")
        await asyncio.sleep(0.01)
        sender.result.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sender.result
        # The reading has ended, too.
        await asyncio.sleep(0)
        assert sender.body.cancelled()

    run(main)


def test_a_part_that_arrives_with_the_cancellation_does_not_save_the_upload(clock: Clock) -> None:
    async def main() -> None:
        places = Uploads()

        async def read() -> bytes:
            # As asyncio.wait_for before Python 3.12: the part wins, and the cancellation is lost.
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
            upload.note_progress(1)
            return await asyncio.sleep(60, b"")

        with contextlib.ExitStack() as stack:
            upload = stack.enter_context(places.place("lamp"))
            result = asyncio.ensure_future(upload.receive(read()))
            await asyncio.sleep(0)
            clock.now_s += 10 * STALL_S
            assert upload.give_way()
            with refused("another one needed its place"):
                await result

    run(main)
