"""Every scope at every address, after the table in the reference of the HTTP API."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.catalog.lock import CatalogLock
from acpublish.image.stamper import stamp
from acpublish.server.api.publisher import Publisher
from acpublish.server.api.routes import create_api
from acpublish.server.checkins import DeviceCounts
from acpublish.server.token_file import FILE, TokenStore
from acpublish.server.tokens import Tokens
from tests.docs.documents import ROOT
from tests.support.images import esp32_image
from tests.support.tokens import create_token
from tests.unit.server.in_memory import ask, lamp_catalog, make

#: What serves devices is no route of the API.
FOR_DEVICES = {("GET", "/_catalog"), ("GET", "/update/<product>/<board>"), ("GET", "/<path>")}
RELEASE = "/api/v1/releases/<product>/<version>/<board>"
CHANGES = "/api/v1/products/<product>/changes"
POLICY = "/api/v1/products/<product>/channels/<channel>/policy"

#: Each kind of token, and what its scopes are. All but the first three are valid.
TOKENS: dict[str, dict[str, Any]] = {
    "none": {},
    "unknown": {},
    "expired": {"publish": "*", "read": True, "manage": True, "lifetime": timedelta(days=1)},
    "publish": {"publish": "lamp"},
    "publish pattern": {"publish": "la*"},
    "publish another product": {"publish": "bell*"},
    "publish to another channel": {"publish": "lamp", "channels": ["dev"]},
    "read": {"read": True},
    "manage": {"manage": True},
    "publish and read": {"publish": "lamp", "read": True},
    "everything": {"publish": "*", "read": True, "manage": True},
}
INVALID = ("none", "unknown", "expired")
#: Which tokens are enough for a scope.
ENOUGH = {
    "none": set(TOKENS),
    "publish": {"publish", "publish pattern", "publish and read", "everything"},
    "read": {"read", "manage", "publish and read", "everything"},
    "manage": {"manage", "everything"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A request to an address of the table.

    Attributes:
        method: As in the table.
        address: As in the table.
        target: The target of the request.
        body: The body of the request; a publish sends the image that is published.
        nth: Which of the scopes in the row it needs.
        status: The status if it is allowed; nothing in the catalog changes.
    """

    method: str
    address: str
    target: str
    body: bytes = b""
    nth: int = 0
    status: int = 200


def change(action: str) -> bytes:
    """Returns the plan of a change, which changes nothing."""
    request = {"action": action, "version": "1.0.0", "channel": "stable", "why": "x"}
    return json.dumps({**request, "keep": 1, "apply": False}).encode()


