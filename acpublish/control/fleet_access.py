"""How people reach a fleet: a server over HTTP, or a state folder where no server runs.

:func:`acpublish.control.open_fleet.open_fleet` chooses. Whatever it returns has the same methods,
and returns the same documents, made of JSON types; times are in seconds since 1970.

A *device* of a list has ``id``, ``mac``, ``name``, ``product``, ``board``, ``family``, ``runs``,
``claims``, ``first_seen``, ``last_seen``, ``flags``, ``tags`` and ``groups``. Its *story* also has
``channel``, ``address``, ``chip``, ``note``, ``pin`` (``{"version", "order_back"}`` or None),
``hold``, ``obstacle``, ``unverified``, ``visits``, ``gaps``, ``longest_gap_s``, ``report`` (what it
last sent about itself), ``box`` (``{"whole", "broken", "until", "offered_at"}``), ``offers``
(``[{"at", "version", "kind", "rollout", "became"}]``, the oldest first) and ``received``: the
``firmware`` and the ``filesystem`` that it last received whole (``{"at", "sha256"}`` or None).

A *rollout* has ``id``, ``product``, ``version``, ``channel``, ``state``, ``reason``, ``stage`` and
``stages`` (``[{"target", "devices", "offered", "delivered", "running", "failed", "unrecognised",
"pending"}]``). Its *details* also have ``policy``, ``started_at``, ``offers_from``, ``boards``
(``[{"boards", "stage", "done"}]``), ``way_back`` (``{"stage", "ordered", "returned"}`` or None) and
``devices``: for each stage the ids of its devices by what became of them, at most
:data:`MAX_NAMED` of each (``[{"running", "failed", "unrecognised", "pending"}]``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from acpublish.fleet.policy import Policy

Document = dict[str, Any]
#: How many ids of devices a rollout's details have of each kind.
MAX_NAMED = 50


class Fleet(Protocol):
    """A fleet: its devices, and its rollouts.

    DEVICE (``ref``) is an id, a MAC address in any usual spelling, ``PRODUCT/MAC``, or a name where
    it is unique. Each method raises:

    * ``NotFoundError``: there is no such device, rollout, product, release or channel.
    * ``ConflictError``: several devices have this name, or a rollout's state forbids the change.
    * ``SettingsError`` or ``BadNameError``: a value is invalid.
    * ``StoreError``: the store cannot be read or written; nothing was changed.
    * ``TransferError``: the server cannot be reached, or refuses.
    """

    @property
    def served(self) -> bool:
        """Whether a server runs, so that devices can ask and rollouts go on."""
        ...

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
        """Yields the devices to which all of this applies, sorted by their ids."""
        ...

    def device(self, ref: str) -> Document:
        """Returns a device's story."""
        ...

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
        """Changes what people say of a device; an empty name or note removes it."""
        ...

    def pin(self, ref: str, version: str, *, order_back: bool = False) -> Document:
        """Lets a device have only this version; a lower one only with ``order_back``."""
        ...

    def hold(self, ref: str) -> Document:
        """Offers a device nothing until it is cleared."""
        ...

    def clear(self, ref: str) -> Document:
        """Ends a pin and a hold."""
        ...

    def retry(self, ref: str) -> Document:
        """Lets a device try again that failed; its story says whether it had (``retried``)."""
        ...

    def retry_flagged(self) -> list[Document]:
        """Lets all those devices try again, and returns them."""
        ...

    def forget(self, ref: str) -> Document:
        """Forgets a device, and returns what was known of it."""
        ...

    def explain(self, ref: str) -> Document:
        """Returns what a device would get now, and what each rule says of it."""
        ...

    def rollouts(self, product: str | None = None) -> list[Document]:
        """Returns the rollouts, also those that have ended, the oldest first."""
        ...

    def rollout(self, ref: str) -> Document:
        """Returns a rollout's details, by its id, or by a product that has one that is open."""
        ...

    def pause(self, ref: str, reason: str = "") -> Document:
        """Offers the release to nobody until the rollout is resumed."""
        ...

    def resume(self, ref: str) -> Document:
        """Goes on with a paused rollout."""
        ...

    def advance(self, ref: str) -> Document:
        """Goes to the next stage without waiting for soak or evidence."""
        ...

    def abort(self, ref: str, reason: str = "") -> Document:
        """Ends a rollout; the channel stays at the settled release."""
        ...

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
        """
        ...

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
        """
        ...

    def status(self) -> Document:
        """Counts devices: ``{"devices": [{"product", "board", "version", "claims", "count"}]}``.

        ``version`` is what they run by their digest, None if that is not known; then ``claims`` is
        what they claim.
        """
        ...


class Destination(Protocol):
    """Where a fleet is: what :class:`acpublish.publishing.options.Destination` has."""

    @property
    def to(self) -> str:
        """A catalog's directory, or the URL of a server."""
        ...

    @property
    def is_server(self) -> bool:
        """Whether it is a URL."""
        ...

    @property
    def token(self) -> str | None:
        """A token of the server."""
        ...

    @property
    def insecure_http(self) -> bool:
        """Whether the token may be sent over plain http to another machine."""
        ...

    @property
    def ca(self) -> Any:
        """The file of the only CAs to trust."""
        ...

    @property
    def state(self) -> Any:
        """The state folder of a directory."""
        ...
