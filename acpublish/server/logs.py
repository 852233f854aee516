"""What the server says while it runs: plain lines on stderr, one for each request."""

from __future__ import annotations

import logging
import sys

from acpublish.errors import SettingsError

_LEVELS = ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG")


def level_of(name: str) -> int:
    """Returns the level of a name of :mod:`logging`, in either case.

    Raises:
        SettingsError: There is no such level.
    """
    upper = name.upper()
    if upper not in (*_LEVELS, "WARN", "FATAL", "NOTSET"):
        raise SettingsError(f"there is no log level {name!a}", hint=f"One of {', '.join(_LEVELS)}.")
    level: int = getattr(logging, upper)
    return level


def configure(level: int) -> None:
    """Sends the records of the server and of uvicorn to stderr, and no one else's."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name in ("acpublish", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level)
        logger.propagate = False
    # What uvicorn tells of its own start and end is told here in other words.
    logging.getLogger("uvicorn.error").setLevel(max(level, logging.WARNING))
