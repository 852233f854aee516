"""Standard streams that the caller has closed, and a stderr that cannot be written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import images
from tests.unit.cli.invoking import CommandLine

NAMES = ("--product", "lamp", "--version", "1.2.3", "--board", "d1_mini")


@pytest.fixture(autouse=True)
def _alone(acpublish: CommandLine) -> None:
    """Processes get the settings and the directory of the fixture."""


def run(words: tuple[str, ...], closed: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command with one standard stream closed, as ``>&-`` does in a shell."""
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-m", "acpublish", *words],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_command_without_stdout_does_its_work(firmware: Path, catalog: Path) -> None:
    Path("other.bin").write_bytes(images.esp8266_image(seed=2))
    for words in (
        ("inspect", "firmware.bin"),
        ("diff", "firmware.bin", "other.bin"),
        ("publish", "firmware.bin", "--to", str(catalog), *NAMES),
    ):
        done = run(words, ">&-", firmware.parent)
        assert (done.returncode, done.stderr) == (0, ""), words
    # No file of the catalog has got the descriptor, and the output, of the stream.
    for path in filter(Path.is_file, catalog.rglob("*")):
        assert b"(stable): published" not in path.read_bytes()
    assert len(list(catalog.glob("lamp/*.bin"))) == 1


def test_a_question_without_stdin_is_not_asked(firmware: Path, catalog: Path) -> None:
    Path("old").mkdir()
    (Path("old") / "lamp-1.0.0_d1_mini.bin").write_bytes(images.esp8266_image())
    done = run(("import", "old", "--to", str(catalog)), "<&-", firmware.parent)
    assert done.returncode == 2
    assert "there is no terminal to ask for confirmation" in done.stderr
    assert not list(catalog.glob("lamp/*"))


def test_a_server_without_stdout_serves(catalog: Path) -> None:
    with subprocess.Popen(
        [
            *("sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-m", "acpublish", "serve"),
            *("--to", str(catalog), "--bind", "127.0.0.1", "--port", "0"),
        ],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stderr is not None
        # It is logged once the server listens.
        listens = "only this machine reaches the server"
        assert any(listens in line for line in server.stderr)
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=60)
    assert server.returncode == 0


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("list", "--to", "missing"), 8),
        (("publish", "old.bin", "--to", "catalog", *NAMES), 0),
        (("publish", "firmware.bin", "--to", "http://127.0.0.1:9", "-v", *NAMES), 3),
    ],
)
def test_the_status_stays_if_stderr_cannot_be_written(
    firmware: Path, catalog: Path, words: tuple[str, ...], status: int
) -> None:
    # It has no place for a stamp, which is a warning.
    Path("old.bin").write_bytes(images.esp8266_image(record=False))
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as broken:
        done = subprocess.run(
            [sys.executable, "-m", "acpublish", *words],
            cwd=firmware.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=broken,
            timeout=60,
            check=False,
        )
    assert done.returncode == status
