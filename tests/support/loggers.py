"""Loggers that a test configures as a server does, and that are afterwards as they were before."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_NAMES = ("acpublish", "uvicorn", "uvicorn.error", "asyncio")


@contextmanager
def restored_loggers() -> Iterator[None]:
    """Restores what ``logwriter.configure`` changes, so that caplog hears what it heard before."""
    before = [
        (logger, logger.handlers, logger.level, logger.propagate)
        for logger in map(logging.getLogger, _NAMES)
    ]
    try:
        yield
    finally:
        for logger, handlers, level, propagates in before:
            logger.handlers, logger.propagate = handlers, propagates
            logger.setLevel(level)
