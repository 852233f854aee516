"""A command whose output goes to a real terminal (a pseudo-terminal)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import pytest

_T = TypeVar("_T")


def shown_on_terminal(run: Callable[[int], _T]) -> tuple[_T, str]:
    """Runs something with a terminal; returns its result and what the terminal got.

    Args:
        run: Takes the descriptor of the terminal, and ends when the command has ended.
    """
    pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")
    ours, theirs = pty.openpty()
    try:
        result = run(theirs)
    finally:
        os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            # So Linux says that nobody has the other side any more.
            break
        if not part:
            break
        shown += part
    os.close(ours)
    return result, shown.decode()


def run_on_terminal(command: list[str], directory: Path, environ: Mapping[str, str]) -> str:
    """Runs a command with a terminal for stdout and stderr, and returns what it shows."""

    def run(terminal: int) -> None:
        subprocess.run(
            command,
            cwd=directory,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=terminal,
            stderr=terminal,
            timeout=60,
            check=False,
        )

    return shown_on_terminal(run)[1]
