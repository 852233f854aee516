"""Server processes on both event loops: uvloop, and asyncio as where uvloop does not install."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server import RunningServer, running_server

LOOPS = ["uvloop", "asyncio"]


@contextlib.contextmanager
def server_on(loop: str, catalog: Path, tmp: Path, *options: str) -> Iterator[RunningServer]:
    """Runs the server on a loop.

    Args:
        loop: One of LOOPS.
        catalog: What to serve.
        tmp: Where the log and the state go.
        options: Further options of the command.
    """
    env = {}
    if loop == "uvloop":
        pytest.importorskip("uvloop")
    else:
        hidden = tmp / "hidden"
        hidden.mkdir(exist_ok=True)
        (hidden / "uvloop.py").write_text("raise ImportError('hidden by the test')\n")
        env["PYTHONPATH"] = str(hidden)
    with running_server(catalog, tmp, *options, env=env) as server:
        yield server


def tls_port(server: RunningServer) -> int:
    """Returns the port for TLS, which the second line of the server's output has."""
    assert server.process.stdout is not None
    line = server.process.stdout.readline().decode()
    assert " at https://127.0.0.1:" in line, line
    return int(line.rpartition(":")[2])
