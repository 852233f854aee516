from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from acpublish.errors import NotFoundError
from acpublish.release.decision import Decision, Rule, Verdict
from acpublish.server.answer import Answer, Request, Responding, text
from acpublish.server.checkins import CheckIns, Delivered, Event
from acpublish.server.offer import Offers
from acpublish.server.served import Served
from acpublish.wire import NO_REPORT, Mode, Report
from tests.unit.server.requests_made import request

OFFER = Decision(verdict=Verdict.OFFER, rule=Rule.NEWEST_ON_CHANNEL, reason="it is the newest")
SERVED = Served(
    path=Path("x"), name="lamp.bin", size=1000, md5="a" * 32, sha256="b" * 64, version="1.0.0"
)


class Images:
    """Answers as ``server/images.py`` may: at once, later, or not at all."""

    def __init__(self, answer: Answer | Exception, *, later: bool = False) -> None:
        self._answer, self._later = answer, later

    def answer(self, request: Request, forms: Sequence[Served]) -> Responding:
        if self._later:
            return self._answered()
        return self._now()

    async def _answered(self) -> Answer:
        return self._now()

    def _now(self) -> Answer:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    def version(self, served: Served) -> Answer:
        return text(200, "")


def respond(
    images: Images, said: Report | None = None
) -> tuple[list[Event], Answer | BaseException]:
    """Responds with an offer; returns the events, and the answer or why there is none."""
    events: list[Event] = []
    offers = Offers(images, CheckIns([events.append]))  # type: ignore[arg-type]
    asked = request(b"/x", report=said or Report("esp32", True))
    check_in = offers.check_in(asked, OFFER, "lamp", "c3", "stable")

    async def awaited() -> Any:
        responding = offers.respond(asked, OFFER, check_in, [SERVED], "0.9.0")
        return responding if isinstance(responding, Answer) else await responding

    try:
        return events, asyncio.run(awaited())
    except NotFoundError as error:
        return events, error


@pytest.mark.parametrize("later", [False, True])
def test_an_offer_tells_what_became_of_it(later: bool) -> None:
    events, answer = respond(Images(text(200, "x" * 1000), later=later))
    assert isinstance(answer, Answer)
    assert answer.running == "0.9.0"
    assert answer.ended is not None
    answer.ended(False, 400)
    (delivered,) = (event for event in events if isinstance(event, Delivered))
    assert (delivered.status, delivered.sent_bytes, delivered.drained) == (200, 400, False)
    assert delivered.file_sha256 == SERVED.sha256


@pytest.mark.parametrize("later", [False, True])
def test_one_that_cannot_be_answered_has_ended(later: bool) -> None:
    """Otherwise it would count for ever among those that are on their way."""
    gone = NotFoundError("the file is gone", hint="Publish it again.")
    events, answer = respond(Images(gone, later=later))
    assert answer is gone
    (delivered,) = (event for event in events if isinstance(event, Delivered))
    assert (delivered.status, delivered.sent_bytes) == (None, 0)


def test_an_answer_without_the_file_delivers_nothing() -> None:
    events, answer = respond(Images(text(416, "outside")))
    assert isinstance(answer, Answer)
    assert answer.ended is not None
    answer.ended(True, None)
    (delivered,) = (event for event in events if isinstance(event, Delivered))
    assert delivered.status is None


def test_a_version_alone_delivers_nothing_whole() -> None:
    events, answer = respond(Images(text(404, "x")), Report("esp32", True, Mode.VERSION))
    assert isinstance(answer, Answer)
    assert answer.ended is not None
    answer.ended(True, None)
    (delivered,) = (event for event in events if isinstance(event, Delivered))
    assert not delivered.whole


def test_nobody_hears_of_clients_that_are_no_updaters() -> None:
    events, answer = respond(Images(text(200, "x")), NO_REPORT)
    assert events == []
    assert isinstance(answer, Answer)
    assert answer.ended is None
