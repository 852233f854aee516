"""A command in a fork does what it does in an interpreter of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support import preloaded

COMMAND = [sys.executable, "-m", "acpublish"]


@pytest.mark.parametrize(
    ("words", "given"),
    [
        (["inspect", "missing.bin", "--json"], ""),
        (["config", "--show-origin"], ""),
        (["publish", "x", "--to", "http://127.0.0.1:9", "--token-file", "-"], "two words"),
        (["nothing"], ""),
    ],
)
def test_it_says_the_same(tmp_path: Path, words: list[str], given: str) -> None:
    env = {**os.environ, "HOME": str(tmp_path), "ACPUBLISH_CHANNEL": "beta"}
    command = [*COMMAND, *words]
    assert preloaded.can_fork(command, env)
    process = subprocess.run(
        command,
        cwd=tmp_path,
        env=env,
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    fork = preloaded.run(command, cwd=tmp_path, env=env, given=given)
    assert fork == (process.returncode, process.stdout)


def test_its_end_is_that_of_a_process(tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    words = ["serve", "--to", "catalog", "--state", "state", "--bind", "127.0.0.1", "--port", "0"]
    for number, status in ((signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)):
        with (tmp_path / "log").open("wb") as log:
            process = preloaded.start(
                [*COMMAND, *words],
                cwd=tmp_path,
                env=dict(os.environ),
                stdout=subprocess.PIPE,
                stderr=log,
            )
        with process.stdout:
            assert b"serving" in process.stdout.readline()
            assert process.poll() is None
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.01)
            process.send_signal(number)
            assert process.wait(20) == process.poll() == status


def test_its_end_may_come_between_a_look_and_a_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    process = preloaded.start(
        [*COMMAND, "--version"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(os.environ),
    )
    with process.stdout:
        assert process.stdout.read()
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda _: process.wait(20), range(4))) == [0] * 4
    # On a loaded machine, its status may come long after its end.
    monkeypatch.setattr(process, "poll", lambda: None)
    process.send_signal(signal.SIGKILL)
    assert process.wait(20) == 0


def test_what_depends_on_the_start_is_no_fork() -> None:
    assert not preloaded.can_fork(COMMAND, {**os.environ, "PYTHONPATH": "elsewhere"})
    assert not preloaded.can_fork([sys.executable, "-c", "print()"], os.environ)
