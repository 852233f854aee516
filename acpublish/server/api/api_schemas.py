"""The JSON Schemas of what ``/api/v1`` takes and returns, by the names in the OpenAPI document.

Objects may get further keys in later versions, so a client ignores those that it does not know.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
_YES: Schema = {"type": "boolean"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_COUNT_OR_NULL: Schema = {"type": ["integer", "null"]}
_SECONDS: Schema = {"type": "number"}
_ANY: Schema = {"type": "object"}


def _object(*optional: str, **properties: Schema) -> Schema:
    """Returns the schema of an object, of which the named properties may be missing."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _one_of(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


_NAMES = _list(_TEXT)
_BOARD_AND_KIND = {"board": _TEXT, "kind": _one_of("firmware", "filesystem")}
_PLACE = _object(**_BOARD_AND_KIND)
_ORDERED = _object(**_BOARD_AND_KIND, versions=_NAMES)
_AUTHOR = {"at": _TEXT, "by": _TEXT, "why": _TEXT}
_WEBHOOK = {
    "id": _TEXT,
    "url": _TEXT,
    "format": _one_of("standard", "ntfy"),
    "events": _NAMES,
    "created": _TEXT,
    "disabled": _TEXT,
    "waiting": _COUNT,
    "undelivered": _COUNT,
    "delivered_at": {"type": ["number", "null"]},
    "error": _TEXT,
}
_POINTER = _object(
    "taken_back",
    "orders",
    "ordered_back",
    "rolled",
    version=_TEXT,
    serial=_COUNT,
    **_AUTHOR,
    taken_back=_YES,
    orders=_NAMES,
    ordered_back=_NAMES,
    rolled=_YES,
)
_ROLLING = _object(
    "offers_from",
    "halted",
    version=_TEXT,
    serial=_COUNT,
    rollout=_COUNT,
    **_AUTHOR,
    policy=_ANY,
    offers_from=_COUNT,
    halted=_TEXT,
)
_MOVE = _object(channel=_TEXT, **_BOARD_AND_KIND, **{"from": _TEXT_OR_NULL, "to": _TEXT_OR_NULL})
_TOKEN = {
    "id": _TEXT,
    "name": _TEXT,
    "scopes": _NAMES,
    "channels": _NAMES,
    "created": _TEXT,
    "expires": _TEXT_OR_NULL,
    "replaced_by": _TEXT_OR_NULL,
    "last_used": _TEXT_OR_NULL,
}
_DEVICE = {
    "id": _TEXT,
    "mac": _TEXT_OR_NULL,
    "name": _TEXT,
    "product": _TEXT,
    "board": _TEXT,
    "family": _TEXT_OR_NULL,
    "runs": _TEXT_OR_NULL,
    "claims": _TEXT_OR_NULL,
    "first_seen": _SECONDS,
    "last_seen": _SECONDS,
    "flags": _NAMES,
    "tags": _NAMES,
    "groups": _NAMES,
}
_REPORT = _object(
    version=_TEXT_OR_NULL,
    sketch_md5=_TEXT_OR_NULL,
    sketch_sha256=_TEXT_OR_NULL,
    sketch_size=_COUNT_OR_NULL,
    free_space=_COUNT_OR_NULL,
    chip_size=_COUNT_OR_NULL,
    sdk_version=_TEXT_OR_NULL,
    ap_mac=_TEXT_OR_NULL,
)
_RECEIVED = _object(at=_SECONDS, sha256=_TEXT)
_PIN = _object("order_back", version=_TEXT, order_back=_YES)
_STORY = dict(
    **_DEVICE,
    channel=_TEXT,
    address=_TEXT_OR_NULL,
    chip=_TEXT_OR_NULL,
    note=_TEXT,
    pin=_or_null(_PIN),
    hold=_YES,
    obstacle=_TEXT,
    unverified=_YES,
    visits=_COUNT,
    gaps=_list(_COUNT),
    longest_gap_s=_COUNT,
    report=_REPORT,
    box=_object(whole=_COUNT, broken=_COUNT, until=_SECONDS, offered_at=_SECONDS),
    offers=_list(
        _object(at=_SECONDS, version=_TEXT, kind=_TEXT, rollout=_TEXT_OR_NULL, became=_TEXT)
    ),
    received=_object(firmware=_or_null(_RECEIVED), filesystem=_or_null(_RECEIVED)),
)
_ROLLOUT = {
    "id": _TEXT,
    "product": _TEXT,
    "version": _TEXT,
    "channel": _TEXT,
    "state": _one_of("running", "waiting", "paused", "halted", "complete", "aborted", "superseded"),
    "reason": _TEXT,
    "stage": _COUNT,
    "stages": _list(
        _object(
            target=_TEXT,
            devices=_COUNT,
            offered=_COUNT,
            delivered=_COUNT,
            running=_COUNT,
            failed=_COUNT,
            unrecognised=_COUNT,
            pending=_COUNT,
        )
    ),
}
_WHAT = {"product": _TEXT, "version": _TEXT, "channel": _TEXT, "policy": _ref("Policy")}

