"""The pages of a long list."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from starlette.requests import Request

from acpublish.errors import BadNameError, SettingsError
from acpublish.server.device_access_file import DeviceAccessError
from acpublish.server.pages.settings_sections import ROWS, listed, paged, wrong
from acpublish.server.pages.visits import Visit
from tests.unit.server.pages.visiting import application


def visit(tmp_path: Path, query: str) -> Visit:
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/_/settings/tokens",
        "query_string": query.encode(),
        "headers": [],
    }
    return Visit(Request(scope), application(tmp_path).site)


@pytest.mark.parametrize(
    ("query", "rows", "first", "last", "previous", "following"),
    [
        ("", 0, 1, 0, "", ""),
        ("", ROWS, 1, ROWS, "", ""),
        ("", ROWS + 1, 1, ROWS, "", "/x?page=2"),
        ("page=2", ROWS + 1, ROWS + 1, ROWS + 1, "/x?page=1", ""),
        ("page=99&a=%3Cb%3E", ROWS + 1, ROWS + 1, ROWS + 1, "/x?a=%3Cb%3E&page=1", ""),
        ("page=0", ROWS + 1, 1, ROWS, "", "/x?page=2"),
        ("page=-1", ROWS + 1, 1, ROWS, "", "/x?page=2"),
        ("page=" + "9" * 5000, ROWS + 1, 1, ROWS, "", "/x?page=2"),
        ("page=²", ROWS + 1, 1, ROWS, "", "/x?page=2"),
    ],
)
def test_pages_of_a_list(
    tmp_path: Path, query: str, rows: int, first: int, last: int, previous: str, following: str
) -> None:
    async def made() -> None:
        page = paged(visit(tmp_path, query), "/x", range(rows))
        assert (page.first, page.last, page.total) == (first, last, rows)
        assert (page.previous, page.next) == (previous, following)

    asyncio.run(made())


def test_names_with_commas_or_spaces() -> None:
    assert listed(" a, b  c,,d ") == ("a", "b", "c", "d")
    assert listed(" , ") == ()


def test_only_what_was_typed_is_shown_with_its_words() -> None:
    assert wrong(SettingsError("it is wrong", hint="Mend it."))[:3] == (
        400,
        "request",
        "it is wrong",
    )
    assert wrong(BadNameError("it is wrong", hint="Mend it.")).problem == "it is wrong"
    damaged = wrong(DeviceAccessError("/srv/state is damaged", hint="Restore it."))
    assert (damaged.status, "/srv" in damaged.problem) == (500, False)
