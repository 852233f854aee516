"""The fleet of a server, over HTTP: its devices and rollouts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from acpublish.client.address import Address, parse_address
from acpublish.client.fleet_requests import Document, FleetRequests
from acpublish.client.responses import unexpected
from acpublish.client.retry import Patience
from acpublish.errors import (
    SettingsError,
)
from acpublish.fleet.device_changes import DeviceChange
from acpublish.fleet.policy import Policy


class FleetClient:
    """A client of the fleet of one server.

    DEVICE (``ref``) is an id, a MAC address in any usual spelling, ``PRODUCT/MAC``, or a name where
    it is unique; a rollout is its id, or a product that has one that is open. Documents are those
    of the HTTP API.

    Example:
        >>> import acpublish
        >>> fleet = acpublish.FleetClient("http://192.168.1.10:8000", token)
        >>> for device in fleet.devices(product="lamp", stuck=True):
        ...     print(device["name"] or device["id"], device["flags"])
        kitchen ['does-not-fit']
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        insecure_http: bool = False,
        ca: str | Path | None = None,
        timeout_s: float = 20.0,
        patience: Patience | None = None,
    ) -> None:
        """Prepares the exchanges with a server; nothing is sent yet.

        Args:
            url: Its URL.
            token: A token of the scope ``read``, or of ``manage`` to change something.
            insecure_http: Send the token over plain http even to another machine.
            ca: The PEM file of the only CAs to trust for the server's TLS.
            timeout_s: How long to wait for a response.
            patience: How long to try in all.

        Raises:
            SettingsError: The URL cannot be used, or the token must not be sent there.
        """
        self._connect(
            parse_address(url, token=token, insecure_http=insecure_http, ca=ca),
            timeout_s,
            patience,
        )

    @classmethod
    def on_this_machine(
        cls, url: str, token: str, *, timeout_s: float = 20.0, patience: Patience | None = None
    ) -> FleetClient:
        """Returns the client of a server that runs here, to which no proxy is in between.

        Args:
            url: Its URL; it may have any address of this machine.
            token: What it accepts from commands of this machine.
            timeout_s: How long to wait for a response.
            patience: How long to try in all.

        Raises:
            SettingsError: The URL cannot be used.
        """
        client = cls(url, token, insecure_http=True)
        client._connect(replace(client._address, here=True), timeout_s, patience)
        return client

    def _connect(self, address: Address, timeout_s: float, patience: Patience | None) -> None:
        self._address = address
        self._requests = FleetRequests(address, timeout_s, patience)

    def need_server(self) -> None:
        """Raises why the server cannot be reached, or does not accept the token.

        Raises:
            TransferError: It cannot be reached, refuses, or sends something else.
        """
        self._requests.items("GET", "/devices?limit=1", "devices")

    @property
    def served(self) -> bool:
        """Whether a server runs, so that devices can ask and rollouts go on: this is one."""
        return True

    def devices(
        self,
        *,
        product: str | None = None,
        board: str | None = None,
        version: str | None = None,
        tag: str | None = None,
        group: str | None = None,
        not_seen_s: float | None = None,
        stuck: bool = False,
        flagged: bool = False,
    ) -> Iterator[Document]:
        """Yields the devices to which all of this applies, sorted by their ids.

        Args:
            product: The product.
            board: The board that they request.
            version: What they run by their digests, or are believed to run.
            tag: A tag that they have.
            group: A group that they are in.
            not_seen_s: For how many seconds they have not been seen.
            stuck: Only those that something keeps from their update.
            flagged: Only those that have a flag.

        Raises:
            AcpublishError: A value is invalid, or the server cannot be reached or refuses.
        """
        wanted = {
            "product": product,
            "board": board,
            "version": version,
            "tag": tag,
            "group": group,
            "not_seen_s": not_seen_s,
            "stuck": "true" if stuck else None,
            "flagged": "true" if flagged else None,
        }
        yield from self._requests.pages("/devices", "devices", wanted)

    def device(self, ref: str) -> Document:
        """Returns a device's story.

        Raises:
            NotFoundError: There is no such device.
            ConflictError: Several have this name.
            TransferError: The server cannot be reached, refuses, or sends something else.
        """
        return self._requests.document("GET", f"/devices/{_quoted(ref)}")

    def change(
        self,
        ref: str,
        *,
        name: str | None = None,
        note: str | None = None,
        add_tags: Iterable[str] = (),
        remove_tags: Iterable[str] = (),
        add_groups: Iterable[str] = (),
        remove_groups: Iterable[str] = (),
    ) -> Document:
        """Changes what people say of a device, and returns its story.

        Args:
            ref: The device.
            name: What to call it; empty for no name.
            note: What to say of it; empty for nothing.
            add_tags: Tags that it gets.
            remove_tags: Tags that it loses.
            add_groups: Groups that it joins.
            remove_groups: Groups that it leaves.

        Raises:
            SettingsError: A text is invalid.
            BadNameError: A tag or a group is not a name.
            AcpublishError: As for :meth:`device`.
        """
        change = DeviceChange(
            name=name,
            note=note,
            add_tags=tuple(add_tags),
            remove_tags=tuple(remove_tags),
            add_groups=tuple(add_groups),
            remove_groups=tuple(remove_groups),
        )
        return self._changed(ref, change)

    def pin(self, ref: str, version: str, *, order_back: bool = False) -> Document:
        """Lets a device have only one version, and returns its story.

        Args:
            ref: The device.
            version: The version.
            order_back: Whether to offer it even if it is lower than what the device runs.

        Raises:
            VersionError: The version is not one.
            AcpublishError: As for :meth:`device`; there may be no such release.
        """
        return self._changed(ref, DeviceChange.to_version(version, order_back=order_back))

    def hold(self, ref: str) -> Document:
        """Offers a device nothing until it is cleared; errors are those of :meth:`device`."""
        return self._changed(ref, DeviceChange.to_nothing())

    def clear(self, ref: str) -> Document:
        """Ends a pin and a hold of a device; errors are those of :meth:`device`."""
        return self._changed(ref, DeviceChange.to_anything())

    def _changed(self, ref: str, change: DeviceChange) -> Document:
        return self._requests.document("POST", f"/devices/{_quoted(ref)}", change.to_dict())

    def retry(self, ref: str) -> Document:
        """Lets a device try again that failed; its story says whether it had (``retried``)."""
        return self._requests.document("POST", f"/devices/{_quoted(ref)}/retry", {})

    def retry_flagged(self) -> list[Document]:
        """Lets all those devices try again, and returns them."""
        return self._requests.items("POST", "/retry-flagged", "devices", {})[0]

    def forget(self, ref: str) -> Document:
        """Forgets a device, and returns what was known of it; errors as for :meth:`device`."""
        return self._requests.document("DELETE", f"/devices/{_quoted(ref)}", once=True)

    def explain(self, ref: str) -> Document:
        """Returns what a device would get now, and what each rule says of it.

        Raises:
            AcpublishError: As for :meth:`device`.
        """
        return self._requests.document("GET", f"/devices/{_quoted(ref)}/explanation")

    def rollouts(self, product: str | None = None) -> list[Document]:
        """Returns the rollouts, also those that have ended, the oldest first.

        Raises:
            TransferError: The server cannot be reached, refuses, or sends something else.
        """
        return list(self._requests.pages("/rollouts", "rollouts", {"product": product}))

    def rollout(self, ref: str) -> Document:
        """Returns a rollout's details.

        Raises:
            NotFoundError: There is no such rollout, or none of the product is open.
            ConflictError: Several rollouts of the product are open.
            TransferError: The server cannot be reached, refuses, or sends something else.
        """
        return self._requests.document("GET", f"/rollouts/{_quoted(ref)}")

    def pause(self, ref: str, reason: str = "") -> Document:
        """Offers the release to nobody until the rollout is resumed.

        Raises:
            ConflictError: The rollout has ended.
            AcpublishError: As for :meth:`rollout`.
        """
        return self._requests.document(
            "POST", f"/rollouts/{_quoted(ref)}/pause", {"reason": reason}
        )

    def resume(self, ref: str) -> Document:
        """Goes on with a paused rollout; errors are those of :meth:`pause`."""
        return self._requests.document("POST", f"/rollouts/{_quoted(ref)}/resume", {}, once=True)

    def advance(self, ref: str) -> Document:
        """Goes to the next stage without waiting for soak or evidence; errors as for `pause`."""
        return self._requests.document("POST", f"/rollouts/{_quoted(ref)}/advance", {}, once=True)

    def abort(self, ref: str, reason: str = "") -> Document:
        """Ends a rollout; the channel stays at the settled release; errors as for `pause`."""
        body = {"reason": reason}
        return self._requests.document("POST", f"/rollouts/{_quoted(ref)}/abort", body, once=True)

    def start(
        self,
        product: str,
        version: str,
        channel: str,
        policy: Policy,
        *,
        offers_from: int | None = None,
        boards: Iterable[str] = (),
    ) -> Document:
        """Sends a release to a channel in stages, and returns the rollout's details.

        Args:
            product: The product.
            version: The release.
            channel: The channel.
            policy: The stages and thresholds.
            offers_from: Offer nothing before this time, in seconds since 1970.
            boards: The boards; all of the release's if empty.

        Raises:
            NotFoundError: There is no such release, or it has no image for a board.
            ConflictError: It was taken back, or is lower than what the channel points at.
            TransferError: The server cannot be reached, refuses, or sends something else.
        """
        body = {
            **_what(product, version, channel, policy),
            "offers_from": offers_from,
            "boards": list(boards),
        }
        return self._requests.document("POST", "/rollouts", body, once=True)

    def plan(
        self,
        product: str,
        version: str,
        channel: str,
        policy: Policy,
        *,
        boards: Iterable[str] = (),
    ) -> list[int]:
        """Returns how many devices each stage would reach, with those before it.

        Args:
            product: The product.
            version: The release.
            channel: The channel.
            policy: The stages and thresholds.
            boards: The boards; all of the release's if empty.

        Raises:
            NotFoundError: There is no such release, or it has no image for a board.
            SettingsError: A stage is for a tag or a group that no device has.
            TransferError: The server cannot be reached, refuses, or sends something else.
        """
        body = _what(product, version, channel, policy)
        # A server that does not know the key refuses it, and is asked for all boards without it.
        if own := list(boards):
            body["boards"] = own
        document = self._requests.document("POST", "/plan", body)
        stages = document.get("stages")
        if not isinstance(stages, list) or not all(type(each) is int for each in stages):
            raise unexpected(self._address, "something other than a plan")
        return stages

    def status(self) -> Document:
        """Counts the devices by product, board and version.

        Raises:
            TransferError: The server cannot be reached, refuses, or sends something else.
        """
        return self._requests.document("GET", "/status")


def _quoted(ref: str) -> str:
    if not ref.strip():
        raise SettingsError("no device or rollout is named", hint="Use its id or its name.")
    return quote(ref, safe="")


def _what(product: str, version: str, channel: str, policy: Policy) -> Document:
    return {
        "product": product,
        "version": version,
        "channel": channel,
        "policy": policy.to_dict(),
    }
