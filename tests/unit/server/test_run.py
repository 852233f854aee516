"""Levels of the log, and the options that reach the application."""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from acpublish.errors import SettingsError
from acpublish.server import ports, run
from acpublish.server.config import ServerOptions
from acpublish.server.logwriter import LogWriter, configure, level_of
from tests.support.loggers import restored_loggers


@pytest.mark.parametrize("name", ["debug", "INFO", "Warning", "error", "CRITICAL"])
def test_levels_in_either_case(name: str) -> None:
    assert level_of(name) == getattr(logging, name.upper())


def test_another_level_is_a_settings_error() -> None:
    with pytest.raises(SettingsError, match="log level"):
        level_of("loud")


@pytest.fixture
def _loggers() -> Iterator[None]:
    with restored_loggers():
        yield


@pytest.mark.usefixtures("_loggers")
def test_only_the_server_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    writer = LogWriter(sys.stderr)
    configure(logging.INFO, writer)
    logging.getLogger("acpublish.server").info("ours")
    logging.getLogger("acpublish.server").debug("too fine")
    # The server words its own start and end.
    logging.getLogger("uvicorn.error").info("Started server process")
    # Strangers must not fill the log.
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request")
    logging.getLogger("uvicorn.error").error("Exception in ASGI application")
    # Without a handler, logging would write this to stderr itself, and wait for its reader.
    logging.getLogger("asyncio").info("Using selector")
    logging.getLogger("asyncio").error("Task exception was never retrieved")
    writer.close()
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" ", 2)[2] for line in lines] == [
        "INFO ours",
        "ERROR Exception in ASGI application",
        "ERROR Task exception was never retrieved",
    ]


@pytest.mark.usefixtures("_loggers")
def test_listeners_reach_the_application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[Any] = []

    class Reached(Exception):
        pass

    def create_app(options: Any, catalog: Any, tokens: Any, listeners: Any, *parts: Any) -> None:
        passed.append((options.state, listeners))
        raise Reached

    def listener(event: object) -> None:
        pass

    monkeypatch.setattr(run, "create_app", create_app)
    options = ServerOptions(catalog=tmp_path, bind="127.0.0.1", port=0, state=tmp_path / "state")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.setattr(ports, "listen", lambda bind, port: listening)
        with pytest.raises(Reached):
            run.serve(options, [listener])
    assert passed == [(tmp_path / "state", [listener])]
