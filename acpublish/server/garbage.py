"""Keeps the garbage collector from looking at everything that is known, again and again.

What is remembered of devices is millions of objects, which stay for as long as the server runs and
are freed without the collector. Python's collector looks at all of them whenever they have become a
quarter more: with 100,000 devices, nobody is answered for more than a second. So it looks at what
is new by itself, and at the rest only while that is little; much that has lasted is taken out of
its sight (:func:`gc.freeze`).
"""

from __future__ import annotations

import asyncio
import gc

#: So many objects are looked at in about five milliseconds.
_MANY = 10_000
_EVERY_S = 10.0
#: Python's own thresholds for what is new, and one that is never reached for the rest.
_THRESHOLDS = (700, 10, 1_000_000)


def keep_what_lasts() -> None:
    """Frees what refers to itself among what is new, and takes out of sight what has lasted."""
    gc.collect(1)
    if len(gc.get_objects(generation=2)) > _MANY:
        gc.freeze()
    else:
        gc.collect()


async def watch_garbage() -> None:
    """Keeps the collector's work small until it is cancelled."""
    before = gc.get_threshold()
    gc.set_threshold(*_THRESHOLDS)
    gc.freeze()
    try:
        while True:
            await asyncio.sleep(_EVERY_S)
            keep_what_lasts()
    finally:
        gc.set_threshold(*before)
