"""The URLs of pages for people elsewhere lead to pages that there are."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pytest

from acpublish.errors import SettingsError
from acpublish.fleet.fleet_events import FLAGGED, HALTED, KINDS, PUBLISHED, FleetEvent
from acpublish.server.pages.page_app import PAGES
from acpublish.server.pages.page_links import PageLinks, root_of_pages
from tests.unit.server.in_memory import make

ROOT = "https://updates.example.com"
LINKS = PageLinks(ROOT)
LAN, LAN_TLS = "http://192.168.1.10:8000", "https://192.168.1.10:8443"
DEVICE = {"device": "lamp/24:0a:c4:00:00:01", "board": "d1"}
ROLLOUT = {"rollout": "lamp-7", "version": "1.2.4", "channel": "stable"}


@pytest.mark.parametrize(
    ("hosts", "own", "root"),
    [
        ((), LAN, LAN),
        ((), LAN_TLS, LAN_TLS),
        (("proxy", "https://Updates.example.com"), LAN, ROOT),
        (("https://2001:db8::1",), LAN, "https://[2001:db8::1]"),
        # The port of a proxy that speaks http is not known, but a certificate has the name.
        (("updates.example.com",), LAN, LAN),
        (("updates.example.com",), LAN_TLS, f"{ROOT}:8443"),
        (("updates.example.com",), "https://127.0.0.1:8443", f"{ROOT}:8443"),
        # Nobody's phone reaches these.
        ((), "http://127.0.0.1:8000", ""),
        ((), "http://[::1]:8000", ""),
    ],
)
def test_where_people_elsewhere_reach_the_server(
    hosts: tuple[str, ...], own: str, root: str
) -> None:
    assert root_of_pages(hosts, own) == root


def test_what_is_not_a_host_is_one_line() -> None:
    with pytest.raises(SettingsError, match="is not a host"):
        root_of_pages(["https://a b"], LAN)


@pytest.mark.parametrize(
    ("events", "path"),
    [
        ([FleetEvent(FLAGGED, 1.0, "lamp", DEVICE)], "/_/devices/lamp/24:0a:c4:00:00:01"),
        ([FleetEvent(FLAGGED, 1.0, "lamp", DEVICE)] * 2, "/_/devices"),
        ([FleetEvent(HALTED, 1.0, "lamp", ROLLOUT)], "/_/rollouts/lamp-7"),
        (
            [FleetEvent(PUBLISHED, 1.0, "lamp", {"version": "1.2.4+a/b"})],
            "/_/products/lamp/1.2.4%2Ba%2Fb",
        ),
        ([FleetEvent(PUBLISHED, 1.0, "lamp", {})], "/_/products/lamp"),
    ],
)
def test_each_event_has_a_page(events: list[FleetEvent], path: str, tmp_path: Path) -> None:
    assert LINKS.of_events(events) == ROOT + path
    assert PageLinks("").of_events(events) == ""
    if "/b" not in unquote(path):
        site = make(tmp_path).site
        routes = [route for page in PAGES for route in page(site)]
        assert any("GET" in route.methods and route.path_regex.match(path) for route in routes)


def test_every_kind_of_event_has_one() -> None:
    for kind in KINDS:
        assert LINKS.of_events([FleetEvent(kind, 1.0, "lamp", {})]).startswith(ROOT)
