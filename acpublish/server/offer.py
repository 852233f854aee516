"""An offer of a file: the answer that makes it, and what became of it."""

from __future__ import annotations

from collections.abc import Awaitable

from acpublish.server.answer import Answer
from acpublish.server.checkins import CheckIn, CheckIns, Delivered
from acpublish.server.served import Served

#: The statuses of responses with the file, or a part of it.
_WITH_FILE = (200, 206)


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
            status, size = offered.status, len(offered.body)

            def ended(drained: bool, arrived: int | None) -> None:
                if status in _WITH_FILE:
                    sent = size if drained else min(max(arrived or 0, 0), size)
                    self._delivered(status, sent, drained)
                else:
                    self._delivered(None, 0, drained=False)

            offered.ended = ended
        return offered

    async def made_later(self, offered: Awaitable[Answer]) -> Answer:
        """Returns the answer; if there is none, that is what became of the offer."""
        try:
            return self.made(await offered)
        except BaseException:
            self._delivered(None, 0, drained=False)
            raise

    def _delivered(self, status: int | None, sent_bytes: int, drained: bool) -> None:
        if self._check_in is not None:
            delivered = Delivered(
                check_in=self._check_in,
                status=status,
                file_bytes=self._served.size,
                file_sha256=self._served.sha256,
                sent_bytes=sent_bytes,
                drained=drained,
            )
            self._check_ins.publish(delivered)
