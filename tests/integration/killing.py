"""Kills a publish before its n-th system call that changes or flushes something."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

#: Everything by which acpublish.catalog changes or flushes a directory.
STEPS = ("open", "mkdir", "link", "replace", "rename", "unlink", "fsync", "write", "close")


def kill_before(step: int) -> None:
    """Makes the process kill itself before its n-th step."""
    left = [step]

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*arguments: Any, **keywords: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **keywords)

        return counting

    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))
