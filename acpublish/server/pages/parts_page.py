"""``/_/parts``: all parts of the pages in all their states, for whoever builds the next page."""

from __future__ import annotations

import time

from starlette.responses import Response
from starlette.routing import Route

from acpublish.server.pages.area_chart import Chart, Series, stacked
from acpublish.server.pages.page_routes import changes, shows
from acpublish.server.pages.page_site import PageSite
from acpublish.server.pages.visits import Visit

PATH = "/_/parts"
#: Names of devices and products are what strangers choose.
_HOSTILE = '<script>alert("1")</script>\x1b[31m\u202ered'


def parts_routes(site: PageSite) -> list[Route]:
    """Returns the routes."""
    return [shows(PATH, _show, site), changes(PATH, _sent, site, needs=None)]


async def _show(visit: Visit) -> Response:
    return await visit.page(
        "parts_page.html", now=time.time(), hostile=_HOSTILE, rows=_rows(), chart=_chart()
    )


async def _sent(visit: Visit) -> Response:
    text = visit.form.get("name", "")
    return visit.redirect(PATH, f"{visit.t('parts_page.sent')} {text}".strip())


def _chart() -> Chart:
    older, newer = [860, 700, 400, 41], [0, 160, 460, 812]
    return stacked([0, 1, 2, 3], [Series("1.3.0", 2, older), Series("1.4.0", 1, newer)])


def _rows() -> list[tuple[str, str, int, str]]:
    return [
        ("kitchen", "1.4.0", 412_345, "good"),
        ("garage-door-controller-with-a-long-name", "1.3.0-rc.1+build.20260401", 1_048_576, "warn"),
        (_HOSTILE, "1.2.9", 98, "bad"),
    ]
