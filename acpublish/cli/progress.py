"""A bar that shows how much of an upload was sent: on a terminal, for as long as it goes on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from acpublish.client.outgoing import Sent

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["upload_bar"]


@contextmanager
def upload_bar(*, wanted: bool) -> Iterator[Sent | None]:
    """Shows a bar on stderr while something is sent; afterwards the terminal is as it was.

    Args:
        wanted: Whether a person may want to see one. Where stderr is no terminal, and in CI, whose
            terminal nobody watches, there is none.

    Yields:
        What is to be told of the progress, None for no bar.
    """
    in_ci = os.environ.get("CI", "").lower() not in ("", "0", "false")
    if not wanted or in_ci or not sys.stderr.isatty():
        yield None
        return
    bar: Progress | None = None

    def sent(done: int, total: int) -> None:
        nonlocal bar
        if bar is None:
            bar = _started(total)
        bar.update(bar.task_ids[0], completed=done)

    try:
        yield sent
    finally:
        if bar is not None:
            bar.stop()


def _started(total: int) -> Progress:
    # Loading it takes longer than a small upload, so that only an upload loads it.
    from rich import progress
    from rich.console import Console

    bar = progress.Progress(
        progress.TextColumn("Sending"),
        progress.BarColumn(),
        progress.TextColumn("{task.percentage:>3.0f}%"),
        progress.DownloadColumn(binary_units=True),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    bar.add_task("", total=total)
    bar.start()
    return bar
