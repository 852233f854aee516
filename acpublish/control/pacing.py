"""Walks through very many devices in a thread, without keeping the interpreter from everybody else.

While a thread computes, the event loop gets the interpreter for one system call in half a
millisecond (``_SWITCH_S`` in :mod:`acpublish.server.run`), so a walk of 100 ms holds up all devices
for as long. One that rests most of the time takes five times as long, and nobody waits for it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

_Item = TypeVar("_Item")

WORK_S = 0.001
REST_S = 0.004
#: Looking at the clock for each item would take as long as the walk.
_AT_ONCE = 64


def paced(items: Iterable[_Item]) -> Iterator[_Item]:
    """Yields items, and rests four fifths of the time; not for the event loop."""
    until = time.monotonic() + WORK_S
    for number, item in enumerate(items, 1):
        yield item
        if number % _AT_ONCE == 0 and time.monotonic() >= until:
            time.sleep(REST_S)
            until = time.monotonic() + WORK_S
