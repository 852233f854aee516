"""What the sections of the settings share: their row of links, their lists, and what went wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

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