CASES = [
    Case(method="GET", address="/_catalog", target="/_catalog?op=list&path=."),
    Case(method="GET", address="/update/<product>/<board>", target="/update/lamp/c3"),
    Case(method="GET", address="/<path>", target="/lamp/lamp-1.0.0_c3.bin"),
    Case(method="GET", address="/api/v1/client", target="/api/v1/client"),
    Case(method="GET", address="/api/v1/products", target="/api/v1/products"),
    *(
        Case(
            method="GET",
            address=f"/api/v1/products/<product>{suffix}",
            target=f"/api/v1/products/lamp{suffix}",
        )
        for suffix in ("", "/keys", "/channels", "/history", "/devices")
    ),
    Case(method="GET", address=f"{RELEASE}/image", target="/api/v1/releases/lamp/1.0.0/c3/image"),
    Case(method="PUT", address=RELEASE, target="/api/v1/releases/lamp/1.0.0/c3"),
    Case(
        method="POST",
        address=CHANGES,
        target="/api/v1/products/lamp/changes",
        body=change("promote"),
    ),
    *(
        Case(
            method="POST",
            address=CHANGES,
            target="/api/v1/products/lamp/changes",
            body=change(action),
            nth=1,
            status=status,
        )
        for action, status in [
            ("withdraw", 200),
            ("delete", 200),
            ("retain", 200),
            ("undo", 200),
            # There is nothing to go back to.
            ("rollback", 409),
        ]
    ),
    Case(method="GET", address="/api/v1/openapi.json", target="/api/v1/openapi.json"),
    Case(method="GET", address=POLICY, target="/api/v1/products/lamp/channels/x/policy"),
    # The body is refused, and there is no policy to take away.
    Case(
        method="PUT",
        address=POLICY,
        target="/api/v1/products/lamp/channels/x/policy",
        body=b"{}",
        status=400,
    ),
    Case(method="DELETE", address=POLICY, target="/api/v1/products/lamp/channels/x/policy"),
    # This server does not know its devices.
    *(
        Case(
            method=method,
            address=f"/api/v1/fleet{address}",
            target=f"/api/v1/fleet{address}".replace("<", "").replace(">", ""),
            status=409,
        )
        for method, address in [
            ("GET", "/devices"),
            ("GET", "/devices/<device>"),
            ("POST", "/devices/<device>"),
            ("DELETE", "/devices/<device>"),
            ("GET", "/devices/<device>/explanation"),
            ("POST", "/devices/<device>/retry"),
            ("POST", "/retry-flagged"),
            ("GET", "/status"),
            ("GET", "/rollouts"),
            ("POST", "/rollouts"),
            ("GET", "/rollouts/<rollout>"),
            *(
                ("POST", f"/rollouts/<rollout>/{action}")
                for action in ("pause", "resume", "advance", "abort")
            ),
            ("POST", "/plan"),
        ]
    ),
    Case(method="GET", address="/api/v1/tokens", target="/api/v1/tokens"),
    # The body is refused, so that the tokens stay as they are.
    Case(method="POST", address="/api/v1/tokens", target="/api/v1/tokens", body=b"{}", status=400),
    Case(
        method="DELETE",
        address="/api/v1/tokens/<id>",
        target="/api/v1/tokens/nothing",
        status=404,
    ),
    Case(
        method="POST",
        address="/api/v1/tokens/<id>/rotate",
        target="/api/v1/tokens/nothing/rotate",
        body=b'{"grace_s": 0}',
        status=404,
    ),
    Case(
        method="POST",
        address="/api/v1/login-links",
        target="/api/v1/login-links",
        status=201,
    ),
    Case(method="GET", address="/api/v1/webhooks", target="/api/v1/webhooks"),
    # The body is refused, so that nothing is sent anywhere.
    Case(
        method="POST", address="/api/v1/webhooks", target="/api/v1/webhooks", body=b"{}", status=400
    ),
    Case(
        method="DELETE",
        address="/api/v1/webhooks/<id>",
        target="/api/v1/webhooks/nothing",
        status=404,
    ),
    *(
        Case(
            method="POST",
            address=f"/api/v1/webhooks/<id>/{what}",
            target=f"/api/v1/webhooks/nothing/{what}",
            status=404,
        )
        for what in ("test", "retry")
    ),
    Case(method="GET", address="/api/v1/undelivered", target="/api/v1/undelivered"),
]


def documented() -> dict[tuple[str, str], list[str]]:
    """Returns the table: the scopes of each method and address."""
    text = (ROOT / "docs/reference/http-api.md").read_text()
    section = text.split("\n## Scopes\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([A-Z]+) \| `(\S+)` \| (.+) \|$", section, re.M)
    table = {(method, address): re.findall(r"`(\w+)`", scopes) for method, address, scopes in rows}
    assert len(table) == len(rows)
    return table


@dataclass(frozen=True, slots=True)
class Site:
    """An application, and a token of each kind."""

    app: Any
    tokens: dict[str, str]
    state: Path
    image: bytes

    def ask(self, case: Case, kind: str) -> tuple[int, Any]:
        text = self.tokens[kind]
        headers = [(b"authorization", f"Bearer {text}".encode())] if text else []
        body = self.image if case.address == RELEASE else case.body
        status, answer = asyncio.run(
            ask(self.app, case.target.encode(), headers, method=case.method, body=body)
        )
        return status, json.loads(answer) if status >= 400 else answer


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("site")
    catalog, state = lamp_catalog(folder), folder / "state"
    texts = {"none": "", "unknown": "acp_unknown"}
    for kind, grant in TOKENS.items():
        if kind not in texts:
            texts[kind] = create_token(state, **grant, name=kind)
    document = json.loads((state / FILE).read_text())
    for entry in document["tokens"]:
        if entry["name"] == "expired":
            entry["expires"] = entry["created"]
    (state / FILE).write_text(json.dumps(document))
    image = (catalog / "lamp/lamp-1.0.0_c3.bin").read_bytes()
    return Site(make(catalog), texts, state, image)


