"""``/_/rollouts/new``: whom a rollout would reach, and its start.

The form is sent by GET, and shows what its policy would do; what starts it is another one below.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from starlette.responses import Response
from starlette.routing import Route

from acpublish.catalog.snapshot import ProductSnapshot
from acpublish.errors import AcpublishError
from acpublish.fleet.policy import DEFAULT_HALT, DEFAULT_SOAK, DEFAULT_STAGES, Policy
from acpublish.release import names
from acpublish.release.durations import as_written, duration, point_in_time
from acpublish.release.names import BoardName, ChannelName, ProductName
from acpublish.release.version import Version
from acpublish.server.api.authority import NOTE
from acpublish.server.api.fleet_routes import sent as from_form
from acpublish.server.api.routes import Shown, shown
from acpublish.server.pages.page_routes import changes, shows
from acpublish.server.pages.page_site import PageSite
from acpublish.server.pages.rollout_list import PATH
from acpublish.server.pages.rollout_page import rollout_path
from acpublish.server.pages.visits import Visit
from acpublish.server.tokens import Scope

START = f"{PATH}/new"
#: How many versions can be chosen; any other one can be in the address.
_MAX_VERSIONS = 200


def rollout_start_routes(site: PageSite) -> list[Route]:
    """Returns the routes; they come before those with the id of a rollout."""
    return [shows(START, _show, site, Scope.MANAGE), changes(START, _start, site)]


class _Wanted(NamedTuple):
    """What is to go where, and how."""

    product: ProductName
    version: Version
    channel: ChannelName
    policy: Policy
    boards: tuple[BoardName, ...]
    offers_from: int | None

    @property
    def what(self) -> tuple[ProductName, Version, ChannelName, Policy]:
        """What :class:`RolloutOperations` plans and starts."""
        return self.product, self.version, self.channel, self.policy

    @classmethod
    def of(cls, sent: Mapping[str, str]) -> _Wanted:
        """Reads the fields of the form.

        Raises:
            AcpublishError: One of them is not valid.
        """
        at_once = sent.get("on_halt") == "order-back-at-once"
        return cls(
            names.product(sent["product"]),
            Version.parse(sent["version"]),
            names.channel(sent["channel"]),
            Policy.parse(
                sent["stages"],
                soak=sent["soak"],
                halt=sent["halt"],
                on_halt="order-back" if at_once else sent.get("on_halt", "stop"),
                at_once=at_once,
                window=sent.get("window") or None,
            ),
            tuple(map(names.board, names.listed(sent.get("boards", "")))),
            point_in_time(start) if (start := sent.get("start_at")) else None,
        )


async def _show(visit: Visit) -> Response:
    sent = {name: value.strip() for name, value in visit.request.query_params.items()}
    return await _page(visit, sent, plans="plan" in sent)


async def _page(
    visit: Visit,
    sent: Mapping[str, str],
    *,
    plans: bool,
    error: Shown | None = None,
) -> Response:
    """Responds with the form, and with what its policy would do if that is wanted."""
    fleet, catalog = visit.site.fleet(), visit.site.catalog
    products = catalog.products()
    product = sent.get("product", "")
    if product not in products:
        product = products[0] if products else ""
    snapshot = catalog.snapshots.product(product) if product else None
    values = _filled(sent, product, snapshot)
    reaches: list[int] | None = None
    if plans and error is None:
        try:
            with from_form():
                wanted = _Wanted.of(values)
                reaches = await fleet.show(fleet.rollouts.plan(*wanted.what, boards=wanted.boards))
        except AcpublishError as refused:
            error = shown(refused)
    added = [after - before for before, after in pairwise([0, *(reaches or [])])]
    return await visit.page(
        "rollout_new.html",
        200 if error is None else error.status,
        values=values,
        products=products,
        version_options=[(text, text) for text in _versions(snapshot, values["version"])],
        boards=_boards(snapshot, values["version"]),
        channels=sorted({*(snapshot.channels.names if snapshot else ()), values["channel"]}),
        reaches=reaches,
        added=added,
        error=error,
        start=START,
    )


def _versions(snapshot: ProductSnapshot | None, chosen: str) -> list[str]:
    """Returns the versions that can go to a channel, the newest first."""
    releases = snapshot.releases if snapshot else ()
    offered = [own for own in releases if any(not image.withdrawn for image in own.images)]
    offered.sort(key=lambda release: release.version.precedence, reverse=True)
    versions = [str(release.version) for release in offered[:_MAX_VERSIONS]]
    return versions if chosen in versions or not chosen else [chosen, *versions]


def _boards(snapshot: ProductSnapshot | None, version: str) -> list[str]:
    """Returns the boards for which a release has images."""
    releases = snapshot.releases if snapshot else ()
    own = [release for release in releases if str(release.version) == version]
    return sorted({image.board for release in own for image in release.images})


def _filled(
    sent: Mapping[str, str], product: str, snapshot: ProductSnapshot | None
) -> dict[str, str]:
    """Returns what the form has: what was sent, or the channel's policy, or what is usual."""
    channel = sent.get("channel") or names.STABLE
    version = sent.get("version", "")
    # After another product was chosen, the version is that of the one before.
    known = {str(release.version) for release in snapshot.releases} if snapshot else set()
    if not version or (version not in known and "plan" not in sent):
        version = next(iter(_versions(snapshot, "")), "")
    usual = _usual(snapshot.channels.policies.get(channel) if snapshot else None)
    texts = {
        name: sent.get(name, usual.get(name, ""))
        for name in ("stages", "soak", "halt", "on_halt", "window")
    }
    # A policy says nothing of them, so they are empty unless somebody fills them in.
    texts |= {name: sent.get(name, "") for name in ("boards", "start_at")}
    return {"product": product, "version": version, "channel": channel, **texts}


def _usual(document: Mapping[str, Any] | None) -> dict[str, str]:
    """Returns the policy of a channel as the form has it; what is usual if it has none."""
    usual = {
        "stages": DEFAULT_STAGES,
        "soak": DEFAULT_SOAK,
        "halt": DEFAULT_HALT,
        "on_halt": "stop",
    }
    if document is None:
        return usual
    try:
        policy = Policy.from_dict(document).to_dict()
    except AcpublishError:
        # That of a newer version.
        return usual
    soaks = [as_written(duration(text)) for text in policy["soak"]]
    return {
        "stages": ",".join(policy["stages"]),
        "soak": soaks[0] if len(set(soaks)) == 1 else ",".join(soaks),
        "halt": policy["halt"],
        "on_halt": "order-back-at-once" if policy["at_once"] else policy["on_halt"],
        "window": policy["window"] or "",
    }


async def _start(visit: Visit) -> Response:
    """Starts a rollout, and shows it; what was refused is shown above the form."""
    fleet = visit.site.fleet()
    sent = {name: value.strip() for name, value in visit.form.items()}
    fields = ("product", "version", "channel", "stages", "soak", "halt")
    try:
        with from_form():
            wanted = _Wanted.of({**dict.fromkeys(fields, ""), **sent})
            start = fleet.rollouts.start(
                *wanted.what, offers_from=wanted.offers_from, boards=wanted.boards, by=visit.by
            )
            document = await fleet.make(start)
    except AcpublishError as error:
        return await _page(visit, sent, plans=False, error=shown(error))
    visit.request.scope[NOTE] += f"; started {document['id']}"
    text = visit.t("rollouts.done_start", product=wanted.product, version=wanted.version)
    return visit.redirect(rollout_path(document["id"]), text)
