"""Commands to copy lead to this server, and show nothing of its folders to others."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from starlette.requests import Request

from acpublish.server.pages.copied_commands import destination, first_steps, with_state
from acpublish.server.pages.visits import Visit
from tests.unit.server.pages.visiting import ELSEWHERE, HERE, Browser, application


@pytest.mark.parametrize(
    ("address", "scheme", "host", "options"),
    [
        (HERE, "http", "localhost", "--to http://localhost"),
        (HERE, "http", "192.0.2.1", "--to http://192.0.2.1 --insecure-http"),
        (ELSEWHERE, "http", "192.0.2.1", "--to http://192.0.2.1 --insecure-http"),
        (ELSEWHERE, "https", "192.0.2.1", "--to https://192.0.2.1"),
    ],
)
def test_they_lead_to_this_server(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    scheme: str,
    host: str,
    options: str,
) -> None:
    visits: list[Visit] = []
    made = Visit.__init__

    def remember(visit: Visit, request: Request, *given: object) -> None:
        made(visit, request, *given)  # type: ignore[arg-type]
        visits.append(visit)

    state = tmp_path / "it's here"
    state.mkdir()
    monkeypatch.setattr(Visit, "__init__", remember)
    asyncio.run(Browser(application(state), address, scheme).get("/", host=host))
    (visit,) = visits
    assert destination(visit) == options
    shown = f" --state '{tmp_path}/it'\"'\"'s here/state'"
    listed = "acpublish token list" + (shown if address == HERE else "")
    assert with_state("acpublish token list", visit) == listed
    token, publish, device = first_steps(visit)
    assert token.commands[0].endswith(with_state("--publish '*'", visit))
    assert publish.commands[-1].endswith(f" {options}")
    assert f"--to {visit.url} " in device.commands[0]
