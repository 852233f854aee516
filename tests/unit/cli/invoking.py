"""The command line, called as a process calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from acpublish.cli import main


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        """Returns the one document on stdout."""
        return json.loads(self.out)

    def problem(self) -> dict[str, Any]:
        """Returns the problem of a command with --json, after a check on its form."""
        document = self.json()
        assert set(document) - {"check", "published"} == {"error", "hint", "code", "status"}, (
            document
        )
        assert document["status"] == self.status
        assert "\x1b" not in self.out
        # The line for people says the same.
        assert self.err.splitlines()[-1].startswith("acpublish: error: ")
        assert document["error"] in self.err
        assert document["hint"] in self.err
        return dict(document)

    def error(self) -> str:
        """Returns the one line of an error, after a check on its form."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("acpublish: error: "), self.err
        assert not self.out, self.out
        return lines[0]


class CommandLine:
    """Runs commands in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: str | Path) -> Said:
        self._capsys.readouterr()
        status = main([str(word) for word in words])
        captured = self._capsys.readouterr()
        return Said(status, captured.out, captured.err)


def python(program: str) -> subprocess.CompletedProcess[str]:
    """Runs a program in a separate interpreter."""
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
