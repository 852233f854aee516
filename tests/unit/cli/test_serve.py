"""``acpublish serve``: how its options reach the server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acpublish.server.config import ServerOptions
from tests.unit.cli.invoking import CommandLine


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The options of each server that would have been started; its exit status is 7."""
    servers: list[Any] = []

    def serve(options: ServerOptions) -> int:
        servers.append(options)
        return 7

    monkeypatch.setattr("acpublish.server.run.serve", serve)
    return servers


def test_the_defaults(acpublish: CommandLine, started: list[Any]) -> None:
    assert acpublish("serve").status == 7
    assert started == [
        ServerOptions(catalog=Path(), bind=None, port=8000, log="INFO", state=None, grace_s=30.0)
    ]


def test_each_option(acpublish: CommandLine, started: list[Any], tmp_path: Path) -> None:
    words = ("-p", 0, "-b", "127.0.0.1", "-d", tmp_path, "-l", "Debug", "--grace", "0.5")
    more = ("--host", "updates.example.com", "--host", "192.0.2.1", "--state", tmp_path / "s")
    assert acpublish("serve", *words, *more).status == 7
    assert started == [
        ServerOptions(
            catalog=tmp_path,
            bind="127.0.0.1",
            hosts=("updates.example.com", "192.0.2.1"),
            port=0,
            log="DEBUG",
            state=tmp_path / "s",
            grace_s=0.5,
        )
    ]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--port", 8001, "--tls-port", 8001), "--port and --tls-port are both 8001"),
        (("--port", 8443), "--port and --tls-port (its default) are both 8443"),
        (("--port", 0, "--tls-port", 0), ""),
        (("--port", 8001), ""),
    ],
)
def test_two_ports_that_are_the_same(
    acpublish: CommandLine, started: list[Any], words: tuple[Any, ...], problem: str
) -> None:
    said = acpublish("serve", *words, "--tls-cert", "server.pem", "--tls-key", "server.key")
    if problem:
        assert said.status == 2
        assert f"error: {problem}. Choose another port for one of them" in said.error()
    assert (said.status, len(started)) == ((2, 0) if problem else (7, 1))


def test_the_default_port_for_tls_is_free_without_tls(
    acpublish: CommandLine, started: list[Any]
) -> None:
    assert acpublish("serve", "--port", 8443).status == 7


def test_not_a_number_is_not_a_time(acpublish: CommandLine, started: list[Any]) -> None:
    said = acpublish("serve", "--grace", "nan")
    assert said.status == 2
    assert "--grace" in said.error()
    assert started == []


def test_a_state_folder_that_is_a_file_is_refused(
    acpublish: CommandLine, catalog: Path, tmp_path: Path
) -> None:
    (tmp_path / "tokens").touch()
    # The real server; it would not end if it started.
    said = acpublish(
        *("serve", "--to", catalog, "--state", "tokens", "--port", "0", "--bind", "127.0.0.1")
    )
    assert said.status == 2
    assert "the state folder tokens is a file. Use a folder with --state" in said.err
