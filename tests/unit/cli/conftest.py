"""Fixtures for the command line: the commands, and files to pass to them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support import images
from tests.unit.cli.invoking import CommandLine


@pytest.fixture
def acpublish(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    """The command line, without the caller's settings, in a separate directory."""
    for name in [name for name in os.environ if name.startswith(("ACPUBLISH_", "GITHUB_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return CommandLine(capsys)


@pytest.fixture
def firmware(tmp_path: Path) -> Path:
    """An ESP8266 image with a place for a stamp."""
    path = tmp_path / "firmware.bin"
    path.write_bytes(images.esp8266_image())
    return path


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """An empty catalog."""
    path = tmp_path / "catalog"
    path.mkdir()
    return path