def test_the_table_has_every_address_and_each_is_tried(tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    catalog, tokens = DirectoryCatalog(tmp_path / "catalog"), Tokens(tmp_path / "state")
    api = cast(
        Starlette,
        create_api(catalog, tokens, DeviceCounts(), Publisher(catalog, 1 << 20)),
    )
    routes = {
        (method, re.sub(r"\{(\w+)\}", r"<\1>", route.path))
        for route in api.routes
        if isinstance(route, Route)
        for method in route.methods or ()
        if method != "HEAD"
    }
    assert len(routes) == len(api.routes)
    table = documented()
    assert set(table) == routes | FOR_DEVICES
    tried: dict[tuple[str, str], set[str]] = {}
    for case in CASES:
        scopes = table[case.method, case.address]
        tried.setdefault((case.method, case.address), set()).update(scopes[case.nth : case.nth + 1])
    assert tried == {address: set(scopes) for address, scopes in table.items()}


@pytest.mark.parametrize("kind", TOKENS)
@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{case.method} {case.target} {case.body[:22]!r}"
)
def test_a_scope_at_an_address(site: Site, case: Case, kind: str) -> None:
    scopes = documented()[case.method, case.address]
    needed = scopes[case.nth] if scopes else "none"
    before = (site.state / FILE).read_bytes()
    status, document = site.ask(case, kind)
    if kind in ENOUGH[needed]:
        assert status == case.status, document
    elif kind in INVALID:
        assert (status, document["code"]) == (401, "unauthorised")
    else:
        assert (status, document["code"]) == (403, "forbidden")
        assert f"acpublish token create --{needed}" in document["hint"]
    assert (site.state / FILE).read_bytes() == before


def test_a_token_for_a_channel_publishes_and_promotes_there(site: Site) -> None:
    target = "/api/v1/releases/lamp/1.0.0/c3?channel=dev"
    put = Case(method="PUT", address=RELEASE, target=target)
    promote = json.dumps({"action": "promote", "version": "1.0.0", "channel": "dev"}).encode()
    target = "/api/v1/products/lamp/changes"
    for case in (put, Case(method="POST", address=CHANGES, target=target, body=promote)):
        assert site.ask(case, "publish to another channel")[0] == 200
        status, document = site.ask(case, "publish another product")
        assert (status, document["error"]) == (403, "the token is for another product")


def test_devices_are_shown_to_everyone_until_a_token_can_read(tmp_path: Path) -> None:
    catalog, state = lamp_catalog(tmp_path), tmp_path / "state"
    app = make(catalog)

    def status(text: str = "") -> int:
        headers = [(b"authorization", f"Bearer {text}".encode())]
        return asyncio.run(ask(app, b"/api/v1/products/lamp/devices", headers))[0]

    assert status() == 200
    publisher = create_token(state, "*")
    assert status() == status(publisher) == status("acp_unknown") == 200
    manager = create_token(state, manage=True)
    assert status() == status("acp_unknown") == 401
    assert status(publisher) == 403
    assert status(manager) == 200


@pytest.mark.parametrize("what", ["upload", "promotion", "withdrawal"])
def test_a_token_revoked_while_the_catalog_is_locked_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    catalog, state = lamp_catalog(tmp_path), tmp_path / "state"
    text = create_token(state, "lamp", manage=True)
    app, exclusive = make(catalog), CatalogLock.exclusive

    @contextlib.contextmanager
    def revoke_meanwhile(lock: CatalogLock) -> Iterator[None]:
        with exclusive(lock):
            for info in TokenStore(state).all():
                TokenStore(state).revoke(info.id)
            yield

    def ask_for(method: str, target: bytes, body: bytes) -> tuple[int, Any]:
        headers = [(b"authorization", f"Bearer {text}".encode())]
        status, answer = asyncio.run(ask(app, target, headers, method=method, body=body))
        return status, json.loads(answer)

    monkeypatch.setattr(CatalogLock, "exclusive", revoke_meanwhile)
    before = {path: path.read_bytes() for path in catalog.rglob("*") if path.is_file()}
    if what == "upload":
        image = stamp(esp32_image(seed=2), "lamp", "2.0.0")
        status, document = ask_for("PUT", b"/api/v1/releases/lamp/2.0.0/c3", image)
    else:
        action = "promote" if what == "promotion" else "withdraw"
        request = {"action": action, "version": "1.0.0", "channel": "beta", "why": "bad"}
        target = b"/api/v1/products/lamp/changes"
        status, document = ask_for("POST", target, json.dumps(request).encode())
    # The last token is gone, so that nobody can publish.
    assert (status, document["code"]) == (403, "forbidden")
    assert TokenStore(state).all() == ()
    assert {path: path.read_bytes() for path in catalog.rglob("*") if path.is_file()} == before
