"""All products, and one of them: releases, sizes, channels, policies, history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

from starlette.responses import Response
from starlette.routing import Route

from acpublish.errors import AcpublishError
from acpublish.fleet.policy import Policy, in_short
from acpublish.keys import PublicKey
from acpublish.release import names
from acpublish.release.channels import Change
from acpublish.release.durations import in_words, of_seconds
from acpublish.server.pages.page_routes import shows
from acpublish.server.pages.page_site import PageSite
from acpublish.server.pages.paging import address, paged
from acpublish.server.pages.product_views import ProductView
from acpublish.server.pages.release_rows import MoveRow, OrderRow, ReleaseRow, moves_of, orders_of
from acpublish.server.pages.visits import Visit
from acpublish.server.tokens import Scope

PATH = "/_/products"
_PER_PAGE = 25
_HISTORY_PER_PAGE = 50
#: How much of the history is on the product's page.
_LAST_CHANGES = 8
#: More boards than anyone compares at a glance; the list of releases has the others.
_TRENDS = 12
_STATES = ("offered", "rolling", "withdrawn")
_ORDERS: Mapping[str, Callable[[ProductView], Any]] = {
    "name": lambda view: view.product,
    "releases": lambda view: len(view.rows),
    "published": lambda view: view.published,
}


def product_routes(site: PageSite) -> list[Route]:
    """Returns the routes."""
    return [
        shows(PATH, _list, site),
        shows(PATH + "/{product}", _product, site),
        shows(PATH + "/{product}/history", _history, site),
    ]


class Sorting(NamedTuple):
    """By what a list is sorted.

    Attributes:
        name: The column.
        falls: Whether the highest comes first.
    """

    name: str
    falls: bool

    @classmethod
    def asked(cls, visit: Visit, columns: Iterable[str], default: str) -> Sorting:
        """Returns what the address asks for as ``sort``, with a minus for the highest first."""
        text = visit.request.query_params.get("sort", default)
        if text.removeprefix("-") not in columns:
            text = default
        return cls(text.removeprefix("-"), text.startswith("-"))

    def head(self, visit: Visit, name: str, text: str, style: str = "") -> tuple[str, ...]:
        """Returns the head of a column for the part ``table``."""
        order = ("descending" if self.falls else "ascending") if name == self.name else ""
        other = name if order == "descending" or (not order and name == "name") else f"-{name}"
        return text, style, address(visit, sort=other, page=""), order


async def _list(visit: Visit) -> Response:
    query = visit.request.query_params.get("q", "").strip().lower()
    sorting = Sorting.asked(visit, _ORDERS, "name")
    views = await visit.site.run(visit.site.products.all)
    found = [view for view in views if _matches(view, query)]
    found.sort(key=_ORDERS[sorting.name], reverse=sorting.falls)
    head = partial(sorting.head, visit)
    return await visit.page(
        "products.html",
        query=query,
        page=paged(visit, found, _PER_PAGE),
        known=len(views),
        columns=[
            head("name", visit.t("products.product")),
            visit.t("products.channels"),
            visit.t("products.boards"),
            head("releases", visit.t("products.releases"), "right"),
            head("published", visit.t("products.published")),
        ],
    )


def _matches(view: ProductView, query: str) -> bool:
    return any(query in name for name in (view.product, *view.boards, *view.channels))


async def _product(visit: Visit) -> Response:
    site = visit.site
    product = names.product(visit.request.path_params["product"])
    view = await site.run(partial(site.products.product, product))
    devices = None
    if visit.may(Scope.READ):
        devices = await site.running(product)
    fields = {name: visit.request.query_params.get(name, "") for name in ("q", "board", "state")}
    sorting = Sorting.asked(visit, ("version", "published"), "-version")
    found = [row for row in view.rows if _is_found(row, **fields)]
    if sorting.name == "published":
        found.sort(key=lambda row: row.published, reverse=sorting.falls)
    elif not sorting.falls:
        found.reverse()
    return await visit.page(
        "product.html",
        view=view,
        fields=fields,
        states=_STATES,
        page=paged(visit, found, _PER_PAGE),
        sorting=sorting,
        devices=devices,
        trends=view.trends[:_TRENDS],
        policies=[policy_row(visit, *entry) for entry in sorted(_policies(view).items())],
        keys=await site.run(partial(_keys, site, product)),
        changes=[ChangeRow.of(change) for change in _last(view)],
    )


def _is_found(row: ReleaseRow, *, q: str, board: str, state: str) -> bool:
    if board and board not in row.boards:
        return False
    if (state == "offered" and not row.is_offered) or (state == "rolling" and not row.rolling):
        return False
    if state == "withdrawn" and not row.withdrawn:
        return False
    text = q.strip().lower()
    about = (str(row.release.version), *row.channels, row.provenance("commit"))
    return any(text in part.lower() for part in about)


def _policies(view: ProductView) -> Mapping[str, Any]:
    return view.snapshot.channels.policies


class PolicyRow(NamedTuple):
    """How releases go to a channel, in words; without them if a newer version wrote the policy."""

    channel: str
    stages: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


def policy_row(visit: Visit, channel: str, document: object) -> PolicyRow:
    """Returns how releases go to a channel, in words."""
    try:
        policy = Policy.from_dict(document)
    except AcpublishError:
        return PolicyRow(channel)
    return PolicyRow(channel, tuple(stage.text for stage in policy.stages), _words(visit, policy))


def _words(visit: Visit, policy: Policy) -> tuple[str, ...]:
    t = visit.t
    soaks = [in_words(of_seconds(seconds)) for seconds in policy.soak_s]
    soak = soaks[0] if len(set(soaks)) == 1 else ", ".join(soaks)
    share = policy.to_dict()["halt"].partition(",")[2]
    halt = t("products.policy_halt", n=policy.halt_count)
    if share:
        halt = t("products.policy_halt_share", count=policy.halt_count, share=share)
    back = "stop"
    if policy.on_halt == "order-back":
        back = "back_at_once" if policy.at_once else "back"
    words = [halt, t(f"products.policy_{back}")]
    if any(policy.soak_s):
        words.insert(0, t("products.policy_soak", soak=soak))
    if policy.window is not None:
        words.append(t("products.policy_window", window=policy.window.text))
    return tuple(words)


def _keys(site: PageSite, product: str) -> tuple[PublicKey, ...]:
    try:
        return site.catalog.trusted_keys(product)
    except AcpublishError:
        # Then nothing of the product is offered, which its empty list shows.
        return ()


class ChangeRow(NamedTuple):
    """A line of the history."""

    change: Change
    moves: list[MoveRow]
    orders: list[OrderRow]

    @property
    def policy(self) -> str:
        """The policy that it set; empty if it took the policy away."""
        return in_short(self.change.policy) if self.change.policy else ""

    @classmethod
    def of(cls, change: Change) -> ChangeRow:
        """Returns the line of a change."""
        return cls(change, moves_of(change.moves), orders_of(change.ordered_back))


def _last(view: ProductView) -> list[Change]:
    return list(reversed(view.snapshot.channels.history[-_LAST_CHANGES:]))


async def _history(visit: Visit) -> Response:
    product = names.product(visit.request.path_params["product"])
    changes = await visit.site.run(partial(visit.site.products.history, product))
    page = paged(visit, changes, _HISTORY_PER_PAGE)
    return await visit.page(
        "product_history.html",
        product=product,
        page=page,
        changes=[ChangeRow.of(change) for change in page.items],
    )
