"""What an exchange tells while it goes on: each request, its answer, and why it waits.

They are records of the logger ``acpublish.client``, of the level ``DEBUG``, and hold no secret.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from acpublish.client.address import Address

__all__ = ["listen", "tell_answer", "tell_wait"]

_LOGGER = logging.getLogger("acpublish.client")


def listen(hear: Callable[[str], None]) -> Callable[[], None]:
    """Hands each line on, such as to a function that prints it.

    Args:
        hear: Takes a line.

    Returns:
        What ends it.
    """
    handler, level = _Handler(hear), _LOGGER.level
    _LOGGER.addHandler(handler)
    _LOGGER.setLevel(logging.DEBUG)

    def end() -> None:
        _LOGGER.removeHandler(handler)
        _LOGGER.setLevel(level)

    return end


def tell_answer(address: Address, method: str, target: str, begun: float, status: int) -> None:
    """Tells of an answer whose head is there.

    Args:
        address: The server; its secrets are masked.
        method: The HTTP method.
        target: Path and query below the address.
        begun: When the request began, by ``time.monotonic``.
        status: The answer's status.
    """
    # The path of a downloaded file may have any form; what is not printable would steer a terminal.
    url = address.redacted(address.base + target)
    shown = "".join(one if one.isprintable() else "?" for one in url)
    _LOGGER.debug("%s %s: %d in %.0f ms", method, shown, status, 1000 * (time.monotonic() - begun))


def tell_wait(final: Exception, wait_s: float, attempt: int, attempts: int, *, asked: bool) -> None:
    """Tells why a request is sent again, and when.

    Args:
        final: What the exchange would come to without another attempt.
        wait_s: How long it waits.
        attempt: The number of the next attempt.
        attempts: How many there are at most.
        asked: Whether the server asked for the wait.
    """
    why = getattr(final, "problem", "it failed")
    by = ", as Retry-After asks" if asked else ""
    _LOGGER.debug("again in %.1f s%s (attempt %d of %d): %s", wait_s, by, attempt, attempts, why)


class _Handler(logging.Handler):
    """Hands the text of each record on."""

    def __init__(self, hear: Callable[[str], None]) -> None:
        super().__init__(logging.DEBUG)
        self._hear = hear

    def emit(self, record: logging.LogRecord) -> None:
        self._hear(record.getMessage())
