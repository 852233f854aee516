"""What the sections of the settings share: their row of links, their lists, and what went wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from starlette.responses import Response

from acpublish.errors import AcpublishError, SettingsError
from acpublish.server.api.routes import Shown, shown
from acpublish.server.pages.visits import Visit
from acpublish.server.tokens import Scope

ROOT = "/_/settings"
#: Rows of a list on one page.
ROWS = 25


class Section(NamedTuple):
    """A section of the settings, which is a page of its own.

    Attributes:
        path: Its address.
        key: The key of its name.
        needs: The scope without which it is not shown; None for everyone.
    """

    path: str
    key: str
    needs: Scope | None = Scope.MANAGE


SECTIONS = (
    Section(ROOT, "settings.server", Scope.READ),
    Section(f"{ROOT}/storage", "settings.storage", Scope.READ),
    Section(f"{ROOT}/policies", "settings.policies", None),
    Section(f"{ROOT}/tokens", "settings.tokens"),
    Section(f"{ROOT}/device-access", "settings.access"),
    Section(f"{ROOT}/webhooks", "settings.webhooks"),
    Section(f"{ROOT}/sessions", "settings.sessions", Scope.READ),
)


class Rows(NamedTuple):
    """One page of a list.

    Attributes:
        rows: What it shows.
        total: How many there are in all.
        first: The number of the first row that it shows, from 1.
        previous: The address of the page before; empty if there is none.
        next: The address of the next page; empty if there is none.
    """

    rows: Sequence[Any]
    total: int
    first: int
    previous: str
    next: str

    @property
    def last(self) -> int:
        """The number of the last row that it shows."""
        return self.first + len(self.rows) - 1


def paged(visit: Visit, path: str, rows: Sequence[Any]) -> Rows:
    """Returns the rows of the page whose number is in the URL; of the last if it is beyond.

    Args:
        visit: The request.
        path: The address of the list; that of a form which is shown again is another one.
        rows: All rows.
    """
    number = visit.request.query_params.get("page", "")
    last = max(0, len(rows) - 1) // ROWS
    page = min(int(number) - 1, last) if number.isdecimal() and 0 < len(number) < 9 else 0
    page = max(page, 0)
    return Rows(
        rows=rows[page * ROWS : (page + 1) * ROWS],
        total=len(rows),
        first=page * ROWS + 1,
        previous=_at(visit, path, page) if page else "",
        next=_at(visit, path, page + 2) if page < last else "",
    )


def _at(visit: Visit, path: str, page: int) -> str:
    """Returns the address of another page of the same list."""
    kept = [pair for pair in visit.request.query_params.multi_items() if pair[0] != "page"]
    return f"{path}?{urlencode([*kept, ('page', str(page))])}"


async def section_page(
    visit: Visit, path: str, template: str, status: int = 200, **values: Any
) -> Response:
    """Responds with the page of a section.

    Args:
        visit: The request.
        path: The address of the section.
        template: The name of its file.
        status: The HTTP status.
        values: What it shows.
    """
    sections = [own for own in SECTIONS if own.needs is None or visit.may(own.needs)]
    section = next(own for own in SECTIONS if own.path == path)
    once = None if visit.session is None else visit.session.take_once(path)
    return await visit.page(
        template, status, sections=sections, section=section, once=once, **values
    )


def wrong(error: AcpublishError) -> Shown:
    """Returns what a page shows of an error, with the words of the command."""
    if type(error) is SettingsError:
        # What was typed is not valid; those about files of the server are of narrower classes.
        return Shown(400, "request", error.problem, error.hint)
    return shown(error)


async def or_again(
    visit: Visit,
    change: Callable[[Visit], Awaitable[Response]],
    again: Callable[..., Awaitable[Response]],
) -> Response:
    """Responds to a form; if it is refused, with the form as it was sent, and what is wrong.

    Args:
        visit: The request.
        change: Makes the change.
        again: Shows the page once more; it takes the status and the error.
    """
    try:
        return await change(visit)
    except AcpublishError as error:
        if visit.session is None or visit.site.sessions.still(visit.session) is None:
            raise
        fault = wrong(error)
        return await again(visit, fault.status, fault=fault)


def listed(text: str) -> tuple[str, ...]:
    """Returns the names in a field that takes several, with commas or spaces between them."""
    return tuple(text.replace(",", " ").split())
