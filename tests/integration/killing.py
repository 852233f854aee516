"""Kills a process before its n-th system call that changes or flushes something."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.support.disk_calls import Call, intercept


def kill_before(step: int, root: Path) -> None:
    """Makes the process kill itself before its n-th step below a folder."""
    left = step

    def count(call: Call) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    intercept(root, count)
