"""The bar of an upload: on a real terminal, and nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import images
from tests.support.server import RunningServer, running_server
from tests.support.terminal import shown_on_terminal
from tests.support.tokens import create_token

FILE = "lamp/lamp-1.0.0_d1_mini.bin"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "firmware.bin").write_bytes(images.esp8266_image())
    with running_server(tmp_path / "catalog", tmp_path) as running:
        yield running


def publish(
    server: RunningServer, tmp_path: Path, *options: str, stderr: int, **more: str
) -> subprocess.CompletedProcess[bytes]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    token = create_token(tmp_path / "state", "lamp")
    return subprocess.run(
        [
            *(sys.executable, "-m", "acpublish", "publish", "firmware.bin", "--to", server.url),
            *("--product", "lamp", "--board", "d1_mini", "--version", "1.0.0", *options),
        ],
        cwd=tmp_path,
        env={**kept, "TERM": "xterm", "COLUMNS": "100", "ACPUBLISH_TOKEN": token, **more},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        timeout=60,
        check=True,
    )


def on_terminal(
    server: RunningServer, tmp_path: Path, *options: str, **more: str
) -> tuple[str, str]:
    """Publishes with a terminal for stderr; returns what got to stdout, and to the terminal."""
    done, shown = shown_on_terminal(
        lambda terminal: publish(server, tmp_path, *options, stderr=terminal, **more)
    )
    return done.stdout.decode(), shown


def test_a_terminal_shows_a_bar_that_goes_away(server: RunningServer, tmp_path: Path) -> None:
    out, shown = on_terminal(server, tmp_path)
    assert "Sending" in shown
    assert "100%" in shown
    # The cursor is there again, and the line of the bar was erased after it was drawn last.
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")
    assert shown.rindex("\x1b[2K") > shown.rindex("Sending")
    assert out.startswith("lamp 1.0.0 for d1_mini (stable): published\n")
    assert out.endswith(f"{server.url}/{FILE}\n")
    assert "\x1b" not in out


def test_nobody_who_wants_none_gets_one(server: RunningServer, tmp_path: Path) -> None:
    for option in ("-q", "--json", "-v", "--dry-run"):
        out, shown = on_terminal(server, tmp_path, option)
        assert "Sending" not in shown
        assert "\x1b" not in shown + out
    assert on_terminal(server, tmp_path, CI="true")[1] == ""


def test_a_pipe_gets_none(server: RunningServer, tmp_path: Path) -> None:
    done = publish(server, tmp_path, stderr=subprocess.PIPE)
    assert done.stderr == b""