SCHEMAS: dict[str, Schema] = {
    "Problem": _object("check", error=_TEXT, hint=_TEXT, code=_TEXT, check=_TEXT),
    "Client": _object(address=_TEXT_OR_NULL, port=_COUNT_OR_NULL, proxy=_YES),
    "Products": _object(products=_NAMES),
    "Releases": _object(product=_TEXT, releases=_list(_ANY)),
    "Adoptions": _object(
        product=_TEXT,
        since=_TEXT,
        devices=_list(
            _object(
                "unverified",
                "never_updated",
                board=_TEXT,
                version=_TEXT_OR_NULL,
                count=_COUNT,
                unverified=_YES,
                never_updated=_YES,
            )
        ),
        omitted=_COUNT,
    ),
    "Keys": _object(product=_TEXT, keys=_list(_object(key=_TEXT, public=_TEXT))),
    "Channels": _object(
        product=_TEXT,
        channels=_list(
            _object(
                channel=_TEXT,
                **_BOARD_AND_KIND,
                current=_or_null(_POINTER),
                before=_list(_POINTER),
                rolling=_or_null(_ROLLING),
            )
        ),
        policies={"type": "object", "additionalProperties": _ref("Policy")},
    ),
    "Change": _object(
        *("rolling", "policy"),
        serial=_COUNT,
        action=_TEXT,
        **_AUTHOR,
        version=_TEXT_OR_NULL,
        channel=_TEXT_OR_NULL,
        images=_list(_PLACE),
        moves=_list(_MOVE),
        ordered_back=_list(_ORDERED),
        rolling=_list(_PLACE),
        policy=_or_null(_ref("Policy")),
    ),
    "History": _object(product=_TEXT, history=_list(_ref("Change"))),
    "ChangeRequest": _object(
        *("version", "channel", "boards", "why", "by", "order_back", "keep", "older_than_s"),
        *("apply", "serial"),
        action=_one_of("promote", "rollback", "withdraw", "undo", "retain", "delete"),
        version=_TEXT_OR_NULL,
        channel=_TEXT_OR_NULL,
        boards=_NAMES,
        why=_TEXT,
        by=_TEXT,
        order_back=_YES,
        keep=_COUNT,
        older_than_s=_COUNT,
        apply=_YES,
        serial=_COUNT_OR_NULL,
    ),
    "Changed": _object(
        serial=_COUNT,
        change=_or_null(_ref("Change")),
        applied=_YES,
        notes=_NAMES,
        ordered_back=_list(_ORDERED),
        freed=_list(_object(version=_TEXT, **_BOARD_AND_KIND, bytes=_COUNT)),
        devices=_COUNT_OR_NULL,
    ),
    "Policy": _object(
        "soak",
        "halt",
        "on_halt",
        "at_once",
        "window",
        stages=_NAMES,
        soak=_NAMES,
        halt=_TEXT,
        on_halt=_one_of("stop", "order-back"),
        at_once=_YES,
        window=_TEXT_OR_NULL,
    ),
    "ChannelPolicy": _object(product=_TEXT, channel=_TEXT, policy=_or_null(_ref("Policy"))),
    "Receipt": _object(
        "rolling",
        outcome=_TEXT,
        product=_TEXT,
        version=_TEXT,
        **_BOARD_AND_KIND,
        channel=_TEXT,
        points_at=_TEXT_OR_NULL,
        rolling=_YES,
        file=_TEXT,
        size=_COUNT,
        md5=_TEXT,
        sha256=_TEXT,
        compressed=_or_null(_object(size=_COUNT, md5=_TEXT, sha256=_TEXT)),
        url=_TEXT,
        warnings=_NAMES,
    ),
    "Token": _object(**_TOKEN),
    "Tokens": _object(tokens=_list(_ref("Token"))),
    "TokenRequest": _object(
        "publish",
        "channels",
        "read",
        "manage",
        "name",
        "expires_s",
        publish=_TEXT,
        channels=_NAMES,
        read=_YES,
        manage=_YES,
        name=_TEXT,
        expires_s=_COUNT_OR_NULL,
    ),
    "LoginLink": _object(path=_TEXT, seconds=_COUNT),
    "NewToken": _object(token=_TEXT, **_TOKEN, replaces=_or_null(_ref("Token"))),
    "Grace": _object(grace_s=_COUNT),
    "Webhook": _object(**_WEBHOOK),
    "Webhooks": _object(webhooks=_list(_ref("Webhook"))),
    "WebhookRequest": _object(
        "format",
        "events",
        "token",
        url=_TEXT,
        format=_one_of("standard", "ntfy"),
        events=_NAMES,
        token=_TEXT,
    ),
    "NewWebhook": _object(**_WEBHOOK, secret=_TEXT),
    "WebhookTest": _object(id=_TEXT, delivered=_YES, error=_TEXT),
    "Undelivered": _object(
        undelivered=_list(
            _object(
                webhook=_TEXT,
                id=_TEXT,
                event=_TEXT,
                at=_SECONDS,
                product=_TEXT,
                data=_ANY,
                attempts=_COUNT,
                error=_TEXT,
            )
        )
    ),
    "Device": _object(**_DEVICE),
    "Devices": _object(devices=_list(_ref("Device")), next=_TEXT_OR_NULL),
    "RetriedDevices": _object(devices=_list(_ref("Device"))),
    "DeviceStory": _object(**_STORY),
    "RetriedDevice": _object(**_STORY, retried=_YES),
    "DeviceChange": _object(
        *("name", "note", "add_tags", "remove_tags", "add_groups", "remove_groups", "pin"),
        "hold",
        name=_TEXT,
        note=_TEXT,
        add_tags=_NAMES,
        remove_tags=_NAMES,
        add_groups=_NAMES,
        remove_groups=_NAMES,
        pin=_or_null(_PIN),
        hold=_YES,
    ),
    "Explanation": _object(
        device=_TEXT,
        verdict=_one_of("offer", "up-to-date", "nothing", "refuse"),
        rule=_TEXT,
        reason=_TEXT,
        version=_TEXT_OR_NULL,
        rules=_list(
            _object(
                rule=_TEXT,
                result=_one_of("allows", "prevents", "does not apply"),
                reason=_TEXT,
            )
        ),
    ),
    "FleetStatus": _object(
        devices=_list(
            _object(
                product=_TEXT,
                board=_TEXT,
                version=_TEXT_OR_NULL,
                claims=_TEXT_OR_NULL,
                count=_COUNT,
            )
        ),
        omitted=_COUNT,
    ),
    "Rollout": _object(**_ROLLOUT),
    "Rollouts": _object(rollouts=_list(_ref("Rollout")), next=_TEXT_OR_NULL),
    "RolloutDetails": _object(
        **_ROLLOUT,
        policy=_ref("Policy"),
        started_at=_SECONDS,
        offers_from=_SECONDS,
        boards=_list(_object(boards=_NAMES, stage=_COUNT, done=_YES)),
        way_back=_or_null(_object(stage=_COUNT, ordered=_COUNT, returned=_COUNT)),
        devices=_list(_object(running=_NAMES, failed=_NAMES, unrecognised=_NAMES, pending=_NAMES)),
    ),
    "RolloutStart": _object(
        "offers_from", "boards", **_WHAT, offers_from=_COUNT_OR_NULL, boards=_NAMES
    ),
    "Reason": _object("reason", reason=_TEXT),
    "PlanRequest": _object("boards", **_WHAT, boards=_NAMES),
    "Plan": _object(stages=_list(_COUNT)),
    "OpenApi": _object(openapi=_TEXT, info=_ANY, paths=_ANY, components=_ANY),
}
