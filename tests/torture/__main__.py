"""``python -m tests.torture [--short] [NAME ...]``: promises, or single attacks."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.report import Unavailable
from tests.torture import (
    all_or_nothing,
    broken_disk,
    fleet_kills,
    framing,
    staying_up,
    strangers,
    unbroken,
    untorn,
)
from tests.torture.measuring import EVERY_ATTACK, FULL, SHORT
from tests.torture.rows import Row

#: How long the server is to stay up: an hour, or ten minutes in a short campaign.
_SECONDS = "ACPUBLISH_TEST_STAYS_UP_S"

#: By name: the full form and the short form of what is promised.
PROMISES: dict[str, tuple[Callable[[Path], Row], Callable[[Path], Row]]] = {
    "framing": (framing.measure, lambda tmp: framing.measure(tmp, every=97)),
    "broken input": (
        lambda tmp: unbroken.measure(tmp, inside=1_000_000, outside=100_000),
        lambda tmp: unbroken.measure(tmp, inside=4_000, outside=1_500),
    ),
    "strangers": (lambda tmp: strangers.run(FULL), lambda tmp: strangers.run(SHORT)),
    "torn downloads": (
        lambda tmp: untorn.measure(tmp, 100_000),
        lambda tmp: untorn.measure(tmp, 1_200),
    ),
    "all or nothing": (
        lambda tmp: all_or_nothing.measure(tmp, kills=1_000, draws=4),
        lambda tmp: all_or_nothing.measure(tmp, kills=9, draws=0, names=all_or_nothing.SHORT),
    ),
    "broken disk": (
        broken_disk.measure,
        lambda tmp: broken_disk.measure(tmp, names=broken_disk.SHORT, every=5),
    ),
    "killed server": (
        lambda tmp: fleet_kills.measure(tmp, 50),
        lambda tmp: fleet_kills.measure(tmp, 5),
    ),
    "staying up": (
        lambda tmp: staying_up.measure(tmp, float(os.environ.get(_SECONDS, 3600))),
        lambda tmp: staying_up.measure(tmp, 12),
    ),
}


def main(words: list[str]) -> int:
    """Runs what is named, or everything.

    Returns:
        The exit status: 1 if a promise was not kept.
    """
    short = "--short" in words
    names = [word for word in words if word != "--short"] or [*PROMISES]
    # What the package logs about a change that was cut short is no part of the table.
    logging.getLogger("acpublish").addHandler(logging.NullHandler())
    rows = [_keep(name, short=short) for name in names if name in PROMISES]
    attacks = [name for name in names if name in EVERY_ATTACK]
    if attacks:
        rows.append(_show(strangers.run(SHORT if short else FULL, attacks)))
    return int(any(row.found for row in rows))


def _keep(name: str, *, short: bool) -> Row:
    full_form, short_form = PROMISES[name]
    with tempfile.TemporaryDirectory() as folder:
        try:
            row = (short_form if short else full_form)(Path(folder))
        except Unavailable as reason:
            row = Row(name, str(reason), (), "not tried", 0)
    return _show(row)


def _show(row: Row) -> Row:
    print(row, flush=True)
    for text in row.found:
        print(f"  {text}", flush=True)
    return row


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
