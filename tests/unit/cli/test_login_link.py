"""``acpublish login-link``: through the server that runs here, and over HTTP with a token."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from acpublish.cli import main
from tests.support.server import RunningServer
from tests.support.tokens import create_token

Captured = pytest.CaptureFixture[str]


def test_it_finds_the_server_that_runs_here(
    server: RunningServer, tmp_path: Path, capsys: Captured
) -> None:
    state = str(tmp_path / "state")
    assert main(["login-link", "--state", state, "--json"]) == 0
    link = json.loads(capsys.readouterr().out)["link"]
    assert link.startswith(f"{server.url}/_/sign-in#")
    assert main(["login-link", "--state", state]) == 0
    result = capsys.readouterr()
    assert result.out.startswith(f"{server.url}/_/sign-in#")
    assert result.out != f"{link}\n"
    assert "it works once" in result.err


def test_another_server_wants_a_token_that_may_manage(
    server: RunningServer, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACPUBLISH_TOKEN", create_token(tmp_path / "state", read=True))
    assert main(["login-link", "--to", server.url]) != 0
    assert "manage" in capsys.readouterr().err
    monkeypatch.setenv("ACPUBLISH_TOKEN", create_token(tmp_path / "state", manage=True))
    assert main(["login-link", "--to", server.url]) == 0
    assert capsys.readouterr().out.startswith(f"{server.url}/_/sign-in#")
    monkeypatch.setenv("ACPUBLISH_TO", server.url)
    assert main(["login-link"]) == 0
    assert capsys.readouterr().out.startswith(f"{server.url}/_/sign-in#")


def test_no_server_runs(tmp_path: Path, capsys: Captured) -> None:
    assert main(["login-link", "--state", str(tmp_path)]) != 0
    assert "no server runs" in capsys.readouterr().err
