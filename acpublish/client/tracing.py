"""Logs each request, its response, and each wait before another attempt.

The records have the logger ``acpublish.client`` and the level ``DEBUG``, and contain no secret.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from acpublish.client.address import Address

_LOGGER = logging.getLogger("acpublish.client")


def listen(listener: Callable[[str], None]) -> Callable[[], None]:
    """Passes each line on to a listener, for example one that prints it.

    Args:
        listener: Takes a line.

    Returns:
        A function that ends this.
    """
    handler, level = _Handler(listener), _LOGGER.level
    _LOGGER.addHandler(handler)
    _LOGGER.setLevel(logging.DEBUG)

    def end() -> None:
        _LOGGER.removeHandler(handler)
        _LOGGER.setLevel(level)

    return end


def trace_response(address: Address, method: str, target: str, begun: float, status: int) -> None:
    """Logs a response whose headers were received.

    Args:
        address: The server; its secrets are masked.
        method: The HTTP method.
        target: Path and query below the base URL.
        begun: When the request started, by ``time.monotonic``.
        status: The status of the response.
    """
    # The path of a download may contain anything; unprintable characters would control a terminal.
    url = address.redacted(address.base + target)
    shown = "".join(char if char.isprintable() else "?" for char in url)
    _LOGGER.debug("%s %s: %d in %.0f ms", method, shown, status, 1000 * (time.monotonic() - begun))


def trace_wait(
    final: Exception, wait_s: float, attempt: int, attempts: int, *, requested: bool
) -> None:
    """Logs why a request is sent again, and when.

    Args:
        final: The error that is raised if there is no other attempt.
        wait_s: How long it waits.
        attempt: The number of the next attempt.
        attempts: The most attempts.
        requested: Whether the server asked for the wait.
    """
    why = getattr(final, "problem", "it failed")
    by = ", as Retry-After asks" if requested else ""
    _LOGGER.debug("again in %.1f s%s (attempt %d of %d): %s", wait_s, by, attempt, attempts, why)


class _Handler(logging.Handler):
    """Passes the text of each record on."""

    def __init__(self, listener: Callable[[str], None]) -> None:
        super().__init__(logging.DEBUG)
        self._listener = listener

    def emit(self, record: logging.LogRecord) -> None:
        self._listener(record.getMessage())
