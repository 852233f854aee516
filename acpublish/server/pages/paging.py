"""Lists that are longer than a page: what is on this one, and the addresses of the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

from acpublish.server.pages.visits import Visit

_T = TypeVar("_T")
#: No list has as many pages; a longer number is one that somebody typed.
_MAX_PAGE_DIGITS = 6


class Paged(NamedTuple, Generic[_T]):
    """A page of a list.

    Attributes:
        items: What is on it.
        first: The number of its first item, from 1; 0 for none.
        last: The number of its last item.
        total: How many there are in all.
        previous: The address of the page before; empty if there is none.
        next: The address of the next one, likewise.
    """

    items: Sequence[_T]
    first: int
    last: int
    total: int
    previous: str
    next: str


def paged(visit: Visit, items: Sequence[_T], per_page: int, path: str = "") -> Paged[_T]:
    """Returns the page of a list that the address asks for; the last one if there is no such page.

    Args:
        visit: The request, with the number of the page as ``page``.
        items: The whole list.
        per_page: How many are on a page.
        path: The address of the list, if it is not that of the request, which may be a form's.
    """
    text = visit.request.query_params.get("page", "1")
    asked = int(text) if text.isdecimal() and len(text) <= _MAX_PAGE_DIGITS else 1
    pages = max(1, -(-len(items) // per_page))
    page = min(max(asked, 1), pages)
    begin = (page - 1) * per_page
    shown = items[begin : begin + per_page]
    return Paged(
        items=shown,
        first=begin + 1 if shown else 0,
        last=begin + len(shown),
        total=len(items),
        previous=path + address(visit, page=page - 1 if page > 2 else "") if page > 1 else "",
        next=path + address(visit, page=page + 1) if page < pages else "",
    )


def address(visit: Visit, **changed: object) -> str:
    """Returns the address of this page with some fields of its query changed.

    Args:
        visit: The request.
        changed: The fields; an empty value leaves one out.
    """
    fields = {**visit.request.query_params, **{name: str(value) for name, value in changed.items()}}
    return f"?{urlencode({name: value for name, value in fields.items() if value})}"
