"""Those who watch: what they get, how many there may be, and who is dropped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from acpublish.server.bounds import BusyError
from acpublish.server.pages import live as live_module
from acpublish.server.pages.live import (
    MAX_STRANGERS,
    MAX_WAITING,
    MAX_WATCHERS,
    Live,
    event_of,
)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "EVERY_S", 0.001)


def yes() -> bool:
    return True


class Counting:
    """A topic whose one part counts how often it was rendered."""

    def __init__(self) -> None:
        self.rendered = 0
        self.html = "0"

    async def parts(self, which: str) -> dict[str, str]:
        self.rendered += 1
        if self.html == "fails":
            raise ZeroDivisionError
        return {"part": f"{which}{self.html}", "same": "x"}


def opened(
    live: Live, watched: str = "topic", drop: Callable[[], None] = lambda: None
) -> AsyncGenerator[bytes, None]:
    return live.stream(watched, drop, yes)


async def begin(stream: AsyncGenerator[bytes, None], events: int) -> list[bytes]:
    return [await asyncio.wait_for(anext(stream), 10) for _ in range(events)]


def test_an_event_is_one_whatever_its_html() -> None:
    assert event_of("a", "one\ntwo\r\n\nevent: b") == (
        b"event: a\ndata: one\ndata: two\ndata: \ndata: event: b\n\n"
    )
    assert event_of("a", "") == b"event: a\ndata: \n\n"


def test_it_is_rendered_once_for_all_and_only_changes_are_sent() -> None:
    async def watched() -> None:
        live, counting = Live(), Counting()
        live.topic("topic", counting.parts, None)
        streams = [opened(live) for _ in range(3)]
        for received in await asyncio.gather(*(begin(stream, 3) for stream in streams)):
            assert received[1:] == [event_of("part", "0"), event_of("same", "x")]
        assert counting.rendered == 1
        counting.html = "1"
        live.touch("topic")
        live.touch("other")
        for stream in streams:
            assert await begin(stream, 1) == [event_of("part", "1")]
        assert counting.rendered == 2
        for stream in streams:
            await stream.aclose()
        assert len(live) == 0
        live.touch("topic")
        await asyncio.sleep(0.05)
        assert counting.rendered == 2

    asyncio.run(watched())


def test_who_comes_later_gets_all_of_what_is_there_then() -> None:
    """What was sent last may be older than the page that whoever comes later has."""

    async def watched() -> None:
        live, counting = Live(), Counting()
        live.topic("topic", counting.parts, None)
        first, second = opened(live), opened(live)
        await begin(first, 3)
        counting.html = "1"
        assert (await begin(second, 3))[1:] == [event_of("part", "1"), event_of("same", "x")]
        assert await begin(first, 1) == [event_of("part", "1")]
        await first.aclose()
        await second.aclose()

    asyncio.run(watched())


def test_what_follows_the_colon_is_another_thing_to_watch() -> None:
    async def watched() -> None:
        live, counting = Live(), Counting()
        live.topic("topic", counting.parts)
        first, second = opened(live, "topic:a"), opened(live, "topic:b")
        assert (await begin(first, 2))[1] == event_of("part", "a0")
        assert (await begin(second, 2))[1] == event_of("part", "b0")
        await first.aclose()
        await second.aclose()

    asyncio.run(watched())


def test_a_failure_does_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    async def watched() -> None:
        live, counting = Live(), Counting()
        live.topic("topic", counting.parts)
        counting.html = "fails"
        stream = opened(live)
        await begin(stream, 1)
        while not caplog.records:
            await asyncio.sleep(0.01)
        counting.html = "1"
        live.touch("topic")
        assert await begin(stream, 1) == [event_of("part", "1")]
        await stream.aclose()

    asyncio.run(watched())
    assert "could not be rendered" in caplog.text


def test_who_does_not_read_is_dropped() -> None:
    async def watched() -> None:
        live, counting = Live(), Counting()
        live.topic("topic", counting.parts)
        dropped = asyncio.Event()
        stream = opened(live, drop=dropped.set)
        await begin(stream, 3)
        for number in range(MAX_WAITING + 1):
            assert not dropped.is_set() or number >= MAX_WAITING
            counting.html = f"again {number}"
            rendered = counting.rendered
            live.touch("topic")
            while counting.rendered == rendered:
                await asyncio.sleep(0.001)
        await asyncio.wait_for(dropped.wait(), 10)
        await stream.aclose()

    asyncio.run(watched())


def test_there_is_room_for_so_many() -> None:
    async def watched() -> None:
        live, counting = Live(), Counting()
        live.topic("topic", counting.parts)
        streams = [opened(live) for _ in range(MAX_WATCHERS)]
        for stream in streams:
            await begin(stream, 1)
        with pytest.raises(BusyError):
            await begin(opened(live), 1)
        await streams.pop().aclose()
        live.need_room()
        live.close()
        for stream in streams:
            assert [event async for event in stream][-1:] != [b""]
        with pytest.raises(BusyError):
            live.need_room()

    asyncio.run(watched())


def test_strangers_leave_room_for_whoever_is_signed_in() -> None:
    async def watched() -> None:
        live, counting = Live(), Counting()
        live.topic("topic", counting.parts, None)
        streams = [
            live.stream("topic", lambda: None, yes, is_stranger=True) for _ in range(MAX_STRANGERS)
        ]
        for stream in streams:
            await begin(stream, 1)
        with pytest.raises(BusyError):
            live.need_room(is_stranger=True)
        own = opened(live)
        await begin(own, 1)
        await streams.pop().aclose()
        live.need_room(is_stranger=True)
        for stream in (own, *streams):
            await stream.aclose()

    asyncio.run(watched())


def test_some_topics_are_the_same_for_all_who_watch() -> None:
    live, counting = Live(), Counting()
    live.topic("one", counting.parts, None, is_one=True)
    live.topic("many", counting.parts)
    assert live.find("one") is live.topics["one"]
    assert live.find("many:a") is live.topics["many"]
    assert live.find("one:a") is live.find("one:") is live.find("other") is None


def test_it_ends_with_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "HEARTBEAT_S", 0.01)

    async def watched() -> list[bytes]:
        live, answers = Live(), iter([True, True, True])

        async def parts(_: str) -> dict[str, Any]:
            return {}

        live.topic("topic", parts)
        stream = live.stream("topic", lambda: None, lambda: next(answers, False))
        return [event async for event in stream]

    received = asyncio.run(watched())
    assert received[0].startswith(b"retry: ")
    assert set(received[1:-1]) == {live_module.HEARTBEAT}
    assert received[-1] == live_module.ENDED
