"""What a server says at its start about its page; the rest is in test_run.py."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from acpublish.server.login_links import FILE
from tests.support.server import running_server
from tests.support.terminal import run_on_terminal

_SERVE_FOR_A_MOMENT = """
import os, signal, sys, threading
from acpublish.server import run
listening = run._Server.startup
async def startup(self, sockets=None):
    await listening(self, sockets)
    self.should_exit = True
run._Server.startup = startup
from acpublish.cli import main
sys.exit(main(sys.argv[1:]))
"""


def shown(tmp_path: Path) -> str:
    words = ["serve", "--bind", "127.0.0.1", "--port", "0", "--log", "ERROR"]
    where = ["--to", str(tmp_path), "--state", str(tmp_path / "state")]
    environ = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [sys.executable, "-c", _SERVE_FOR_A_MOMENT, *words, *where]
    return run_on_terminal(command, tmp_path, environ)


def test_a_terminal_gets_a_link_until_somebody_has_signed_in(tmp_path: Path) -> None:
    first, second, *rest = shown(tmp_path).splitlines()
    assert first.startswith("acpublish: serving ")
    url = first.rpartition(" at ")[2]
    link = second.rpartition(" ")[2]
    assert link.startswith(f"{url}/_/sign-in#")
    assert len(link.partition("#")[2]) >= 43
    assert rest == []
    (tmp_path / "state" / FILE).write_text(json.dumps({"first": "2026-01-01T00:00:00Z"}))
    assert "sign-in" not in shown(tmp_path)


def test_others_hear_of_the_command(tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    with running_server(tmp_path / "catalog", tmp_path) as server:
        assert server.logs(f"acpublish login-link --state {tmp_path / 'state'}")
        assert "#" not in server.line
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
    assert not (tmp_path / "state/running.json").exists()
