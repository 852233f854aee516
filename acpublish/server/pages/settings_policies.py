"""``/_/settings/policies``: how releases go to the channels, in stages."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import AcpublishError, NotFoundError
from acpublish.fleet.describing import unknown_mark
from acpublish.fleet.policy import DEFAULT_HALT, DEFAULT_SOAK, DEFAULT_STAGES, Policy
from acpublish.release import changes as release_changes
from acpublish.release import names
from acpublish.release.durations import as_written, of_seconds
from acpublish.release.rollout_changes import RolloutChange
from acpublish.server.api.authority import NOTE
from acpublish.server.api.routes import Shown
from acpublish.server.pages.page_routes import changes, shows
from acpublish.server.pages.page_site import PageSite
from acpublish.server.pages.paging import paged
from acpublish.server.pages.settings_sections import ROOT, ROWS, or_again, section_page
from acpublish.server.pages.visits import Visit
from acpublish.server.tokens import Scope

PATH = f"{ROOT}/policies"
CHANNEL = f"{PATH}/channel"


class ChannelRow(NamedTuple):
    """A channel of a product.

    Attributes:
        product: The product.
        channel: The channel.
        words: Its policy for a person; empty if it has none.
        fault: Why its policy cannot be read; empty if it can.
    """

    product: str
    channel: str
    words: Mapping[str, str]
    fault: str = ""

    @property
    def path(self) -> str:
        """The address of the page that changes it."""
        return channel_path(self.product, self.channel)


def channel_path(product: str, channel: str) -> str:
    """Returns the address of the page that changes the policy of a channel."""
    return f"{CHANNEL}?{urlencode({'product': product, 'channel': channel})}"


def policy_settings(site: PageSite) -> list[Route]:
    """Returns the routes."""
    return [
        shows(PATH, _show, site),
        shows(CHANNEL, _show_channel, site, Scope.MANAGE),
        changes(f"{CHANNEL}/set", lambda visit: or_again(visit, _set, _channel_page), site),
        changes(f"{CHANNEL}/clear", lambda visit: or_again(visit, _clear, _channel_page), site),
    ]


async def _show(visit: Visit) -> Response:
    wanted = visit.request.query_params.get("product", "").strip().lower()
    # Anybody may ask, so only a few do at a time.
    async with visit.site.threads:
        rows = await asyncio.to_thread(_rows, visit.site.catalog, wanted)
    return await section_page(
        visit,
        PATH,
        "settings_policies.html",
        channels=paged(visit, rows, ROWS, PATH),
        product=wanted,
    )


def _rows(catalog: DirectoryCatalog, wanted: str) -> list[ChannelRow]:
    """Returns the channels of all products whose names contain a text."""
    rows = []
    for product in catalog.products():
        if wanted not in product:
            continue
        channels = catalog.snapshots.product(product).channels
        for channel in sorted({*channels.pointers, *channels.policies, *channels.rolling}):
            rows.append(_row(product, channel, channels.policies.get(channel)))
    return rows


def _row(product: str, channel: str, document: object) -> ChannelRow:
    if document is None:
        return ChannelRow(product, channel, {})
    try:
        return ChannelRow(product, channel, Policy.from_dict(document).in_words())
    except AcpublishError as error:
        # A newer acpublish may have set it.
        return ChannelRow(product, channel, {}, error.problem)


async def _show_channel(visit: Visit) -> Response:
    """Shows the form of a channel, which need not have a release yet.

    Raises:
        AcpublishError: There is no such product, or the channel has no valid name.
    """
    return await _channel_page(visit)


def _where(visit: Visit) -> tuple[names.ProductName, names.ChannelName]:
    given = visit.form or visit.request.query_params
    product = names.product(given.get("product", "").strip())
    channel = names.channel(given.get("channel", "").strip())
    if not visit.site.catalog.owns(product):
        raise NotFoundError(
            f"the catalog has no product {product}", hint="Publish a release of it first."
        )
    return product, channel


async def _channel_page(visit: Visit, status: int = 200, fault: Shown | None = None) -> Response:
    product, channel = _where(visit)
    snapshot = visit.site.catalog.snapshots.product(product)
    stored = snapshot.channels.policies.get(channel)
    row = _row(product, channel, stored)
    fields = visit.form if "stages" in visit.form else _fields(stored)
    return await section_page(
        visit, PATH, "settings_policy.html", status, row=row, fields=fields, fault=fault
    )


def _fields(stored: object) -> dict[str, str]:
    """Returns the fields of the form for a policy; those of the defaults without one."""
    try:
        policy = Policy.parse(DEFAULT_STAGES) if stored is None else Policy.from_dict(stored)
    except AcpublishError:
        # The page says why it cannot be read, and that it can be set anew.
        policy = Policy.parse(DEFAULT_STAGES)
    soaks = [as_written(of_seconds(seconds)) for seconds in policy.soak_s]
    document = policy.to_dict()
    return {
        "stages": ",".join(document["stages"]),
        "soak": soaks[0] if len(set(soaks)) == 1 else ",".join(soaks),
        "halt": document["halt"],
        "on_halt": policy.on_halt,
        "window": document["window"] or "",
        **({"at_once": "yes"} if policy.at_once else {}),
    }


async def _set(visit: Visit) -> Response:
    form = visit.form
    policy = Policy.parse(
        form.get("stages", "").strip(),
        soak=form.get("soak", "").strip() or DEFAULT_SOAK,
        halt=form.get("halt", "").strip() or DEFAULT_HALT,
        on_halt=form.get("on_halt", "stop"),
        at_once="at_once" in form,
        window=form.get("window", "").strip() or None,
    )
    return await _change(visit, policy)


async def _clear(visit: Visit) -> Response:
    return await _change(visit, None)


async def _change(visit: Visit, policy: Policy | None) -> Response:
    product, channel = _where(visit)
    token = visit.need(Scope.MANAGE)
    reason = visit.form.get("reason", "").strip()
    release_changes.need_texts(token.id, reason)
    change = RolloutChange(
        action="policy",
        channel=channel,
        policy=None if policy is None else policy.to_dict(),
        by=token.id,
        why=reason,
    )
    check = partial(visit.check, Scope.MANAGE)
    changed = await visit.site.changes.make(product, change, check)
    about = "cleared" if policy is None else "set"
    visit.request.scope[NOTE] += f"; policy of {channel} {about}: change {changed.serial}"
    if policy is not None and visit.session is not None:
        for text in await asyncio.to_thread(_unknown_marks, visit.site, product, policy):
            visit.session.note("warn", text)
    key = f"settings_policies.{about if changed.change is not None else 'same'}"
    return visit.redirect(PATH, visit.t(key, product=product, channel=channel))


def _unknown_marks(site: PageSite, product: str, policy: Policy) -> list[str]:
    """Returns a warning of each stage for a tag or group that no device has; for a thread."""
    own = None if site.state is None else site.state.products.get(product)
    stages = [stage for stage in policy.stages if stage.name]
    if site.state is None or not stages:
        return []
    devices = [] if own is None else list(own.devices.values())
    warnings: list[str] = []
    for stage in stages:
        marks = (device.tags if stage.kind == "tag" else device.groups for device in devices)
        known = {name for names_of_device in marks for name in names_of_device}
        unknown = unknown_mark(stage, known)
        if unknown:
            end = "" if unknown.endswith("?") else "."
            why = f"{unknown}{end}"
            warnings.append(
                site.rendering.texts("settings_policies.nobody", stage=stage.text, why=why)
            )
    return warnings
