"""The addresses of all pages, as somebody visits them who has been signed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from acpublish.control.device_table import COLUMNS
from acpublish.server.pages import page_app
from bench.report import BenchError

#: What is measured by itself.
PAGES, DEVICES, FORMS = "pages", "the list of devices", "the product with very many releases"
UPLOAD = "/_/upload"
_DEVICES = "/_/devices"
_PRODUCT, _MANY = "/_/products/{product}", "/_/products/{many}"
_CHANGES = (
    "/change?action=promote&channel=beta&version={old}",
    "/change?action=rollback&channel=stable",
    "/change?action=withdraw&version={old}",
)
#: Each condition of the list of devices, and some at once.
_FILTERS = (
    *("q=00:12:", "q=room", "product={product}", "board=b0", "version={old}", "tag=indoor"),
    *("group=house-7", "not_seen=24h", "stuck=true", "flagged=true", "q=nothing-like-it"),
    "product={product}&version={new}&tag=indoor&sort=device",
)
_SORTS = tuple(f"sort={sign}{column}" for column in COLUMNS for sign in ("", "-"))
#: By what returns the routes of a page, its addresses. Those of a list are in it by default.
_PATHS: Mapping[Callable[..., Any], tuple[str, ...]] = {
    page_app.overview_routes: ("/", "/?product={product}&time=90d"),
    page_app.sign_in_routes: ("/_/sign-in",),
    # Whoever watches has it open: it is a stream, not a page.
    page_app.live_routes: (),
    page_app.parts_routes: ("/_/parts",),
    page_app.settings_routes: (
        *("/_/settings", "/_/settings/storage", "/_/settings/policies"),
        "/_/settings/policies/channel?product={product}&channel=stable",
        *("/_/settings/tokens", "/_/settings/device-access", "/_/settings/webhooks"),
        "/_/settings/sessions",
    ),
    page_app.product_routes: ("/_/products", _PRODUCT, f"{_PRODUCT}/history"),
    page_app.change_form_routes: tuple(f"{_PRODUCT}{change}" for change in _CHANGES),
    page_app.release_routes: (
        *(f"{_PRODUCT}/compare", f"{_PRODUCT}/{{new}}", f"{_PRODUCT}/{{new}}/checks"),
        f"{_PRODUCT}/{{new}}/image?board=b0",
    ),
    page_app.upload_routes: (UPLOAD,),
    page_app.device_list_routes: (_DEVICES,),
    page_app.device_page_routes: ("/_/devices/{device}",),
    page_app.rollout_list_routes: ("/_/rollouts", "/_/rollouts?state=open"),
    page_app.rollout_start_routes: (
        "/_/rollouts/new",
        "/_/rollouts/new?product={product}&version={new}&channel=stable"
        "&stages=1,10%25,100%25&soak=24h&halt=3&plan=yes",
    ),
    page_app.rollout_page_routes: ("/_/rollouts/{rollout}", "/_/rollouts/{rollout}/actions"),
}
_FORMS = (
    *(f"{_MANY}{change}" for change in _CHANGES),
    *(_MANY, f"{_MANY}?page=3", f"{_MANY}?q=1.1", f"{_MANY}/history", f"{_MANY}/{{old}}"),
    *(f"{_MANY}/compare", "/_/rollouts/new?product={many}"),
)


def page_paths(names: Mapping[str, str], last_page: int) -> Iterator[tuple[str, str]]:
    """Yields each address, with what it is measured as.

    Args:
        names: What the addresses contain: ``product``, ``many`` (the product with very many
            releases), ``old`` and ``new`` (two versions), ``device`` and ``rollout``.
        last_page: The number of the last page of the list of devices.

    Raises:
        BenchError: A page has no address here.
    """
    if missing := set(page_app.PAGES) - set(_PATHS):
        raise BenchError(f"without an address: {', '.join(page.__name__ for page in missing)}")
    pages = {PAGES: [path for page in page_app.PAGES for path in _PATHS[page]]}
    late = (f"page={last_page // 2}", f"page={last_page}", f"sort=runs&page={last_page}")
    pages[DEVICES] = [f"{_DEVICES}?{query}" for query in (*_FILTERS, *_SORTS, *late)]
    pages[FORMS] = list(_FORMS)
    for kind, paths in pages.items():
        for path in paths:
            yield kind, path.format_map(names)
