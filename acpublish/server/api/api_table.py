"""The endpoints of ``/api/v1``: one table, from which the routes and the OpenAPI document come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from acpublish.server.api.change_routes import ChangeRoutes
from acpublish.server.api.endpoints import Call, Endpoint, Schema
from acpublish.server.api.fleet_routes import FleetRoutes
from acpublish.server.api.policy_routes import PolicyRoutes
from acpublish.server.api.publish import PublishRoute
from acpublish.server.api.read import ReadRoutes
from acpublish.server.api.rollout_routes import RolloutRoutes
from acpublish.server.api.token_routes import TokenRoutes
from acpublish.server.api.webhook_routes import WebhookRoutes

_PRODUCT = "/products/{product}"
_POLICY = f"{_PRODUCT}/channels/{{channel}}/policy"
_RELEASE = "/releases/{product}/{version}/{board}"
_DEVICE = "/fleet/devices/{device}"
_ROLLOUT = "/fleet/rollouts/{rollout}"

_TEXT: Schema = {"type": "string"}
_YES: Schema = {"type": "boolean"}
_PAGES: Mapping[str, Schema] = {
    "cursor": _TEXT,
    "limit": {"type": "integer", "minimum": 1, "maximum": 1000},
}
_FILTERS: Mapping[str, Schema] = {
    **dict.fromkeys(("product", "board", "version", "tag", "group"), _TEXT),
    "not_seen_s": {"type": "number", "minimum": 0},
    "stuck": _YES,
    "flagged": _YES,
}
_KIND: Mapping[str, Schema] = {"kind": {"type": "string", "enum": ["firmware", "filesystem"]}}
_SUBMISSION: Mapping[str, Schema] = {
    **_KIND,
    **dict.fromkeys(("channel", "chip", "no_downgrade_below", "requires"), _TEXT),
    "compress": {"type": "string", "enum": ["yes", "no"]},
}
_WHY: Mapping[str, Schema] = {"why": _TEXT}
_NO_QUERY: Mapping[str, Schema] = {}


class ApiRoutes(NamedTuple):
    """What answers the requests of each kind."""

    read: ReadRoutes
    publish: PublishRoute
    changes: ChangeRoutes
    policies: PolicyRoutes
    tokens: TokenRoutes
    devices: FleetRoutes
    rollouts: RolloutRoutes
    webhooks: WebhookRoutes


def endpoints(api: ApiRoutes) -> tuple[Endpoint, ...]:
    """Returns all endpoints, but that of the OpenAPI document."""
    return (
        *_of_catalog(api),
        *_of_tokens(api.tokens),
        *_of_fleet(api.devices, api.rollouts),
        *_of_webhooks(api.webhooks),
    )


def _of_catalog(api: ApiRoutes) -> tuple[Endpoint, ...]:
    read, changes, policies = api.read, api.changes, api.policies
    manage = "manage"
    return (
        _get("/client", read.client, "Client"),
        _get("/products", read.products, "Products"),
        _get(_PRODUCT, read.releases, "Releases"),
        _get(f"{_PRODUCT}/devices", read.devices, "Adoptions"),
        _get(f"{_PRODUCT}/keys", read.keys, "Keys"),
        _get(f"{_PRODUCT}/channels", changes.channels, "Channels"),
        _get(f"{_PRODUCT}/history", changes.history, "History"),
        Endpoint(
            method="POST",
            path=f"{_PRODUCT}/changes",
            call=changes.change,
            scope="publish to promote, and manage for everything else",
            body="ChangeRequest",
            answer="Changed",
        ),
        _get(_POLICY, policies.show, "ChannelPolicy"),
        Endpoint(
            method="PUT",
            path=_POLICY,
            call=policies.set,
            scope=manage,
            body="Policy",
            answer="Changed",
            query=_WHY,
        ),
        Endpoint(
            method="DELETE",
            path=_POLICY,
            call=policies.clear,
            scope=manage,
            answer="Changed",
            query=_WHY,
        ),
        _get(f"{_RELEASE}/image", changes.image, "bytes", "read", _KIND),
        Endpoint(
            method="PUT",
            path=_RELEASE,
            call=api.publish.put,
            scope="publish",
            body="bytes",
            answer="Receipt",
            query=_SUBMISSION,
            statuses=(200, 201),
        ),
    )


def _of_tokens(tokens: TokenRoutes) -> tuple[Endpoint, ...]:
    return (
        _get("/tokens", tokens.all, "Tokens", "manage"),
        _post("/tokens", tokens.create, "TokenRequest", "NewToken", status=201),
        Endpoint(
            method="DELETE",
            path="/tokens/{id}",
            call=tokens.revoke,
            scope="manage",
            answer="Token",
        ),
        _post("/tokens/{id}/rotate", tokens.rotate, "Grace", "NewToken", status=201),
        _post("/login-links", tokens.login_link, "", "LoginLink", status=201),
    )


def _of_webhooks(webhooks: WebhookRoutes) -> tuple[Endpoint, ...]:
    manage, one = "manage", "/webhooks/{id}"
    return (
        _get("/webhooks", webhooks.all, "Webhooks", manage),
        _post("/webhooks", webhooks.add, "WebhookRequest", "NewWebhook", status=201),
        Endpoint(method="DELETE", path=one, call=webhooks.remove, scope=manage, answer="Webhook"),
        _post(f"{one}/test", webhooks.test, "", "WebhookTest"),
        _post(f"{one}/retry", webhooks.retry, "", "Webhook"),
        _get("/undelivered", webhooks.undelivered, "Undelivered", manage),
    )


def _of_fleet(devices: FleetRoutes, rollouts: RolloutRoutes) -> tuple[Endpoint, ...]:
    read = "read"
    return (
        _get("/fleet/devices", devices.devices, "Devices", read, {**_FILTERS, **_PAGES}),
        _get(_DEVICE, devices.device, "DeviceStory", read),
        _post(_DEVICE, devices.change, "DeviceChange", "DeviceStory"),
        Endpoint(
            method="DELETE",
            path=_DEVICE,
            call=devices.forget,
            scope="manage",
            answer="DeviceStory",
        ),
        _get(f"{_DEVICE}/explanation", devices.explanation, "Explanation", read),
        _post(f"{_DEVICE}/retry", devices.retry, "", "RetriedDevice"),
        _post("/fleet/retry-flagged", devices.retry_flagged, "", "RetriedDevices"),
        _get("/fleet/status", devices.status, "FleetStatus", read),
        _get("/fleet/rollouts", rollouts.rollouts, "Rollouts", read, {"product": _TEXT, **_PAGES}),
        _post("/fleet/rollouts", rollouts.start, "RolloutStart", "RolloutDetails", status=201),
        _get(_ROLLOUT, rollouts.rollout, "RolloutDetails", read),
        _post(f"{_ROLLOUT}/pause", rollouts.pause, "Reason", "RolloutDetails"),
        _post(f"{_ROLLOUT}/resume", rollouts.resume, "", "RolloutDetails"),
        _post(f"{_ROLLOUT}/advance", rollouts.advance, "", "RolloutDetails"),
        _post(f"{_ROLLOUT}/abort", rollouts.abort, "Reason", "RolloutDetails"),
        _post("/fleet/plan", rollouts.plan, "PlanRequest", "Plan", scope=read),
    )


def _get(
    path: str,
    call: Call,
    answer: str,
    scope: str = "",
    query: Mapping[str, Schema] = _NO_QUERY,
) -> Endpoint:
    return Endpoint(method="GET", path=path, call=call, scope=scope, answer=answer, query=query)


def _post(
    path: str, call: Call, body: str, answer: str, *, scope: str = "manage", status: int = 200
) -> Endpoint:
    return Endpoint(
        method="POST",
        path=path,
        call=call,
        scope=scope,
        body=body,
        answer=answer,
        statuses=(status,),
    )
