"""The URLs of pages for people who are told something elsewhere: on a phone, in Home Assistant."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from urllib.parse import quote, urlsplit

from acpublish.fleet.fleet_events import FleetEvent
from acpublish.server.hosts import HTTPS, checked_host
from acpublish.server.pages.device_list import PATH as DEVICES
from acpublish.server.pages.device_list import device_path
from acpublish.server.pages.products_page import PATH as PRODUCTS
from acpublish.server.pages.rollout_page import rollout_path
from acpublish.wire import authority_of


def root_of_pages(hosts: Iterable[str], own_url: str) -> str:
    """Returns the URL of a server as people elsewhere reach it, without a slash at its end.

    Args:
        hosts: What ``--host`` names. The first with ``https://`` is where people reach it; any
            other is a name for the certificate of the server's own port for TLS.
        own_url: The URL of that port, or else of the other one.

    Returns:
        An empty text if only this machine can reach it.

    Raises:
        SettingsError: One of the hosts is neither a name nor an address.
    """
    names = list(hosts)
    for name in names:
        if name.startswith(HTTPS):
            return HTTPS + authority_of(checked_host(name.removeprefix(HTTPS)))
    own = urlsplit(own_url)
    if names and own.scheme == "https":
        return HTTPS + authority_of(checked_host(names[0]), own.port)
    return "" if ipaddress.ip_address(own.hostname or "").is_loopback else own_url


class PageLinks:
    """The pages of a server; each URL is empty if nobody elsewhere can open it."""

    def __init__(self, root: str) -> None:
        """Prepares the URLs.

        Args:
            root: The URL of the server, without a slash (:func:`root_of_pages`).
        """
        self._root = root

    def of_events(self, events: Sequence[FleetEvent]) -> str:
        """Returns the page about one event, or about several of a kind."""
        first = events[0]
        if device := first.data.get("device"):
            return self._url(DEVICES) if len(events) > 1 else self.of_device(str(device))
        if rollout := first.data.get("rollout"):
            return self._url(rollout_path(str(rollout)))
        return self.of_release(first.product, first.data.get("version"))

    def of_device(self, device_id: str) -> str:
        """Returns the page of a device."""
        return self._url(device_path(device_id))

    def of_release(self, product: str, version: str | None) -> str:
        """Returns the page of a release, or that of the product."""
        parts = [quote(part, safe="") for part in (product, version or "") if part]
        return self._url("/".join([PRODUCTS, *parts]))

    def _url(self, path: str) -> str:
        return self._root and self._root + path
