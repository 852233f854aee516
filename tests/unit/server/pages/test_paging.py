"""Pages of a list, and the addresses of the others."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from starlette.requests import Request

from acpublish.server.pages.paging import address, paged
from acpublish.server.pages.visits import Visit
from tests.unit.server.pages.visiting import application


def _visit(folder: Path, query: str) -> Visit:
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/_/products",
        "query_string": query.encode(),
        "headers": [],
    }
    return Visit(Request(scope), application(folder).site)


@pytest.mark.parametrize(
    ("query", "shown", "previous", "following"),
    [
        ("", range(0, 10), "", "?page=2"),
        ("page=2&q=a%26b", range(10, 20), "?q=a%26b", "?page=3&q=a%26b"),
        ("page=3", range(20, 25), "?page=2", ""),
        ("page=99", range(20, 25), "?page=2", ""),
        ("page=0", range(0, 10), "", "?page=2"),
        ("page=-1", range(0, 10), "", "?page=2"),
        ("page=" + "9" * 500, range(0, 10), "", "?page=2"),
        ("page=%C2%B2", range(0, 10), "", "?page=2"),
    ],
)
def test_a_page_of_a_list(
    tmp_path: Path, query: str, shown: range, previous: str, following: str
) -> None:
    async def look() -> None:
        page = paged(_visit(tmp_path, query), list(range(25)), 10)
        assert list(page.items) == list(shown)
        assert (page.first, page.last, page.total) == (shown[0] + 1, shown[-1] + 1, 25)
        assert (page.previous, page.next) == (previous, following)

    asyncio.run(look())


def test_an_empty_list_has_one_page(tmp_path: Path) -> None:
    async def look() -> None:
        page = paged(_visit(tmp_path, "page=4"), [], 10)
        assert page == ([], 0, 0, 0, "", "")
        assert paged(_visit(tmp_path, "a=1"), range(9), 5, "/x").next == "/x?a=1&page=2"
        assert address(_visit(tmp_path, "a=1&b=2"), b="", c="x y") == "?a=1&c=x+y"

    asyncio.run(look())
