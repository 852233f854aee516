"""What a terminal shows: colours unless NO_COLOR is set, and charts that fit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import images
from tests.support.terminal import run_on_terminal

ESCAPE = "\x1b["


@pytest.fixture
def firmware(tmp_path: Path) -> Path:
    path = tmp_path / "firmware.bin"
    path.write_bytes(images.esp8266_image(record=False))
    return path


def environ(**more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "TERM": "xterm", "PYTHONIOENCODING": "utf-8", **more}


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "acpublish", *words]


def test_a_terminal_has_colours(firmware: Path) -> None:
    def shown(*words: str, **more: str) -> str:
        return run_on_terminal(command(*words), firmware.parent, environ(**more))

    check = ("check", "firmware.bin", "--product", "lamp", "--version", "1.0.0")
    result = shown(*check)
    assert f"{ESCAPE}32mok{ESCAPE}0m " in result
    assert f"{ESCAPE}33mwarning{ESCAPE}0m " in result
    assert f"acpublish: {ESCAPE}31merror:{ESCAPE}0m " in shown("inspect", "missing.bin")
    for more in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert ESCAPE not in shown(*check, **more)
        assert ESCAPE not in shown("inspect", "missing.bin", **more)
    # An empty variable does not count (https://no-color.org).
    assert ESCAPE in shown(*check, NO_COLOR="")
    assert ESCAPE not in shown(*check, "--json")


def test_a_pipe_has_none(firmware: Path) -> None:
    for words in (("check", "firmware.bin"), ("inspect", "missing.bin")):
        done = subprocess.run(
            command(*words), cwd=firmware.parent, env=environ(), capture_output=True, check=False
        )
        assert done.stdout + done.stderr
        assert b"\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_charts_fit_the_terminal(tmp_path: Path, columns: int) -> None:
    for number in (1, 2, 10):
        image = images.esp8266_image(seed=number, size=30_000 * number)
        (tmp_path / "firmware.bin").write_bytes(image)
        version = f"{number}.0.0-beta.20260101"
        done = subprocess.run(
            command(
                *("publish", "firmware.bin", "--to", ".", "--product", "lamp"),
                *("--version", version, "--board", "d1_mini", "-q"),
            ),
            cwd=tmp_path,
            check=False,
        )
        assert done.returncode == 0
    (tmp_path / "partitions.csv").write_text("app0, app, ota_0, 0x10000, 0x140000\n")
    width = {"COLUMNS": str(columns)}
    inspect = ("inspect", "firmware.bin", "--partitions", "partitions.csv")
    diff = ("diff", "lamp@1.0.0-beta.20260101", "lamp@10.0.0-beta.20260101", "--to", ".")
    for words in (inspect, diff):
        shown = run_on_terminal(command(*words), tmp_path, environ(**width))
        bars = [line for line in shown.splitlines() if "█" in line]
        assert bars
        assert max(map(len, bars)) <= columns
        # The longest is long enough to compare the others with.
        assert max(line.count("█") for line in bars) >= 6
