"""Check-ins: each time an updater asks, whoever listens hears what it said and what it got.

This is where the fleet will listen. A listener is called in the event loop and must return at once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from acpublish.release import Decision
from acpublish.server.running import RunningDevices
from acpublish.wire import Report

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckIn:
    """One question of an updater, and the decision on it.

    Attributes:
        at: Seconds since 1970.
        address: Where it came from, None where that is not known.
        report: What the device said of itself.
        product: The product that it asked about, None for a file without a release.
        board: The board that it asked for.
        decision: What was decided, with the reason.
    """

    at: float
    address: str | None
    report: Report
    product: str | None
    board: str | None
    decision: Decision


Listener = Callable[[CheckIn], None]


class CheckIns:
    """Tells every listener of every check-in, and what devices run to whoever counts that."""

    def __init__(self, running: RunningDevices, listeners: Sequence[Listener] = ()) -> None:
        self._running = running
        self._listeners = tuple(listeners)

    def note(
        self,
        report: Report,
        decision: Decision,
        *,
        address: str | None,
        product: str | None = None,
        board: str | None = None,
    ) -> None:
        """Tells of a check-in; costs next to nothing while nobody listens."""
        if not report.updater:
            return
        self._running.hear(report, product, board, address)
        if not self._listeners:
            return
        event = CheckIn(
            at=time.time(),
            address=address,
            report=report,
            product=product,
            board=board,
            decision=decision,
        )
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                # A listener at fault must not keep a device from its update.
                _log.exception("a listener for check-ins failed")
