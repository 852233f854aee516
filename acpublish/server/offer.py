"""Check-ins and offers: how they are reported, and the answer that makes an offer."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Sequence

from acpublish.control.serving import Case
from acpublish.release.decision import Decision, Verdict
from acpublish.server import answer
from acpublish.server.answer import Answer, Request, Responding
from acpublish.server.checkins import CheckIn, CheckIns, Delivered
from acpublish.server.images import Images
from acpublish.server.served import Served
from acpublish.wire import Mode

#: The statuses of responses with the file, or a part of it.
_WITH_FILE = (200, 206)
_RANGE_SENT = re.compile(rb"\r\ncontent-range: bytes ([0-9]+)-", re.IGNORECASE)


class Offer:
    """An offer on its way, and what becomes of it."""

    __slots__ = ("_check_in", "_check_ins", "_reason", "_running", "_served")

    def __init__(
        self,
        check_ins: CheckIns,
        check_in: CheckIn | None,
        served: Served,
        reason: str,
        running: str,
    ) -> None:
        """Notes what is offered.

        Args:
            check_ins: Gets what became of the offer.
            check_in: The check-in that the offer is made to; None if nobody has to know.
            served: The file.
            reason: Why it is offered.
            running: The version of the image that the device runs, if it is known.
        """
        self._check_ins = check_ins
        self._check_in = check_in
        self._served = served
        self._reason = reason
        self._running = running

    def made(self, offered: Answer) -> Answer:
        """Returns the answer, which will tell what became of it."""
        offered.note = offered.note or self._reason
        offered.running = self._running
        if self._check_in is not None:
            status, size, first = offered.status, len(offered.body), _first_byte(offered)

            def ended(drained: bool, arrived: int | None) -> None:
                if status in _WITH_FILE:
                    sent = size if drained else min(max(arrived or 0, 0), size)
                    self._delivered(status, sent, drained, first)
                else:
                    self._delivered(None, 0, drained=False)

            offered.ended = ended
        return offered

    async def made_later(self, offered: Awaitable[Answer]) -> Answer:
        """Returns the answer; if there is none, that is what became of the offer."""
        try:
            return self.made(await offered)
        except BaseException:
            self.failed()
            raise

    def failed(self) -> None:
        """Tells that there is no answer."""
        self._delivered(None, 0, drained=False)

    def _delivered(
        self, status: int | None, sent_bytes: int, drained: bool, first_byte: int = 0
    ) -> None:
        if self._check_in is not None:
            delivered = Delivered(
                check_in=self._check_in,
                status=status,
                file_bytes=self._served.size,
                file_sha256=self._served.sha256,
                sent_bytes=sent_bytes,
                drained=drained,
                first_byte=first_byte,
            )
            self._check_ins.publish(delivered)


def _first_byte(answer: Answer) -> int:
    """Returns where in its file a response begins."""
    match = _RANGE_SENT.search(answer.head) if answer.status == 206 else None
    return int(match[1]) if match else 0


class Offers:
    """Reports check-ins, and answers them as decided."""

    def __init__(self, images: Images, check_ins: CheckIns) -> None:
        """Prepares to answer.

        Args:
            images: Answers with files.
            check_ins: Gets every check-in, and what became of each offer.
        """
        self._images = images
        self._check_ins = check_ins

    def check_in(
        self,
        request: Request,
        decision: Decision,
        product: str | None = None,
        board: str | None = None,
        channel: str | None = None,
        case: Case | None = None,
    ) -> CheckIn | None:
        """Reports a check-in, unless the client is not an updater."""
        report = request.report
        if not report.updater:
            return None
        check_in = CheckIn(
            time.time(),
            request.address,
            request.method,
            report,
            product,
            board,
            channel,
            decision,
            case,
        )
        self._check_ins.publish(check_in)
        return check_in

    def respond(
        self,
        request: Request,
        decision: Decision,
        check_in: CheckIn | None,
        forms: Sequence[Served],
        running: str = "",
    ) -> Responding:
        """Answers as decided; an offer is the first of the forms that can be sent."""
        if decision.verdict is Verdict.UP_TO_DATE:
            return answer.not_modified(decision.reason, running)
        if decision.verdict is not Verdict.OFFER:
            return without_image(decision, decision.reason)
        offer = Offer(self._check_ins, check_in, forms[0], decision.reason, running)
        if request.report.mode is Mode.VERSION:
            return offer.made(self._images.version(forms[-1]))
        try:
            responding = self._images.answer(request, forms)
        except BaseException:
            offer.failed()
            raise
        if isinstance(responding, Answer):
            return offer.made(responding)
        return offer.made_later(responding)


def without_image(decision: Decision, note: str) -> Answer:
    """Answers that there is no image, or that it is refused; the note says why in the log."""
    if decision.verdict is Verdict.REFUSE:
        return answer.text(403, f"Refused: {decision.reason}.", note=note)
    return answer.missing(note)
