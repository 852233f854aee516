"""Forms that change what is offered: promote, roll back, withdraw, undo that, delete, clear away.

Each shows first what devices will get, from the same plan as the commands print. What is confirmed
is exactly what was shown: if the plan would be another by then, the form shows that instead.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from operator import attrgetter
from typing import Any, cast
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import Route

from acpublish.errors import AcpublishError, NotFoundError, RequestError
from acpublish.fleet.policy import Policy
from acpublish.release import names
from acpublish.release.change_request import Changed, ChangeRequest, RequestedAction
from acpublish.release.channel_rows import rows_of
from acpublish.release.durations import duration
from acpublish.release.version import Version
from acpublish.server.api.authority import NOTE
from acpublish.server.api.bodies import read_sent
from acpublish.server.api.change_routes import change_note
from acpublish.server.api.routes import shown
from acpublish.server.pages.page_routes import changes, shows
from acpublish.server.pages.page_site import PageSite
from acpublish.server.pages.product_views import ProductView
from acpublish.server.pages.products_page import PATH, policy_row
from acpublish.server.pages.release_rows import moves_of, orders_of
from acpublish.server.pages.visits import Visit
from acpublish.server.token_file import Token
from acpublish.server.tokens import Scope

ACTIONS = ("promote", "rollback", "withdraw", "undo", "delete", "retain")
#: Those that need a reason, as the commands do.
_NEED_REASON = ("withdraw", "delete")
#: Those that are about all boards.
_WHOLE = ("delete", "retain")
#: Those that are about a product, and not about one of its releases.
_OF_PRODUCT = ("rollback", "retain")
#: What is proposed to be kept: the newest releases, and all that are younger.
_KEEP, _OLDER_THAN = "10", "90d"
_MAX_KEEP_DIGITS = 6
#: The releases that a rollback suggests.
_MAX_BEFORE = 20
_CONFIRMED = "confirm"


def change_form_routes(site: PageSite) -> list[Route]:
    """Returns the routes; those of the product itself come first."""
    path = PATH + "/{product}/change"
    return [shows(path, _show, site), changes(path, _sent, site, needs=None)]


@dataclass(kw_only=True, slots=True)
class Form:
    """A form, and what it would do.

    Attributes:
        product: The product.
        action: What it does.
        version: The release, as it was typed; empty for the one before, in a rollback.
        channel: The channel, as it was typed; empty for any, to clear away.
        boards: The boards that were chosen.
        reason: Why.
        order_back: For a withdrawal, whether devices are ordered back.
        keep: To clear away, how many releases to keep, as it was typed.
        older_than: To clear away, their least age, likewise.
        all_boards: The boards to choose from.
        channels: The channels to choose from.
        before: The releases to go back to, each as a value and a text.
        plan: What it would do; None if that cannot be said.
        planned: Stands for the plan, so that nothing else is confirmed.
        error: Why it cannot be said.
        has_changed: Whether the plan is not the one that was confirmed.
    """

    product: str
    action: str
    version: str
    channel: str
    boards: Sequence[str]
    reason: str = ""
    order_back: bool = False
    keep: str = _KEEP
    older_than: str = _OLDER_THAN
    all_boards: Sequence[str] = ()
    channels: Sequence[str] = ()
    before: Sequence[tuple[str, str]] = ()
    plan: Changed | None = None
    planned: str = ""
    error: AcpublishError | None = None
    has_changed: bool = False
    scope: Scope = field(init=False)

    def __post_init__(self) -> None:
        """Refuses what no form does.

        Raises:
            RequestError: There is no such action.
        """
        if self.action not in ACTIONS:
            raise RequestError("there is no such change", hint="Use the buttons of the page.")
        self.scope = Scope.PUBLISH if self.action == "promote" else Scope.MANAGE

    def request(self) -> ChangeRequest:
        """Returns what is wanted.

        Raises:
            AcpublishError: A name or a version is not valid.
        """
        if not (self.keep.isdecimal() and len(self.keep) <= _MAX_KEEP_DIGITS):
            raise RequestError("the number of releases to keep is not one", hint="Such as 10.")
        if self.all_boards and not self.boards:
            raise RequestError("no board is chosen", hint="Choose at least one.")
        return ChangeRequest(
            action=cast("RequestedAction", self.action),
            version=Version.parse(self.version.strip()) if self.version.strip() else None,
            channel=names.channel(self.channel.strip()) if self.channel else None,
            boards=()
            if set(self.boards) >= set(self.all_boards)
            else tuple(map(names.board, self.boards)),
            why=self.reason.strip(),
            order_back=self.order_back,
            keep=int(self.keep),
            older_than_s=int(read_sent(partial(duration, self.older_than)).total_seconds()),
        )

    def need_reason(self) -> None:
        """Refuses what has to have a reason and has none.

        Raises:
            RequestError: There is none.
        """
        if self.action in _NEED_REASON and not self.reason.strip():
            raise RequestError("no reason is given", hint="Say why; everyone can read it.")


async def _show(visit: Visit) -> Response:
    query = visit.request.query_params
    form, view = await _form(visit, query, None)
    _need(visit, form)
    await _plan(visit, form)
    return await _page(visit, form, view)


async def _sent(visit: Visit) -> Response:
    boards = [value for name, value in visit.fields if name == "board"]
    form, view = await _form(visit, visit.form, boards)
    # A board or a channel is only known from the form, and so is what is needed.
    check = _need(visit, form)
    await _plan(visit, form)
    if visit.form.get("step") == _CONFIRMED and form.error is None and form.plan is not None:
        if visit.form.get("planned") == form.planned:
            return await _make(visit, form, view, check, form.plan)
        form.has_changed = True
    return await _page(visit, form, view)


async def _make(
    visit: Visit, form: Form, view: ProductView, check: Callable[[], Token], plan: Changed
) -> Response:
    try:
        form.need_reason()
        wanted = replace(form.request(), by=check().id, serial=plan.serial)
        changed = await visit.site.changes.make(form.product, wanted, check)
    except AcpublishError as error:
        form.error = error
        return await _page(visit, form, view)
    visit.request.scope[NOTE] += f"; {change_note(wanted, changed)}"
    text = visit.t(f"products.done_{form.action}", **_about(form))
    if changed.change is None:
        text = visit.t("products.nothing")
    return visit.redirect(_back(form), " ".join((str(text), *changed.notes)))


async def _form(
    visit: Visit, fields: Mapping[str, str], boards: Sequence[str] | None
) -> tuple[Form, ProductView]:
    product = names.product(visit.request.path_params["product"])
    view = await visit.site.run(partial(visit.site.products.product, product))
    form = Form(
        product=product,
        action=fields.get("action", ""),
        version=fields.get("version", ""),
        channel=fields.get("channel", ""),
        boards=(),
        reason=fields.get("reason", ""),
        order_back=fields.get("order_back") == "yes",
        keep=fields.get("keep", _KEEP).strip(),
        older_than=fields.get("older_than", _OLDER_THAN).strip(),
    )
    _fill(visit, form, view)
    form.boards = form.all_boards if boards is None else boards
    return form, view


def _fill(visit: Visit, form: Form, view: ProductView) -> None:
    """Fills in what there is to choose from, and what is chosen at first.

    Raises:
        AcpublishError: There is no such release or channel.
    """
    channels = view.snapshot.channels
    if form.action == "retain":
        form.channels = channels.names
        return
    if form.action == "rollback":
        rows = [row for row in rows_of(channels) if row.channel == form.channel]
        if not rows:
            raise NotFoundError(
                f"{form.product} has no channel {form.channel}",
                hint="See what its channels point at.",
            )
        form.all_boards = sorted({row.place.board for row in rows})
        before = {pointer.version for row in rows for pointer in row.before}
        ordered = sorted(before, key=lambda version: version.precedence, reverse=True)
        form.before = [(str(version), str(version)) for version in ordered[:_MAX_BEFORE]]
        return
    row = view.row(Version.parse(form.version))
    form.all_boards = () if form.action in _WHOLE else row.boards
    if form.action == "promote":
        form.channels = [
            name for name in channels.names if visit.may(Scope.PUBLISH, form.product, name)
        ]
        if not form.channel:
            others = [name for name in form.channels if name not in row.channels]
            form.channel = next(iter(sorted(others, key=lambda name: name != names.STABLE)), "")


def _need(visit: Visit, form: Form) -> Callable[[], Token]:
    """Makes sure that whoever asks may do it, and returns what makes sure of it later.

    Raises:
        AcpublishError: They may not.
    """
    channel = form.channel.strip() or None if form.action == "promote" else None
    visit.need(form.scope, form.product, channel)
    return partial(visit.check, form.scope, form.product, channel)


async def _plan(visit: Visit, form: Form) -> None:
    """Fills in what the form would do."""
    if form.action == "promote" and not form.channel.strip():
        return
    try:
        wanted = form.request()
        if form.action in _NEED_REASON and not wanted.why:
            # The plan does not depend on the reason, which may be typed later.
            wanted = replace(wanted, why="?")
        form.plan = await visit.site.changes.make(
            form.product, replace(wanted, apply=False), lambda: None
        )
        form.planned = _digest(wanted, form.plan)
    except AcpublishError as error:
        form.error = error


def _digest(wanted: ChangeRequest, plan: Changed) -> str:
    """Returns what stands for a plan; whoever adds a reason confirms the same."""
    document: dict[str, Any] = {**plan.to_dict(), **wanted.to_dict(), "devices": None, "why": ""}
    if document["change"] is not None:
        document["change"] = {**document["change"], "at": "", "why": ""}
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


async def _page(visit: Visit, form: Form, view: ProductView) -> Response:
    plan, change = form.plan, form.plan.change if form.plan else None
    error = None if form.error is None else shown(form.error)
    policy = view.snapshot.channels.policies.get(form.channel)
    reached = await _reached(visit, form, view) if change and change.rolling else ()
    # htmx writes other statuses to the browser's console.
    status = 422 if error is not None and not visit.by_htmx else 200
    return await visit.page(
        "change_form.html" if visit.by_htmx else "change.html",
        status,
        form=form,
        about=_about(form),
        back=_back(form),
        error=error,
        moves=moves_of(change.moves) if change else [],
        freed=sum(plan.freed.values()) if plan else 0,
        removed=sorted({version for version, _ in plan.freed}, key=attrgetter("precedence"))
        if plan and form.action == "retain"
        else [],
        rolling=change.rolling if change else (),
        ordered=orders_of(plan.ordered_back) if plan else [],
        policy=policy_row(visit, form.channel, policy) if change and change.rolling else None,
        reached=reached,
    )


async def _reached(visit: Visit, form: Form, view: ProductView) -> Sequence[int]:
    """Returns how many devices each stage would reach; nothing if whoever asks may not know."""
    people, policy = visit.site.people, view.snapshot.channels.policies.get(form.channel)
    if people is None or policy is None or not visit.may(Scope.READ):
        return ()
    try:
        version, channel = Version.parse(form.version), names.channel(form.channel)
        return await people.show(
            people.rollouts.plan(
                form.product,
                version,
                channel,
                Policy.from_dict(policy),
                boards=form.request().boards,
            )
        )
    except AcpublishError:
        # Such as a stage for a tag that no device has; the rollout would say so as well.
        return ()


def _about(form: Form) -> dict[str, str]:
    return {"product": form.product, "version": form.version, "channel": form.channel}


def _back(form: Form) -> str:
    path = f"{PATH}/{quote(form.product, safe='')}"
    return path if form.action in _OF_PRODUCT else f"{path}/{quote(form.version, safe='')}"
